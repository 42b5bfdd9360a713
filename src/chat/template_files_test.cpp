#include "chat/template_files.h"

#include "chat/encode.h"
#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace puna {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr const char* config = "tokenizer_config.json";

// The prompt of one message "hi" with the template found in the folder.
std::string prompt_in(const TestFolder& folder, const ChatOptions& options = {}) {
    std::vector<Message> messages = {{.role = "user", .content = "hi"}};
    return jinja::encode_utf8(
        ChatTemplate(find_chat_template(folder.path(), small_tokenizer())).render(messages, options));
}

std::string problem_in(const TestFolder& folder) {
    return error_of([&] { prompt_in(folder); });
}

// A tokenizer without Llama's control tokens.
const Tokenizer& plain_tokenizer() {
    static const Tokenizer tokenizer = train_tokenizer(PieceCounter(), {.vocabulary = 256, .control_tokens = 0});
    return tokenizer;
}

TEST(TemplateFiles, TemplatesAreFoundInEachLocationInOrder) {
    TestFolder folder;
    write_file(folder / "chat_template.json", R"({"chat_template": "json {{ messages[0].content }}"})");
    EXPECT_EQ(prompt_in(folder), "json hi");
    write_file(folder / config, R"({"chat_template": "text {{ messages[0].content }}"})");
    EXPECT_EQ(prompt_in(folder), "text hi");
    write_file(folder / config, R"({"chat_template": [{"name": "tool_use", "template": "tools"},
                                                      {"name": "default", "template": "list {{ messages[0].content }}"}]})");
    EXPECT_EQ(prompt_in(folder), "list hi");
    EXPECT_EQ(prompt_in(folder, {.tools = {"{}"}}), "tools");
    write_file(folder / "chat_template.jinja", "file {{ messages[0].content }}\n");
    EXPECT_EQ(prompt_in(folder), "file hi");
    EXPECT_EQ(prompt_in(folder, {.tools = {"{}"}}), "file hi")
        << "the file replaces the whole list of tokenizer_config.json";
    make_folder(folder / "additional_chat_templates");
    write_file(folder / "additional_chat_templates/tool_use.jinja", "file with tools");
    EXPECT_EQ(prompt_in(folder, {.tools = {"{}"}}), "file with tools");
    write_file(folder / "additional_chat_templates/tool_use.jinja", "\n{{ x");
    EXPECT_THAT(problem_in(folder), HasSubstr("additional_chat_templates/tool_use.jinja:2: unterminated tag"));
}

TEST(TemplateFiles, SpecialTokensComeFromTheFilesElseFromTheTokenizer) {
    TestFolder folder;
    write_file(folder / "chat_template.jinja", "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ add_bos_token }}");
    EXPECT_EQ(prompt_in(folder), "<|begin_of_text|>|<|eot_id|>||");
    write_file(folder / "special_tokens_map.json", R"({"eos_token": {"content": "</s>"}, "pad_token": "<pad>"})");
    EXPECT_EQ(prompt_in(folder), "<|begin_of_text|>|</s>|<pad>|");
    write_file(folder / config,
               R"({"bos_token": {"content": "<s>", "lstrip": false}, "pad_token": null, "add_bos_token": true})");
    EXPECT_EQ(prompt_in(folder), "<s>|</s>|<pad>|");
    write_file(folder / config, R"({"bos_token": "<s>", "pad_token": null, "added_tokens_decoder": {}})");
    EXPECT_EQ(prompt_in(folder), "<s>|</s>||");
}

TEST(TemplateFiles, LlamaVocabulariesWithoutATemplateUseLlamasOwn) {
    TestFolder folder;
    EXPECT_EQ(find_chat_template(folder.path(), small_tokenizer()).origin, "Llama 3.1's chat template");
    EXPECT_THAT(prompt_in(folder), HasSubstr("Today Date: 26 Jul 2024\n\n<|eot_id|>"));
    if (!has_llama3()) GTEST_SKIP() << shared_tokenizer.string() << " is missing";
    std::filesystem::copy(shared_tokenizer, folder / "tokenizer.model");
    write_file(folder / "params.json", R"({"dim": 4096})");
    Tokenizer first = load_tokenizer(folder.path());
    EXPECT_EQ(find_chat_template(folder.path(), first).origin, "Llama 3's chat template");
    EXPECT_EQ(find_chat_template(folder / "tokenizer.model", first).origin, "Llama 3's chat template");
}

