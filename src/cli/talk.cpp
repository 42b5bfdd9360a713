#include "cli/talk.h"

#include <nlohmann/json.hpp>

namespace puna {

GenerateOptions advised(const Engine& engine, const Flags& flags, GenerateOptions said) {
    GenerateOptions options = said;
    options.sample = engine.defaults();
    std::vector<Field> to = list_fields(options.sample), from = list_fields(said.sample);
    for (size_t i = 0; i < to.size(); ++i)
        if (flags.given(to[i].name)) set_from_text(to[i], to_text(from[i]));
    return options;
}

std::string speed_line(const Answer& answer) {
    return fmt::format("{} token{}, {:.0f} tokens/s", answer.ids.size(), answer.ids.size() == 1 ? "" : "s",
                       answer.tokens_per_second());
}

std::string answer_json(const Answer& answer) {
    nlohmann::ordered_json json{{"text", answer.text},
                                {"ids", answer.ids},
                                {"finish", name_of(answer.finish)},
                                {"prompt_tokens", answer.prompt_tokens},
                                {"reused_tokens", answer.reused},
                                {"tokens", answer.ids.size()},
                                {"seed", answer.seed},
                                {"prompt_seconds", answer.prompt_seconds},
                                {"tokens_per_second", answer.tokens_per_second()}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace puna
