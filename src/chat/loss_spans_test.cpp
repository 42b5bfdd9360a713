#include "chat/loss_spans.h"

#include "chat/test_chat.h"
#include "core/error.h"
#include "core/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

namespace puna {
namespace {

using Spans = std::vector<std::pair<size_t, size_t>>;

// The definition: what rendering messages[..i] adds to messages[..i-1] with the generation prompt. None: it does not
// apply.
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

// Whether each span holds the words of one answer, of which there is no other span.
bool hold_one_answer_each(const ChatTemplate& chat, std::span<const Message> messages, const Spans& spans) {
    jinja::Text whole = chat.render(messages);
    std::vector<size_t> span_of(whole.size(), spans.size());
    for (size_t i = 0; i < spans.size(); ++i)
        for (size_t at = spans[i].first; at < spans[i].second; ++at) span_of[at] = i;
    std::map<size_t, char32_t> answer_of;
    for (size_t at = 0; at < whole.size(); ++at) {
        char32_t of = whole[at] & jinja::message_bits;
        if (of == 0 || span_of[at] == spans.size()) continue;
        if (of == jinja::other_message || answer_of.emplace(span_of[at], of).first->second != of) return false;
    }
    std::set<char32_t> answers;
    for (const auto& [span, answer] : answer_of) answers.insert(answer);
    return answers.size() == answer_of.size();
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
            std::optional<Spans> found = spans_of(chat, messages);
            bool is_right = expected ? found == expected : !found || hold_one_answer_each(chat, messages, *found);
            ASSERT_TRUE(is_right) << jinja << "\n" << fmt::format("conversation {}", i);
        }
    }
}

// As many published templates do, these write other text around an answer than their prompts have.
TEST(LossSpans, AnswersAreFoundByTheOriginOfTheirWords) {
    std::vector<Message> messages = {{.role = "user", .content = "u <|eot_id|>"},
                                     {.role = "assistant", .content = "one"},
                                     {.role = "user", .content = "one"},
                                     {.role = "assistant", .content = "two", .in_loss = false},
                                     {.role = "user", .content = "v"},
                                     {.role = "assistant", .content = "three"}};
    std::string turn = "[{{ m.role }}]{{ m.content | trim }}<|eot_id|>";
    for (const std::string& jinja :
         {"{% for m in messages %}" + turn + "{% endfor %}[assistant]",  // always asks for an answer
          "{% for m in messages %}" + turn + "{% endfor %}{{ '[assistant]\n\n' if add_generation_prompt }}",
          "{% for m in messages %}\n " + turn + "\n{% endfor %}{{ '[assistant]' if add_generation_prompt }}",
          "{% for m in messages %}" + turn +
              "{% if loop.last %}{% if add_generation_prompt %}[assistant]"
              "{% else %}end{% endif %}{% endif %}{% endfor %}"})
        EXPECT_EQ(text_in_loss(chat_of(jinja), messages), "one<|eot_id|>three<|eot_id|>") << jinja;
}

// More than there are flags for the origin of words.
TEST(LossSpans, ALongConversationIsTrainedOnAsAShortOne) {
    std::vector<Message> messages;
    std::string expected;
    for (int i = 0; i < 600; ++i) {
        messages.push_back({.role = "user", .content = "u"});
        messages.push_back({.role = "assistant", .content = fmt::format("a{}", i)});
        expected += fmt::format("a{}<|eot_id|>", i);
    }
    std::string jinja = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|eot_id|>{% endfor %}[assistant]";
    EXPECT_TRUE(text_in_loss(chat_of(jinja), messages) == expected);
}

TEST(LossSpans, TheJsonAndTheNumbersOfACallBelongToItsWords) {
    std::vector<Message> messages = {{.role = "user", .content = "u"},
                                     {.role = "assistant", .tool_calls = {{"f", R"({"a": "b", "n": 5})"}}},
                                     {.role = "tool", .content = R"({"c": 6})", .content_kind = ContentKind::json}};
    for (const char* call :
         {"{{ m.tool_calls[0].function.arguments | tojson }}", "{{ m.tool_calls[0].function.arguments }}",
          "{'a': '{{ m.tool_calls[0].function.arguments.a }}', 'n': "
          "{{ m.tool_calls[0].function.arguments.n }}}"})
        EXPECT_THAT(
            text_in_loss(chat_of(std::string("{% for m in messages %}[{{ m.role }}]{% if m.tool_calls %}") + call +
                                 "{% else %}{{ m.content }}{% endif %}<|eot_id|>{% endfor %}[assistant]"),
                         messages),
            testing::MatchesRegex(".['\"]a['\"]: ['\"]b['\"], ['\"]n['\"]: 5}<.eot_id.>"));
}

TEST(LossSpans, OfAnAnswerThatTrainingShowsOtherwiseTheWordsThere) {
    std::string note;
    auto in_loss = [&note](const std::string& jinja, const std::string& answer) {
        std::vector<Message> messages = {{.role = "user", .content = "u"},
                                         {.role = "assistant", .content = answer},
                                         {.role = "user", .content = "v"},
                                         {.role = "assistant", .content = "two"}};
        Prompt prompt = render_training_prompt(chat_of(jinja), small_tokenizer(), messages);
        note = prompt.note;
        std::string words;
        for (const PromptSegment& segment : prompt.segments)
            if (segment.in_loss) words += prompt.text_of(segment);
        return words;
    };
    std::string turn = "{% for m in messages %}[{{ m.role }}]", end = "<|eot_id|>{% endfor %}[assistant]";
    EXPECT_EQ(in_loss(turn + "{{ m.content if loop.last else m.content.split('.')[-1] }}" + end, "why.so"),
              "so<|eot_id|>two<|eot_id|>");
    EXPECT_EQ(note, "x.jinja: answer in message 2: the template changes it when further messages follow");
    EXPECT_EQ(in_loss(turn + "{{ m.content }}" + end + "<think>", "so"), "so<|eot_id|>two<|eot_id|>");
    EXPECT_EQ(note, "x.jinja: answer in message 2: the text before it is not what the template's prompts end with");
    EXPECT_EQ(in_loss(turn + "{{ m.content }}" + end, ""), "two<|eot_id|>");
    EXPECT_EQ(note, "x.jinja: answer in message 2: the template leaves out its words, so nothing of it is in the loss");
    EXPECT_EQ(error_of([&] { in_loss(turn + "{{ m.content }}|{{ m.content }}[{{ m.role }}]" + end, "so"); }),
              "no error")
        << "one answer";
    EXPECT_EQ(error_of([&] {
                  in_loss(turn + "{{ m.content }}{% endfor %}{% for m in messages %}{{ m.content }}" + end, "so");
              }),
              "x.jinja: the template does not support training: it writes the words of an answer in two places "
              "(message 2); use {% generation %} blocks");
}

}  // namespace
}  // namespace puna