// Of bytes only, with Llama 2's control tokens.
Tokenizer sentencepiece_tokenizer(const std::vector<std::string>& controls) {
    Vocabulary vocabulary;
    vocabulary.kind = VocabularyKind::sentencepiece;
    vocabulary.append_controls(controls, 0);
    std::vector<int32_t> ids(256);
    std::iota(ids.begin(), ids.end(), static_cast<int32_t>(controls.size()));
    vocabulary.sentencepiece.bytes = TokenTable(ids, 256);
    for (size_t byte = 0; byte < 256; ++byte)
        EXPECT_TRUE(vocabulary.sentencepiece.bytes.set(ids[byte], std::string(1, static_cast<char>(byte))));
    vocabulary.named = {.bos = 1, .eos = 2};
    return Tokenizer(std::move(vocabulary));
}

TEST(TemplateFiles, SentencePieceVocabulariesWithoutATemplateUseLlama2s) {
    TestFolder folder;
    Tokenizer tokenizer = sentencepiece_tokenizer({"<unk>", "<s>", "</s>"});
    ChatTemplateText found = find_chat_template(folder.path(), tokenizer);
    EXPECT_EQ(found.origin, "Llama 2's chat template");
    std::vector<Message> messages = {{.role = "user", .content = "a</s>"}, {.role = "assistant", .content = "b"}};
    EXPECT_EQ(jinja::encode_utf8(ChatTemplate(found).render(messages)), "<s>[INST] a</s> [/INST] b </s>");
    EXPECT_TRUE(find_chat_template(folder.path(), sentencepiece_tokenizer({"<unk>", "<bos>", "<eos>"})).text.empty());
}

TEST(TemplateFiles, OtherTokenizersWithoutATemplateFailWhenAPromptIsRendered) {
    TestFolder folder;
    ChatTemplateText found = find_chat_template(folder.path(), plain_tokenizer());
    EXPECT_TRUE(found.text.empty());
    EXPECT_EQ(error_of([&] { ChatTemplate{found}; }),
              folder.path().string() + ": no chat template: add the model's own as chat_template.jinja");
    EXPECT_TRUE(llama3_chat_template(plain_tokenizer()).text.empty());
}

TEST(TemplateFiles, DamagedFilesAreNamedAndNeverReplaced) {
    TestFolder folder;
    auto with_config = [&](std::string_view text) {
        write_file(folder / config, text);
        return problem_in(folder);
    };
    for (std::string_view text : {"[]", "3", "null", "\"x\""})
        EXPECT_THAT(with_config(text), HasSubstr("tokenizer_config.json: not a JSON object")) << text;
    EXPECT_THAT(with_config("{"), HasSubstr("tokenizer_config.json: not valid JSON"));
    EXPECT_THAT(with_config(R"({"chat_template": 3})"),
                EndsWith("tokenizer_config.json: 'chat_template' must be a string or a list of named templates"));
    EXPECT_THAT(with_config(R"({"chat_template": ""})"), HasSubstr("the template is empty"));
    EXPECT_THAT(with_config(R"({"chat_template": [3]})"),
                EndsWith("tokenizer_config.json: 'chat_template[0]' must be an object with 'name' and 'template'"));
    EXPECT_THAT(with_config(R"({"chat_template": [{"name": "default", "template": {}}]})"),
                EndsWith("'chat_template[0]' must have the string 'template'"));
    EXPECT_THAT(with_config(R"({"chat_template": [{"name": "x", "template": "y"}]})"), HasSubstr("'default'"));
    EXPECT_THAT(with_config(R"({"chat_template": "\n{% include 'x' %}"})"),
                HasSubstr("tokenizer_config.json: chat_template:2: "));
    EXPECT_EQ(with_config(R"({"chat_template": null})"), "no error") << "as if it were missing";
    write_file(folder / "chat_template.jinja", "");
    EXPECT_THAT(problem_in(folder), HasSubstr("chat_template.jinja: the template is empty"));
}

