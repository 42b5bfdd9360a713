// model/config_values.h — type-checked access to the fields of config.json. Used by model/config.cpp only.
//
//   ConfigValues values(R"({"hidden_size": 64})", "config.json");
//   int64_t dim = values.integer("hidden_size", 4096);  // 4096 if missing or null; Error if not an integer
//   double factor = values.number("rope.factor");       // of rope_scaling or rope_parameters; Error if missing
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

// Known fields by key: "hidden_size"; "rope.factor" is that of rope_scaling or, without it, of rope_parameters. Unknown
// fields and nulls are ignored; of `architectures` the last counts. An array or object in place of a scalar is stored
// as such and rejected on access.
class ConfigValues {
 public:
    ConfigValues(std::string_view json, std::string_view path) : path_(path) {
        read_json(json, path, [this](const JsonEvent& event) { on_event(event); });
    }

    int64_t integer(const std::string& key, std::optional<int64_t> fallback = {}) const {
        const Value* value = find(key, fallback.has_value());
        if (!value) return *fallback;
        if (value->is_whole_number && value->kind != JsonEvent::integer)
            fail("{}: '{}' is {}, which does not fit in 64 bits", path_, name_of(key), printable(value->text));
        if (value->kind != JsonEvent::integer) fail("{}: '{}' must be an integer", path_, name_of(key));
        return value->integer;
    }
    double number(const std::string& key, std::optional<double> fallback = {}) const {
        const Value* value = find(key, fallback.has_value());
        if (!value) return *fallback;
        bool fits = value->kind == JsonEvent::integer || value->kind == JsonEvent::number;
        if (!fits) fail("{}: '{}' must be a number", path_, name_of(key));
        if (!std::isfinite(value->number))
            fail("{}: '{}' is out of range: {}", path_, name_of(key), printable(value->text));
        return value->number;
    }
    bool flag(const std::string& key, bool fallback) const {
        const Value* value = find(key, true);
        if (!value) return fallback;
        if (value->kind != JsonEvent::boolean) fail("{}: '{}' must be true or false", path_, key);
        return value->integer != 0;
    }
    std::string text(const std::string& key, const std::string& fallback) const {
        const Value* value = find(key, true);
        if (!value) return fallback;
        if (value->kind != JsonEvent::string) fail("{}: '{}' must be a string", path_, name_of(key));
        return value->text;
    }
    bool has(const std::string& key) const { return find(key, true) != nullptr; }
    bool is_present(const std::string& key) const { return present_.contains(key); }  // even if null
    const std::vector<int64_t>& eos() const { return eos_; }
    std::string_view path() const { return path_; }

    // The name in the file: "rope_scaling.factor". If both are present, rope_scaling wins, as in transformers.
    std::string name_of(const std::string& key) const {
        if (!key.starts_with("rope.")) return key;
        return (present_.contains("rope_scaling.") ? "rope_scaling" : "rope_parameters") + key.substr(4);
    }

 private:
    static constexpr size_t max_eos = 64;

    struct Value {
        JsonEvent::Kind kind;
        bool is_whole_number;
        int64_t integer;
        double number;
        std::string text;
    };

    static bool is_rope(std::string_view key) { return key == "rope_scaling" || key == "rope_parameters"; }
    static bool is_quantization(std::string_view key) {
        return key == "quantization_config" || key == "compression_config";
    }

    void on_event(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path_);
        if (event.kind == JsonEvent::key) {
            if (event.depth == 1) begin_field(event.text);
            if (event.depth == 2) begin_nested_field(event.text);
            return;
        }
        if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) return;
        if (event.depth == 2 && field_ == "eos_token_id") return add_eos(event);
        if (event.kind == JsonEvent::null) return;
        if (event.depth == 1 && (is_rope(field_) || is_quantization(field_)))
            expect_object(event);
        else if (event.depth == 1 && field_ == "eos_token_id")
            begin_eos(event);
        else if (event.depth == 2 && field_ == "architectures" && event.kind == JsonEvent::string)
            store("architectures", "architectures", event);
        else if (event.depth == 1 && field_ != "architectures")
            store(field_, field_, event);
        else if (event.depth == 2 && is_rope(field_))
            store(field_ + "." + nested_field_, "rope." + nested_field_, event);
        else if (event.depth == 2 && is_quantization(field_))
            store(field_ + "." + nested_field_, "quantization." + nested_field_, event);
    }
    // Of duplicate fields the last one counts, as in Python's json.
    void begin_field(std::string_view name) {
        field_ = name;
        if (field_ == "eos_token_id") eos_.clear();
        auto belongs = [this](const std::string& key) { return key == field_ || key.starts_with(field_ + "."); };
        std::erase_if(values_, [&](const auto& value) { return belongs(value.first); });
        std::erase_if(present_, belongs);
        if (field_ == "eos_token_id" || field_ == "bos_token_id") present_.insert(field_);
    }
    void begin_nested_field(std::string_view name) {
        nested_field_ = name;
        if (is_rope(field_) || is_quantization(field_)) present_.insert(field_ + ".");  // not empty
    }
    void expect_object(const JsonEvent& event) const {
        if (event.kind != JsonEvent::begin_object) fail("{}: '{}' must be an object or null", path_, field_);
    }
    void begin_eos(const JsonEvent& event) {
        if (event.kind != JsonEvent::begin_array) add_eos(event);
    }
    void add_eos(const JsonEvent& event) {
        if (event.kind == JsonEvent::number && event.is_whole_number())
            fail("{}: 'eos_token_id' is {}, which does not fit in 64 bits", path_, printable(event.raw));
        if (event.kind != JsonEvent::integer)
            fail("{}: 'eos_token_id' must be an integer or a list of integers", path_);
        if (eos_.size() == max_eos) fail("{}: 'eos_token_id' has more than {} ids", path_, max_eos);
        eos_.push_back(event.integer_value);
    }
    void store(const std::string& path, std::string_view known_as, const JsonEvent& event) {
        static constexpr std::string_view known[] = {"model_type",
                                                     "architectures",
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
            fail("{}: '{}' is too long: {} bytes", path_, path, event.text.size());
        values_[path] = {event.kind, event.is_whole_number(), event.integer_value, event.number_value,
                         std::string((event.kind == JsonEvent::string ? event.text : event.raw).substr(0, 256))};
    }
    const Value* find(const std::string& key, bool optional) const {
        auto found = values_.find(name_of(key));
        if (found == values_.end() && !optional) fail("{}: '{}' is missing", path_, name_of(key));
        return found == values_.end() ? nullptr : &found->second;
    }

    std::string_view path_;
    std::string field_, nested_field_;
    std::map<std::string, Value> values_;
    std::set<std::string> present_;  // token id fields, even if null; "rope_scaling." etc. if not empty
    std::vector<int64_t> eos_;
};

}  // namespace puna
