#include "chat/turn_end.h"

#include "chat/template_files.h"
#include "chat/test_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Of Llama 2's kind: ChatML's tokens are added, and eos is still </s>.
Tokenizer chatml_tokenizer(bool control) {
    Vocabulary vocabulary = small_tokenizer().vocabulary();
    vocabulary.added = TokenTable();
    vocabulary.added_tokens.clear();
    vocabulary.append_controls({"<s>", "</s>", "<|im_start|>", "<|im_end|>", "\n\n"});
    for (size_t i = 2; i < 5; ++i) vocabulary.added_tokens[i].control = control && i < 4;
    vocabulary.begin_of_text = TextToken{.id = vocabulary.added.find("<s>")};
    vocabulary.end_of_text = TextToken{.id = vocabulary.added.find("</s>")};
    return Tokenizer(vocabulary);
}

std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, std::string text) {
    return template_stop_ids({.origin = "x", .text = std::move(text)}, tokenizer);
}

constexpr const char* chatml =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}";

TEST(TurnEnd, IsWhatTheTemplateWritesAfterAnAnswer) {
    for (bool control : {true, false}) {
        Tokenizer tokenizer = chatml_tokenizer(control);
        int32_t end = *tokenizer.vocabulary().added.find("<|im_end|>"),
                eos = *tokenizer.vocabulary().added.find("</s>");
        EXPECT_THAT(stop_ids(tokenizer, chatml), ElementsAre(end));
        EXPECT_THAT(stop_ids(tokenizer, "{% for m in messages %}[INST] {{ m.content }} </s>{% endfor %}"),
                    ElementsAre(eos));
    }
}

TEST(TurnEnd, IsUnknownWhereTextEndsAnAnswer) {
    Tokenizer tokenizer = chatml_tokenizer(true);
    EXPECT_THAT(stop_ids(tokenizer, "{% for m in messages %}### {{ m.role }}: {{ m.content }}\n\n{% endfor %}"),
                IsEmpty());
    EXPECT_THAT(stop_ids(tokenizer, "{% for m in messages %}{{ m.content }} ###</s>{% endfor %}"), IsEmpty());
    EXPECT_THAT(stop_ids(tokenizer, "{{ raise_exception('no') }}"), IsEmpty());
    EXPECT_THAT(stop_ids(tokenizer, "{% unknown %}"), IsEmpty());
    EXPECT_THAT(template_stop_ids({.origin = "x"}, tokenizer), IsEmpty());
}

TEST(TurnEnd, OfACallMayBeAnotherToken) {
    auto names = [](const std::string& text, const std::string& eos_token = "") {
        std::string all;
        for (int32_t id :
             template_stop_ids({.origin = "x", .text = text, .tokens = {{"eos_token", eos_token}}}, small_tokenizer()))
            all += small_tokenizer().bytes(id);
        return all;
    };
    std::string turns =
        "{% for m in messages %}{{ m.role }}: {% if m.tool_calls %}<c>{{ m.tool_calls | tojson }}</c><|eom_id|>"
        "<|python_tag|>{% else %}{{ m.content }}<|eot_id|>\n{% endif %}{% endfor %}";
    EXPECT_EQ(names(turns), "<|eot_id|><|python_tag|>");
    EXPECT_EQ(names(turns, "<|end_of_text|>"), "<|end_of_text|><|eot_id|><|python_tag|>");
    EXPECT_EQ(names("{% for m in messages %}{{ m.content }}\n{% endfor %}"), "") << "none, not even 'None'";
    EXPECT_EQ(names("{{ raise_exception('no') }}", "<|eom_id|>"), "<|eom_id|>");
    EXPECT_EQ(names("<|eot_id|>"), "") << "not after an answer";
}

TEST(TurnEnd, OfLlama3IsAmongTheTokenizersOwn) {
    ChatTemplateText found = llama3_chat_template(small_tokenizer());
    EXPECT_THAT(template_stop_ids(found, small_tokenizer()), ElementsAre(*small_tokenizer().roles().eot));
}

}  // namespace
}  // namespace puna