TEST(TemplateFiles, FieldsThatNobodyReadsMayHoldAnything) {
    std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& value :
         {std::string("1e999"), std::string(R"("\ud800")"), deep, std::string("123456789012345678901234567890")}) {
        TestFolder folder;
        auto with_unread = [&value](std::string_view fields) {
            return fmt::format(R"({{"unread": {0}, "other": {{"content": {0}}}, {1}}})", value, fields);
        };
        write_file(folder / config, with_unread(R"("bos_token": {"content": "<s>"})"));
        write_file(folder / "special_tokens_map.json", with_unread(R"("eos_token": "</s>")"));
        write_file(folder / "chat_template.json", with_unread(R"("chat_template": "{{ bos_token ~ eos_token }}")"));
        EXPECT_EQ(prompt_in(folder), "<s></s>") << value.substr(0, 40);
        write_file(folder / config, with_unread(R"("chat_template": [{"name": "rag", "template": null},
            {"name": "default", "template": "list"}])"));
        EXPECT_EQ(prompt_in(folder), "list") << value.substr(0, 40);
    }
}

TEST(TemplateFiles, FieldsThatAreThereTwiceWithTwoValuesAreNamed) {
    for (const auto& [file, field] :
         {std::pair{"tokenizer_config.json", "chat_template"}, std::pair{"tokenizer_config.json", "bos_token"},
          std::pair{"special_tokens_map.json", "eos_token"}, std::pair{"chat_template.json", "chat_template"}}) {
        TestFolder folder;
        auto problem = [&, file = file, field = field](std::string_view second) {
            write_file(folder / file, fmt::format(R"({{"{0}": "x", "{0}": "{1}"}})", field, second));
            return error_of([&] { find_chat_template(folder.path(), small_tokenizer()); });
        };
        EXPECT_EQ(problem("x"), "no error");
        EXPECT_EQ(problem("y"), fmt::format("{}: duplicate field '{}': keep one", (folder / file).string(), field));
    }
}

TEST(TemplateFiles, DanglingLinksAreErrorsThatNameTheFile) {
    for (std::string name : {"chat_template.jinja", "chat_template.json", "tokenizer_config.json",
                             "special_tokens_map.json", "additional_chat_templates/tool_use.jinja"}) {
        TestFolder folder;
        make_folder(folder / "additional_chat_templates");
        std::filesystem::create_symlink("../blobs/missing", folder / name);
        EXPECT_EQ(problem_in(folder), (folder / name).string() + ": cannot open: No such file or directory");
    }
}

TEST(TemplateFiles, TemplatesThatAreNotUtf8AreRejectedByName) {
    for (std::string_view bytes : {std::string_view("\xff\xfe{\0{\0", 6), std::string_view("{\0{\0", 4),
                                   std::string_view("\xff{{ messages }}")}) {
        TestFolder folder;
        write_file(folder / "chat_template.jinja", bytes);
        EXPECT_THAT(problem_in(folder), HasSubstr("chat_template.jinja: not UTF-8 text: convert it"));
    }
}

TEST(TemplateFiles, TheOnlyTemplateMayBeForConversationsWithTools) {
    TestFolder folder;
    auto expect_tools_only = [&](std::string_view origin) {
        EXPECT_EQ(prompt_in(folder, {.tools = {"{}"}}), "tools");
        EXPECT_THAT(problem_in(folder),
                    HasSubstr(fmt::format("{}: the model's only chat template is for conversations with "
                                          "tools",
                                          origin)))
            << problem_in(folder);
    };
    write_file(folder / config, R"({"chat_template": [{"name": "tool_use", "template": "tools"}]})");
    expect_tools_only("tokenizer_config.json: chat_template (tool_use)");
    ChatTemplateText found = find_chat_template(folder.path(), small_tokenizer());
    save_chat_template(found, small_tokenizer(), folder.path());
    expect_tools_only("tokenizer_config.json: chat_template (tool_use)");
    std::filesystem::remove(folder / config);
    make_folder(folder / "additional_chat_templates");
    write_file(folder / "additional_chat_templates/tool_use.jinja", "tools");
    expect_tools_only("additional_chat_templates/tool_use.jinja");
}

