#include "cli/answer.h"

#include "cli/chat_context.h"
#include "core/json_text.h"
#include "core/progress.h"

#include <limits>

namespace puna {

namespace {

// The first token's time belongs to the prompt, so the speed of a single token is undefined.
bool has_speed(const Answer& answer) { return answer.tokens_per_second() > 0; }

std::string unescaped(std::string_view text) {
    constexpr std::string_view letters = "nt\\", characters = "\n\t\\";
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        size_t escape = text[i] == '\\' && i + 1 < text.size() ? letters.find(text[i + 1]) : letters.npos;
        out += escape == letters.npos ? text[i] : characters[escape];
        i += escape != letters.npos;
    }
    return out;
}

}  // namespace

GenerateOptions with_model_defaults(const Engine& engine, const Flags& flags, GenerateOptions requested) {
    GenerateOptions options = requested;
    options.sample = engine.defaults();
    std::vector<Field> fields = list_fields(options.sample), flag_fields = list_fields(requested.sample);
    for (size_t i = 0; i < fields.size(); ++i)
        if (flags.given(fields[i].name)) copy_value(fields[i], flag_fields[i]);
    unescape_stops(options);
    return options;
}

void unescape_stops(GenerateOptions& options) {
    for (std::string& stop : options.stop) stop = unescaped(stop);
}

std::vector<FieldNote> notes_on(const GenerateOptions& options, const Engine& engine, const Flags& flags) {
    return notes_on(options, engine, [&](std::string_view field) { return flags.given(field); });
}

std::vector<FieldNote> notes_on(const GenerateOptions& options, const Engine& engine,
                                const std::function<bool(std::string_view)>& given) {
    if (std::string larger = larger_context_flag(engine.context(), max_context(engine.config()));
        options.max_tokens >= engine.context())
        fail_value("max_tokens", "{} leaves no room for a prompt in a context of {}; use a smaller one{}",
                   options.max_tokens, engine.context(), larger.empty() ? "" : ", or start with " + larger);
    std::vector<FieldNote> notes;
    std::string_view reason = why_greedy(options.sample),
                     cause = options.sample.temperature == 0 ? "temperature" : "top_k";
    for (std::string_view field : {"temperature", "top_p", "top_k", "min_p", "seed"})
        if (!reason.empty() && field != cause && given(field))
            notes.push_back({std::string(field), fmt::format("has no effect, {}", reason)});
    return notes;
}

std::string_view why_greedy(const SampleOptions& sample) {
    if (sample.temperature == 0) return "a temperature of 0 always picks the most likely token";
    return sample.top_k == 1 ? "a top_k of 1 always picks the most likely token" : "";
}

int64_t seed_after(int64_t seed, int64_t n) {
    constexpr auto largest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return static_cast<int64_t>((static_cast<uint64_t>(seed) + static_cast<uint64_t>(n)) & largest);
}

std::string speed_line(const Answer& answer) {
    std::string line = format_count(static_cast<int64_t>(answer.ids.size()), "token");
    if (has_speed(answer)) line += fmt::format(", {:.0f} tokens/s", answer.tokens_per_second());
    return line;
}

std::string answer_json(const Answer& answer, std::optional<std::string_view> prompt) {
    JsonObject json{{"text", answer.text},
                    {"ids", answer.ids},
                    {"finish", name_of(answer.finish)},
                    {"prompt_tokens", answer.prompt_tokens},
                    {"reused_tokens", answer.reused},
                    {"tokens", answer.ids.size()},
                    {"seed", answer.seed},
                    {"prompt_seconds", answer.prompt_seconds}};
    if (has_speed(answer)) json.add("tokens_per_second", answer.tokens_per_second());
    if (prompt) json.add("prompt", *prompt);
    return json.text();
}

}  // namespace puna
