#include "chat/loss_spans.h"

#include "chat/test_chat.h"
#include "core/error.h"
#include "core/random.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <optional>

namespace puna {
namespace {

using Spans = std::vector<std::pair<size_t, size_t>>;

// The definition: what rendering messages[..i] adds to messages[..i-1] with the generation prompt. None: refused.
std::optional<Spans> spans_by_definition(const ChatTemplate& chat, std::span<const Message> messages) {
    auto rendered = [&](size_t count, bool add_generation_prompt) {
        return chat.render(messages.first(count), {.add_generation_prompt = add_generation_prompt});
    };
    Spans spans;
    jinja::Text whole = rendered(messages.size(), false);
    for (size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].role != "assistant" || !messages[i].in_loss) continue;
        jinja::Text before = rendered(i, true), with = rendered(i + 1, false);
        if (!with.starts_with(before) || !whole.starts_with(with)) return {};
        spans.emplace_back(before.size(), with.size());
    }
    return spans;
}

std::optional<Spans> spans_of(const ChatTemplate& chat, std::span<const Message> messages) {
    try {
        Spans spans;
        for (const LossSpan& span : render_for_training(chat, chat.values(messages, {})).spans)
            spans.emplace_back(span.begin, span.end);
        return spans;
    } catch (const Error&) {
        return {};
    }
}

std::vector<Message> random_messages(Random& random) {
    constexpr std::string_view roles[] = {"user", "assistant", "assistant", "tool"},
                               texts[] = {"", "<A>", "RESULT", "word"};
    std::vector<Message> messages{{.role = "user", .content = "begin"}};
    for (uint64_t n = random.below(7); n > 0; --n)
        messages.push_back({.role = std::string(roles[random.below(4)]),
                            .content = std::string(texts[random.below(4)]),
                            .in_loss = random.below(3) > 0});
    return messages;
}

// What an answer begins with may depend on anything that the template reads.
TEST(LossSpans, AreThoseOfTheDefinitionWhateverTheGenerationPromptDependsOn) {
    std::string turns = "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% endfor %}",
                after_a_tool =
                    "{% set n = namespace(tool=false) %}{% for m in messages %}{% set n.tool = m.role == 'tool' %}"
                    "{% if m.role == 'assistant' %}<A>{% else %}[{{ m.role[0] }}]{% endif %}{{ m.content }}"
                    "{% endfor %}",
                once_a_tool =
                    "{% set n = namespace(tool=false) %}{% for m in messages %}{% if m.role == 'tool' %}"
                    "{% set n.tool = true %}{% else %}<{{ m.role[0] | upper }}>{% endif %}{{ m.content }}{% endfor %}";
    const std::string templates[] = {
        turns + "{% if add_generation_prompt %}[a]{% endif %}",
        after_a_tool + "{% if add_generation_prompt %}<A>{% endif %}",
        after_a_tool + "{% if add_generation_prompt and not n.tool %}<A>{% endif %}",
        once_a_tool + "{% if add_generation_prompt and not n.tool %}<A>{% endif %}",
        turns + "{% if add_generation_prompt %}[a]{{ 'RESULT' if messages[-1].role == 'tool' }}{% endif %}",
        turns + "{% if add_generation_prompt %}[a]{{ '<A>' if messages | length == 3 }}{% endif %}",
        turns +
            "{% if add_generation_prompt %}{% if messages[-1].role == 'tool' %}{{ raise_exception('no') }}"
            "{% endif %}[a]{% endif %}",
        turns + "{% if add_generation_prompt %}[a]{% else %}.{% endif %}",
        "{% for m in messages %}{% if loop.first %}{{ add_generation_prompt }}{% endif %}[{{ m.role[0] }}]"
        "{{ m.content }}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
        "{{ '+' if add_generation_prompt else '-' }}" + turns + "{% if add_generation_prompt %}[a]{% endif %}",
        "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% if not add_generation_prompt and loop.last %}."
        "{% endif %}{% endfor %}{% if add_generation_prompt %}[a]{% endif %}",
    };
    for (const std::string& jinja : templates) {
        ChatTemplate chat = chat_of(jinja);
        Random random(7);
        for (int i = 0; i < 500; ++i) {
            std::vector<Message> messages = random_messages(random);
            std::optional<Spans> expected;
            try {
                expected = spans_by_definition(chat, messages);
            } catch (const Error&) {  // the template refuses these messages
            }
            ASSERT_EQ(spans_of(chat, messages), expected) << jinja << "\n" << fmt::format("conversation {}", i);
        }
    }
}

}  // namespace
}  // namespace puna