TEST(TemplateFiles, AdditionalToolTemplatesAreUsedBesideATextInTokenizerConfig) {
    TestFolder folder;
    make_folder(folder / "additional_chat_templates");
    write_file(folder / "additional_chat_templates/tool_use.jinja", "file with tools");
    for (std::string_view template_field : {R"("text")", R"([{"name": "default", "template": "text"},
                                                             {"name": "tool_use", "template": "old"}])"}) {
        write_file(folder / config, fmt::format(R"({{"chat_template": {}}})", template_field));
        EXPECT_EQ(prompt_in(folder), "text");
        EXPECT_EQ(prompt_in(folder, {.tools = {"{}"}}), "file with tools");
    }
}

// tokenizer_config.json as it is saved.
std::string saved(const ChatTemplateText& found, const Tokenizer& tokenizer) {
    TestFolder folder;
    save_chat_template(found, tokenizer, folder.path());
    return read_text(folder / config);
}

// transformers' Trainer requires a pad_token, and takes it out of the loss: nothing may end with it.
TEST(TemplateFiles, SavedTokenizersHaveAPadTokenOfTheirOwn) {
    EXPECT_THAT(saved(special_tokens_of(small_tokenizer()), small_tokenizer()),
                HasSubstr(R"("pad_token": "<|finetune_right_pad_id|>")"));
    Tokenizer without = train_tokenizer(PieceCounter(), {.vocabulary = 259, .control_tokens = 3});
    EXPECT_THAT(saved(special_tokens_of(without), without),
                HasSubstr(R"("pad_token": "<|reserved_special_token_0|>")"));
    EXPECT_THAT(saved({.tokens = {{"pad_token", "<pad>"}}}, small_tokenizer()), HasSubstr(R"("pad_token": "<pad>")"))
        << "the model's own stays";
    EXPECT_THAT(saved(special_tokens_of(plain_tokenizer()), plain_tokenizer()), Not(HasSubstr("pad_token")));
}

TEST(TemplateFiles, TextHasNoTemplateAndEndsWithItsOwnToken) {
    ChatTemplateText chat = llama3_chat_template(small_tokenizer());
    EXPECT_THAT(saved(chat, small_tokenizer()), HasSubstr(R"("eos_token": "<|eot_id|>")"));
    std::string text = saved(text_only(chat, small_tokenizer()), small_tokenizer());
    EXPECT_THAT(text, AllOf(HasSubstr(R"("eos_token": "<|end_of_text|>")"), HasSubstr("<|begin_of_text|>"),
                            Not(HasSubstr("chat_template"))));
}

TEST(TemplateFiles, LlamasTemplateEndsTurnsWhateverEndsTheModelsTexts) {
    TestFolder folder;
    write_file(folder / config, R"({"eos_token": "<|end_of_text|>"})");
    EXPECT_THAT(saved(find_chat_template(folder.path(), small_tokenizer()), small_tokenizer()),
                HasSubstr(R"("eos_token": "<|eot_id|>")"));
}

TEST(TemplateFiles, SavedTemplatesAreFoundAgain) {
    TestFolder folder;
    auto expect_found_again = [&](const ChatTemplateText& found) {
        save_chat_template(found, plain_tokenizer(), folder.path());
        ChatTemplateText again = find_chat_template(folder.path(), small_tokenizer());
        EXPECT_EQ(again.text, found.text);
        EXPECT_EQ(again.tool_text, found.tool_text);
        EXPECT_EQ(again.tokens, found.tokens);
    };
    expect_found_again(
        {.text = "a \"quoted\"\n{{ bos_token }}\r\n", .tokens = {{"bos_token", "<s>"}, {"eos_token", "<|im_end|>"}}});
    EXPECT_EQ(read_text(folder / "chat_template.jinja"), "a \"quoted\"\n{{ bos_token }}\r\n");
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"chat_template.jinja", config}));
    std::filesystem::remove(folder / "chat_template.jinja");
    EXPECT_EQ(find_chat_template(folder.path(), small_tokenizer()).text, "a \"quoted\"\n{{ bos_token }}\r\n");
    expect_found_again(
        {.text = "default", .tool_text = "tools", .tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}});
}

}  // namespace
}  // namespace puna
