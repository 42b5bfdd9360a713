// model/config_values.h — the fields of a config.json that make a Config, with their kinds. Only for model/config.cpp.
//
//   ConfigValues values(R"({"hidden_size": 64})", "config.json");
//   int64_t dim = values.whole("hidden_size", 4096);    // 4096 where it is missing or null; Error where it is no number
//   double factor = values.number("rope.factor");       // of rope_scaling or rope_parameters; Error where it is missing
#pragma once
#include "core/error.h"
#include "core/json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// The values that matter, by their path: "hidden_size", "rope.factor" for the one of rope_scaling and rope_parameters
// that counts. Everything else is passed over, and so is null; a list or object where a number was due is kept as such,
// to be refused.
class ConfigValues {
 public:
    ConfigValues(std::string_view json, std::string_view path) : path_(path) {
        read_json(json, path, [this](const JsonEvent& event) { take(event); });
    }

    int64_t whole(const std::string& key, std::optional<int64_t> otherwise = {}) const {
        const Value* value = find(key, otherwise.has_value());
        if (!value) return *otherwise;
        if (value->is_whole && value->kind != JsonEvent::integer)
            fail("{}: '{}' is {}, a whole number of more than 64 bits", path_, name_of(key), printable(value->text));
        if (value->kind != JsonEvent::integer) fail("{}: '{}' must be a whole number", path_, name_of(key));
        return value->integer;
    }
    double number(const std::string& key, std::optional<double> otherwise = {}) const {
        const Value* value = find(key, otherwise.has_value());
        if (!value) return *otherwise;
        bool fits = value->kind == JsonEvent::integer || value->kind == JsonEvent::number;
        if (!fits || !std::isfinite(value->number)) fail("{}: '{}' must be a number", path_, name_of(key));
        return value->number;
    }
    bool flag(const std::string& key, bool otherwise) const {
        const Value* value = find(key, true);
        if (!value) return otherwise;
        if (value->kind != JsonEvent::boolean) fail("{}: '{}' must be true or false", path_, key);
        return value->integer != 0;
    }
    std::string text(const std::string& key, const std::string& otherwise) const {
        const Value* value = find(key, true);
        if (!value) return otherwise;
        if (value->kind != JsonEvent::string) fail("{}: '{}' must be a text", path_, name_of(key));
        return value->text;
    }
    bool has(const std::string& key) const { return find(key, true) != nullptr; }
    bool names(const std::string& key) const { return named_.contains(key); }  // also as null
    const std::vector<int64_t>& eos() const { return eos_; }
    std::string_view path() const { return path_; }

    // As the file spells it: "rope_scaling.factor". Where both are there, transformers takes rope_scaling.
    std::string name_of(const std::string& key) const {
        if (!key.starts_with("rope.")) return key;
        return (named_.contains("rope_scaling.") ? "rope_scaling" : "rope_parameters") + key.substr(4);
    }

 private:
    static constexpr size_t max_eos = 64;

    struct Value {
        JsonEvent::Kind kind;
        bool is_whole;
        int64_t integer;
        double number;
        std::string text;
    };

    static bool is_rope(std::string_view key) { return key == "rope_scaling" || key == "rope_parameters"; }
    static bool is_quantization(std::string_view key) {
        return key == "quantization_config" || key == "compression_config";
    }

