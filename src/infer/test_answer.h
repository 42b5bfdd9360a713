// infer/test_answer.h — for tests: the bytes of an answer, which do not depend on what else the engine runs.
//
//   EXPECT_EQ(contents_of(reply.wait()), contents_of(alone));
//
// Without times, without a seed that the clock may have chosen, and without the number of reused tokens, which others
// may have computed.
#pragma once
#include "core/hash.h"
#include "infer/request.h"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <string>

namespace puna {

template <class T>
std::string hex_of(const T& value) {
    std::string hex;
    for (std::byte byte : std::as_bytes(std::span(&value, 1))) hex += fmt::format("{:02x}", static_cast<int>(byte));
    return hex;
}

inline std::string contents_of(const Answer& answer) {
    std::string contents = fmt::format("{} {} after {} tokens: '{}'", name_of(answer.finish), answer.problem,
                                       answer.prompt_tokens, printable(answer.text, answer.text.size()));
    auto add = [&contents](std::string_view name, const auto& values, auto format) {
        contents += fmt::format("\n{}:", name);
        for (const auto& value : values) contents += " " + format(value);
    };
    auto entry = [](int32_t id, float logprob) { return fmt::format("{}={}", id, hex_of(logprob)); };
    add("ids", answer.ids, [](int32_t id) { return fmt::format("{}", id); });
    add("tokens", answer.tokens, [&](const GeneratedToken& token) {
        std::string text = entry(token.id, token.logprob);
        for (const TokenLogprob& other : token.alternatives) text += "," + entry(other.id, other.logprob);
        return text;
    });
    add("log_p", answer.log_p, hex_of<float>);
    add("embedding", answer.embedding, hex_of<float>);
    return contents + "\nlogits: " + hex_of(hash_bytes(std::as_bytes(std::span(answer.logits))));
}

}  // namespace puna
