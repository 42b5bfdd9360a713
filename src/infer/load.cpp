#include "infer/load.h"

#include "core/checked.h"
#include "core/fields.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "model/load.h"
#include "tokenizer/files.h"

#include <cmath>

namespace puna {

namespace {

constexpr size_t most_stops = 64;

void take_stop(GenerationConfig& config, const JsonEvent& event, std::string_view path) {
    std::optional<int32_t> id = checked_cast<int32_t>(event.integer_value);
    if (!id || *id < 0) fail("{}: 'eos_token_id' is {}", path, event.integer_value);
    if (config.stops.size() == most_stops) fail("{}: more than {} of 'eos_token_id'", path, most_stops);
    config.stops.push_back(*id);
}

void take_number(SampleOptions& sample, std::string_view key, const JsonEvent& event, std::string_view path) {
    for (Field& field : list_fields(sample)) {
        if (field.name != key || key == "seed") continue;
        if (event.kind != JsonEvent::integer && event.kind != JsonEvent::number)
            fail("{}: '{}' must be a number", path, key);
        if (float** number = std::get_if<float*>(&field.value)) **number = static_cast<float>(event.number_value);
        if (int** number = std::get_if<int*>(&field.value)) {
            std::optional<int> whole = checked_cast<int>(event.integer_value);
            if (event.kind != JsonEvent::integer || !whole) fail("{}: '{}' must be a whole number", path, key);
            **number = *whole;
        }
    }
}

}  // namespace

GenerationConfig parse_generation_config(std::string_view json, std::string_view path) {
    GenerationConfig config;
    std::string key;
    bool sampling = true;
    read_json(json, path, [&](const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", path);
        if (event.kind == JsonEvent::key && event.depth == 1) key = event.text;
        bool value = event.kind != JsonEvent::key && event.kind != JsonEvent::null;
        if (value && event.depth == 1) take_number(config.sample, key, event, path);
        if (event.kind == JsonEvent::integer && event.depth <= 2 && key == "eos_token_id")
            take_stop(config, event, path);
        if (event.kind == JsonEvent::boolean && event.depth == 1 && key == "do_sample")
            sampling = event.integer_value != 0;
    });
    if (!sampling) config.sample.temperature = 0;
    try {
        validate(config.sample);
    } catch (const Error& problem) {
        fail("{}: {}", path, problem.what());
    }
    return config;
}

namespace {

GenerationConfig read_generation_config(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return {};
    return parse_generation_config(MappedFile(path).text(), path.string());
}

}  // namespace

void validate(const LoadEngine& options) {
    weights_dtype(options.type);
    if (options.context < 0) fail("context: must be 0 or more");
}

Engine load_engine(const std::filesystem::path& folder, const LoadEngine& options) {
    validate(options);
    GenerationConfig config = read_generation_config(folder / "generation_config.json");
    Llama llama = load_llama(folder, {.dtype = weights_dtype(options.type)});
    return Engine(std::move(llama), load_tokenizer(folder), {.context = options.context, .slots = options.slots},
                  config.sample, config.stops);
}

}  // namespace puna
