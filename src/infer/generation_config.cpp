#include "infer/generation_config.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/fields.h"
#include "core/json.h"

namespace puna {

namespace {

constexpr size_t max_stops = 64;

[[noreturn]] void fail_type(const JsonEvent& event, std::string_view key, std::string_view kind,
                            std::string_view path) {
    if (event.kind == JsonEvent::number && event.is_whole_number())
        fail("{}: '{}' is {}, which is too large", path, key, printable(event.raw));
    fail("{}: '{}' must be {}", path, key, kind);
}

void add_stop(GenerationConfig& config, const JsonEvent& event, std::string_view path) {
    if (event.kind != JsonEvent::integer) fail_type(event, "eos_token_id", "an integer or a list of integers", path);
    std::optional<int32_t> id = checked_cast<int32_t>(event.integer_value);
    if (!id || *id < 0) fail("{}: 'eos_token_id' is {}, which is not a token id", path, event.integer_value);
    if (config.stops.size() == max_stops) fail("{}: 'eos_token_id' has more than {} ids", path, max_stops);
    config.stops.push_back(*id);
}

void set_sample_option(SampleOptions& sample, std::string_view key, const JsonEvent& event, std::string_view path) {
    for (Field& field : list_fields(sample)) {
        if (field.name != key || key == "seed") continue;
        if (event.kind != JsonEvent::integer && event.kind != JsonEvent::number)
            fail_type(event, key, "a number", path);
        if (float** number = std::get_if<float*>(&field.value)) **number = static_cast<float>(event.number_value);
        if (int** number = std::get_if<int*>(&field.value)) {
            if (event.kind != JsonEvent::integer) fail_type(event, key, "an integer", path);
            std::optional<int> integer = checked_cast<int>(event.integer_value);
            if (!integer) fail("{}: '{}' is {}, which is too large", path, key, event.integer_value);
            **number = *integer;
        }
    }
}

// Parses the top-level object field by field.
class GenerationConfigReader {
 public:
    explicit GenerationConfigReader(std::string_view path) : path_(path) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path_);
        if (event.kind == JsonEvent::key && event.depth == 1) key_ = event.text;
        bool ends = event.kind == JsonEvent::end_array || event.kind == JsonEvent::end_object;
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::null || ends) return;
        if (key_ == "eos_token_id" && (event.depth == 2 || event.kind != JsonEvent::begin_array))
            add_stop(config_, event, path_);
        if (event.depth != 1) return;
        set_sample_option(config_.sample, key_, event, path_);
        if (key_ != "do_sample") return;
        if (event.kind != JsonEvent::boolean) fail_type(event, key_, "true or false", path_);
        do_sample_ = event.integer_value != 0;
    }

    GenerationConfig finish() {
        try {
            validate(config_.sample);
        } catch (const Error& problem) {
            fail("{}: {}", path_, problem.what());
        }
        if (!do_sample_) config_.sample.temperature = 0;
        return std::move(config_);
    }

 private:
    std::string_view path_;
    std::string key_;
    // Defaults of transformers' GenerationConfig.
    GenerationConfig config_{.sample = {.temperature = 1, .top_p = 1, .top_k = 50}};
    bool do_sample_ = false;
};

}  // namespace

GenerationConfig parse_generation_config(std::string_view json, std::string_view path) {
    GenerationConfigReader reader(path);
    read_json(json, path, [&](const JsonEvent& event) { reader.on_event(event); });
    return reader.finish();
}

}  // namespace puna