    void take(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path_);
        if (event.kind == JsonEvent::key) {
            if (event.depth == 1) begin_field(event.text);
            if (event.depth == 2) begin_inner(event.text);
            return;
        }
        if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) return;
        if (event.depth == 2 && top_ == "eos_token_id") return note_eos(event);
        if (event.kind == JsonEvent::null) return;
        if (event.depth == 1 && (is_rope(top_) || is_quantization(top_)))
            expect_object(event);
        else if (event.depth == 1 && top_ == "eos_token_id")
            begin_eos(event);
        else if (event.depth == 1)
            keep(top_, top_, event);
        else if (event.depth == 2 && is_rope(top_))
            keep(top_ + "." + inner_, "rope." + inner_, event);
        else if (event.depth == 2 && is_quantization(top_))
            keep(top_ + "." + inner_, "quantization." + inner_, event);
    }
    // Of a field that is there twice the last counts, as Python's reader has it.
    void begin_field(std::string_view name) {
        top_ = name;
        if (top_ == "eos_token_id") eos_.clear();
        auto belongs = [this](const std::string& key) { return key == top_ || key.starts_with(top_ + "."); };
        std::erase_if(values_, [&](const auto& value) { return belongs(value.first); });
        std::erase_if(named_, belongs);
        if (top_ == "eos_token_id" || top_ == "bos_token_id") named_.insert(top_);
    }
    void begin_inner(std::string_view name) {
        inner_ = name;
        if (is_rope(top_) || is_quantization(top_)) named_.insert(top_ + ".");  // it is not empty
    }
    void expect_object(const JsonEvent& event) const {
        if (event.kind != JsonEvent::begin_object) fail("{}: '{}' must be an object or null", path_, top_);
    }
    void begin_eos(const JsonEvent& event) {
        if (event.kind != JsonEvent::begin_array) note_eos(event);
    }
    void note_eos(const JsonEvent& event) {
        if (event.kind == JsonEvent::number && event.is_whole_number())
            fail("{}: 'eos_token_id' is {}, a whole number of more than 64 bits", path_, printable(event.raw));
        if (event.kind != JsonEvent::integer)
            fail("{}: 'eos_token_id' must be a whole number or a list of them", path_);
        if (eos_.size() == max_eos) fail("{}: more than {} of 'eos_token_id'", path_, max_eos);
        eos_.push_back(event.integer_value);
    }
    void keep(const std::string& path, std::string_view known_as, const JsonEvent& event) {
        static constexpr std::string_view known[] = {"model_type",
                                                     "hidden_size",
                                                     "intermediate_size",
                                                     "num_hidden_layers",
                                                     "num_attention_heads",
                                                     "num_key_value_heads",
                                                     "head_dim",
                                                     "vocab_size",
                                                     "max_position_embeddings",
                                                     "original_max_position_embeddings",
                                                     "partial_rotary_factor",
                                                     "rms_norm_eps",
                                                     "rope_theta",
                                                     "tie_word_embeddings",
                                                     "hidden_act",
                                                     "attention_bias",
                                                     "mlp_bias",
                                                     "bos_token_id",
                                                     "rope.rope_type",
                                                     "rope.type",
                                                     "rope.factor",
                                                     "rope.low_freq_factor",
                                                     "rope.high_freq_factor",
                                                     "rope.original_max_position_embeddings",
                                                     "rope.partial_rotary_factor",
                                                     "rope.rope_theta",
                                                     "quantization.quant_method",
                                                     "quantization.load_in_4bit",
                                                     "quantization.load_in_8bit"};
        if (std::find(std::begin(known), std::end(known), known_as) == std::end(known)) return;
        if (event.kind == JsonEvent::string && event.text.size() > 256)
            fail("{}: '{}' is a text of {} bytes", path_, path, event.text.size());
        values_[path] = {event.kind, event.is_whole_number(), event.integer_value, event.number_value,
                         std::string((event.kind == JsonEvent::string ? event.text : event.raw).substr(0, 256))};
    }
    const Value* find(const std::string& key, bool optional) const {
        auto at = values_.find(name_of(key));
        if (at == values_.end() && !optional) fail("{}: '{}' is missing", path_, name_of(key));
        return at == values_.end() ? nullptr : &at->second;
    }

    std::string_view path_;
    std::string top_, inner_;
    std::map<std::string, Value> values_;
    std::set<std::string> named_;  // of the token ids that are there, also as null; "rope_scaling." if it is not empty
    std::vector<int64_t> eos_;
};

}  // namespace puna
