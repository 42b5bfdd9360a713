#include "core/threads.h"
#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace puna {

namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

std::string with_bos_eos(const std::string& text) { return "<|begin_of_text|>" + text + "<|end_of_text|>"; }

// Every file below a folder, by name.
std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = read_text(entry.path());
    return files;
}

}  // namespace

// Long documents are split for encoding at a newline before a letter; here a token spans each such point.
TEST(Pack, AddedTokensThatSpanLinesAreFound) {
    PackFolder folder;
    std::string json = read_text(folder / "tokenizer/tokenizer.json");
    std::string token = R"(, {"id": 360, "content": ".\nx", "special": false})";
    write_file(folder / "tokenizer/tokenizer.json", json.insert(json.find("\n  ],\n  \"normalizer\""), token));
    std::string text;
    while (text.size() < 1 << 20) text += "the cat.\nx the dog.\nx";
    folder.pack(folder.write("long.txt", text));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 360), static_cast<ptrdiff_t>(2 * (text.size() / 21)));
}

TEST(Pack, DocumentsKeepTheirOrderAndGetBosAndEos) {
    PackFolder folder;
    make_folder(folder / "in");
    folder.write("in/b.txt", "second\n<|endoftext|>\nthird");
    folder.write("in/a.txt", "the first");
    folder.write("in/c.jsonl", "{\"text\": \"fourth\"}\n{\"text\": \"\"}\n{\"text\": \"fifth\"}\n");
    PackResult result = folder.pack((folder / "in").string());
    EXPECT_EQ(texts_of(folder.packed()),
              (std::vector<std::string>{with_bos_eos("the first"), with_bos_eos("second"), with_bos_eos("third"),
                                        with_bos_eos("fourth"), with_bos_eos("fifth")}));
    EXPECT_EQ(result.training.documents, 5);
    EXPECT_EQ(result.training.bytes, 9 + 6 + 5 + 6 + 5);
    EXPECT_EQ(result.training.trained, result.training.tokens - 5);  // the first token of a document is not predicted
    EXPECT_FALSE(result.validation);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"in", "packed", "tokenizer"}));
    EXPECT_THAT(read_text(folder / "packed" / "sources.jsonl"), HasSubstr("\"documents\":2"));
}

TEST(Pack, TextNeverBecomesAControlToken) {
    PackFolder folder;
    folder.pack(folder.write("x.txt", "a <|end_of_text|> b"));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), small_tokenizer().end_of_text()), 1);
}

TEST(Pack, OutputIsIdenticalOnAnyNumberOfThreads) {
    PackFolder folder;
    std::string text, chats;
    for (int i = 0; i < 300; ++i) {
        text += some_text(i, 40) + "<|endoftext|>\n";
        chats +=
            fmt::format(
                R"({{"messages": [{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "ok"}}]}})",
                i) +
            "\n";
    }
    const std::string inputs[] = {folder.write("x.txt", text + some_text(1000, 30000)), folder.write("x.jsonl", chats)};
    for (const std::string& input : inputs) {
        std::map<std::string, std::string> first;
        for (int n : {1, 2, 5}) {
            set_threads(n);
            std::string output = fmt::format("{}.{}", input, n);
            folder.pack(input, {.output = output, .validation_share = 0.1, .shard_megabytes = 1});
            if (n == 1) first = files_of(output);
            EXPECT_EQ(files_of(output), first) << n;
        }
    }
    set_threads(0);
}

TEST(Pack, LargeSetsAreSplitIntoShards) {
    PackFolder folder;
    std::string text;
    for (int i = 0; i < 60; ++i) text += some_text(i, 2000) + "<|endoftext|>\n";
    folder.pack(folder.write("x.txt", text), {.validation_share = 0, .shard_megabytes = 1});
    ShardSet set(folder.packed());
    ASSERT_GT(set.shards().size(), 2u);
    EXPECT_EQ(set.index().documents, 60);
    EXPECT_EQ(texts_of(folder.packed())[40],
              with_bos_eos(some_text(40, 2000).substr(0, some_text(40, 2000).size() - 1)));
    set.verify([](int64_t) {});
}

TEST(Pack, TheLastDocumentsAreHeldOut) {
    PackFolder folder;
    std::string text;
    for (int i = 0; i < 10; ++i) text += fmt::format("number {}\n<|endoftext|>\n", i);
    folder.pack(folder.write("x.txt", text), {.hold_out_last = 3});
    EXPECT_EQ(texts_of(folder.packed()).size(), 7u);
    EXPECT_EQ(texts_of(folder.packed()).back(), with_bos_eos("number 6"));
    EXPECT_EQ(texts_of(folder / "packed" / "validation"),
              (std::vector<std::string>{with_bos_eos("number 7"), with_bos_eos("number 8"), with_bos_eos("number 9")}));
}

TEST(Pack, JsonlTextsOfWhiteSpaceAreDroppedLikeFiles) {
    PackFolder folder;
    std::string lines = R"({"text": " "})"
                        "\n"
                        R"({"text": "\n\n"})"
                        "\n"
                        R"({"text": "a"})"
                        "\n";
    EXPECT_EQ(folder.pack(folder.write("x.jsonl", lines)).training.documents, 1);
}

TEST(Pack, HeldOutCopiesOfTrainingTextsAreCounted) {
    PackFolder folder;
    std::string input = folder.write("x.jsonl", R"({"text": "a"})"
                                                "\n"
                                                R"({"text": "b"})"
                                                "\n"
                                                R"({"text": "c"})"
                                                "\n"
                                                R"({"text": " a", "id": 7})"
                                                "\n"
                                                R"({"text": "d"})"
                                                "\n");
    auto notes = [&](int64_t held_out, const std::string& output) {
        PackOptions options{.output = (folder / output).string(), .hold_out_last = held_out};
        return notes_on(options, folder.pack(input, options), [](std::string_view) { return false; });
    };
    std::vector<FieldNote> found = notes(2, "two");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].field, "hold_out_last");
    EXPECT_THAT(found[0].text, StartsWith("1 of the 2 documents held out are in the training set too"));
    EXPECT_TRUE(notes(1, "one").empty());
}

TEST(Pack, ValidationShareIsChosenByContentSoDuplicatesStayTogether) {
    PackFolder folder;
    std::string text;
    for (int copy = 0; copy < 2; ++copy)
        for (int i = 0; i < 500; ++i) text += fmt::format("number {}\n<|endoftext|>\n", i);
    folder.pack(folder.write("x.txt", text), {.validation_share = 0.2});
    std::vector<std::string> training = texts_of(folder.packed()), held = texts_of(folder / "packed" / "validation");
    EXPECT_NEAR(static_cast<double>(held.size()), 200, 60);
    EXPECT_EQ(training.size() + held.size(), 1000u);
    std::set<std::string> known(training.begin(), training.end());
    for (const std::string& document : held) EXPECT_FALSE(known.contains(document));
}

// Ten texts, four copies each, every copy in a different format.
TEST(Pack, DuplicatesInDifferentFormatsAreHeldOutTogether) {
    PackFolder folder;
    make_folder(folder / "in");
    std::string lines, chats;
    for (int i = 0; i < 10; ++i) {
        std::string text = fmt::format("The fox number {} sat on the hill.", i);
        folder.write(fmt::format("in/{}.txt", i), text + "\r\n");
        lines += fmt::format("{{\"text\": \"{}\", \"id\": {}}}\n{{\"id\": {}, \"text\": \"\\u0054{}\"}}\n", text, i,
                             90 - i, text.substr(1));
        for (int copy = 0; copy < 4; ++copy)
            chats += fmt::format(
                "{{\"id\": {}, \"messages\": [{{\"role\": \"user\", \"content\": \"{}\", \"n\": {}}}, {{\"content\": "
                "\"Yes.\", \"role\": \"assistant\"}}]}}\n",
                copy * 10 + i, text, copy);
    }
    folder.write("in/lines.jsonl", lines);
    const std::string inputs[] = {(folder / "in").string(), folder.write("chats.jsonl", chats)};
    for (const std::string& input : inputs) {
        std::string output = input + ".packed";
        folder.pack(input, {.output = output, .validation_share = 0.4});
        auto plain = [](std::vector<std::string> texts) {
            std::set<std::string> unique;
            for (std::string& text : texts) {
                std::erase(text, '\r');
                std::erase(text, '\n');
                unique.insert(text);
            }
            return unique;
        };
        std::set<std::string> training = plain(texts_of(output)), held = plain(texts_of(output + "/validation"));
        EXPECT_EQ(training.size() + held.size(), 10u);
        EXPECT_GT(held.size(), 0u);
    }
}

// One conversation in seven formats: all copies have the same tokens and are on the same side.
TEST(Pack, ConversationsInAllFormatsArePackedAlike) {
    PackFolder folder;
    make_folder(folder / "in");
    std::string lines, alpaca = "[", share_gpt = "[";
    for (int i = 0; i < 10; ++i) {
        std::string user = fmt::format("What is {} + 1?", i), answer = fmt::format("{}", i + 1);
        std::string turns = fmt::format(
            R"([{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "{}"}}])", user, answer);
        lines +=
            fmt::format("{{\"messages\": {}}}\n{{\"prompt\": \"{}\", \"response\": \"{}\"}}\n", turns, user, answer);
        alpaca += fmt::format("{}\n{{\"instruction\": \"{}\", \"input\": \"\", \"output\": \"{}\"}}", i > 0 ? "," : "",
                              user, answer);
        share_gpt += fmt::format(
            "{}{{\"conversations\": [{{\"from\": \"human\", \"value\": \"{}\"}}, "
            "{{\"from\": \"gpt\", \"value\": \"{}\"}}]}}",
            i > 0 ? "," : "", user, answer);
        folder.write(fmt::format("in/saved{}.json", i),
                     fmt::format("{{\n  \"messages\": {},\n  \"options\": {{\"top_k\": 3}}\n}}\n", turns));
    }
    folder.write("in/lines.jsonl", lines);
    folder.write("in/alpaca.json", alpaca + "]");
    folder.write("in/sharegpt.json", share_gpt + "]\n");
    PackResult result = folder.pack((folder / "in").string(), {.validation_share = 0.4});
    EXPECT_EQ(result.training.documents + result.validation->documents, 50);
    std::map<std::string, int> copies;
    for (const std::string& text : texts_of(folder.packed())) ++copies[text];
    for (const std::string& text : texts_of(folder / "packed" / "validation")) ++copies[text];
    EXPECT_EQ(copies.size(), 10u);
    for (const auto& [text, n] : copies) EXPECT_EQ(n, 5) << text << ": all on one side";
    EXPECT_EQ(result.training.documents % 5, 0);
}

TEST(Pack, BadInputsAreSkippedAndCounted) {
    PackFolder folder;
    make_folder(folder / "in");
    folder.write("in/a.jsonl",
                 "{\"text\": \"one\"}\n{\"text\": 5}\n{\"text\": \"tw\xf6\"}\nnonsense\n{\"text\": \"three\"}\n");
    folder.write("in/b.json", R"([{"text": "four"}, {"txt": "x"}, {"text": "five"}, {"text)");
    folder.write("in/c.png", std::string_view("\x89PNG\r\n\x1a\n\0\0", 10));
    folder.write("in/d.txt",
                 "six\nse\xff"
                 "ven\neight");
    std::string input = (folder / "in").string();
    EXPECT_THAT(error_of([&] { folder.pack(input); }), HasSubstr("a.jsonl:2: 'text' must be a string"));
    testing::internal::CaptureStderr();
    PackResult result = folder.pack(input, {.input = {.skip_bad = true}});
    std::string logged = testing::internal::GetCapturedStderr();
    EXPECT_EQ(texts_of(folder.packed()),
              (std::vector<std::string>{with_bos_eos("one"), with_bos_eos("three"), with_bos_eos("four"),
                                        with_bos_eos("five"), with_bos_eos("six\neight")}));
    EXPECT_EQ(result.skipped.records, 4);
    EXPECT_EQ(result.skipped.lines, 1);
    EXPECT_EQ(result.skipped.files, 2);
    const char* in_order[] = {
        "a.jsonl:2: ", "a.jsonl:3: ", "a.jsonl:4: ", "b.json[1]: ", "b.json[3]: ", "c.png: ", "d.txt:2: "};
    size_t at = 0;
    for (const char* place : in_order) {
        at = logged.find(place, at);
        ASSERT_NE(at, logged.npos) << place << " in " << logged;
    }
}

TEST(Pack, SkippingIsTheSameOnAnyNumberOfThreads) {
    PackFolder folder;
    std::string lines;
    for (int i = 0; i < 20'000; ++i)
        lines += i % 3 == 0 ? "{\"text\": 1}\n" : fmt::format("{{\"text\": \"number {}\"}}\n", i);
    std::string input = folder.write("x.jsonl", lines), first_log;
    std::map<std::string, std::string> first;
    for (int n : {1, 3}) {
        set_threads(n);
        std::string output = fmt::format("{}.{}", input, n);
        testing::internal::CaptureStderr();
        EXPECT_EQ(folder.pack(input, {.output = output, .input = {.skip_bad = true}}).skipped.records, 6667);
        std::string logged = testing::internal::GetCapturedStderr();
        if (n == 1) first = files_of(output), first_log = logged;
        EXPECT_EQ(files_of(output), first);
        EXPECT_EQ(logged, first_log);
    }
    set_threads(0);
}

TEST(Pack, NothingLeftIsAnErrorWithTheFirstReason) {
    PackFolder folder;
    std::string input = folder.write("x.jsonl", "{\"text\": 1}\n{}\n");
    testing::internal::CaptureStderr();
    std::string message = error_of([&] { folder.pack(input, {.input = {.skip_bad = true}}); });
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(message, "nothing is left: 2 documents skipped, the first one: " + input + ":1: 'text' must be a string");
    EXPECT_FALSE(fs::exists(folder.packed()));
}

// A broken template is not the fault of any document.
TEST(Pack, ABrokenChatTemplateIsAnErrorAndSkipsNothing) {
    PackFolder folder;
    write_file(folder / "tokenizer" / "chat_template.jinja", "{% if");
    std::string chat = folder.write("x.jsonl", R"({"messages": [{"role": "assistant", "content": "x"}]})");
    EXPECT_THAT(error_of([&] { folder.pack(chat, {.input = {.skip_bad = true}}); }),
                AllOf(HasSubstr("chat_template.jinja"), Not(HasSubstr("nothing is left"))));
}

TEST(Pack, PackingStopsAfterMaxDocuments) {
    PackFolder folder;
    std::string input = folder.write("x.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree");
    EXPECT_EQ(folder.pack(input, {.max_documents = 2}).training.documents, 2);
    EXPECT_EQ(texts_of(folder.packed()).back(), with_bos_eos("two"));
}

TEST(Pack, OnlyAssistantTokensAreInTheLoss) {
    PackFolder folder;
    std::string chat = R"({"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"}, {"role": "user", "content": "1 + 2?"},
        {"role": "assistant", "tool_call": {"method": "add", "parameters": {"a": 1}}}, {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "three"}]})";
    std::replace(chat.begin(), chat.end(), '\n', ' ');
    folder.pack(folder.write("x.jsonl", chat));
    ShardSet set(folder.packed());
    const Shard& shard = set.shards()[0];
    std::vector<int32_t> ids = ids_of(shard, 0);
    std::string in_loss, rest;
    for (size_t i = 0; i < ids.size(); ++i)
        (shard.in_loss(static_cast<int64_t>(i)) ? in_loss : rest) += small_tokenizer().bytes(ids[i]);
    EXPECT_EQ(in_loss, "hello<|eot_id|>{\"name\": \"add\", \"parameters\": {\"a\": 1}}<|eot_id|>three<|eot_id|>");
    EXPECT_THAT(rest, StartsWith("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe kind<|eot_id|>"))
        << rest;
    EXPECT_EQ(set.index().trained, std::count_if(ids.begin(), ids.end(),
                                                 [&, i = int64_t{0}](int32_t) mutable { return shard.in_loss(i++); }));
}

TEST(Pack, NumbersInToolCallsAndResultsKeepTheirDigits) {
    PackFolder folder;
    std::string number = "123456789012345678901234567890";
    folder.pack(folder.write(
        "x.jsonl",
        fmt::format(
            R"({{"messages": [{{"role": "assistant", "tool_call": {{"method": "f", "parameters": {{"a": {0}}}}}}}, )"
            R"({{"role": "tool", "content": [{0}, 0.5]}}, {{"role": "assistant", "tool_calls": [{{"function": )"
            R"({{"name": "g", "arguments": "{{\"a\":-{0}}}"}}}}]}}]}})",
            number)));
    std::string text = texts_of(folder.packed())[0];
    for (const std::string& part : {"\"parameters\": {\"a\": " + number + "}", "[" + number + ", 0.5]",
                                    "\"parameters\": {\"a\": -" + number + "}"})
        EXPECT_THAT(text, HasSubstr(part)) << part << " in " << text;
    folder.write("y.jsonl",
                 R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": {"a": 1e999}}}]})");
    EXPECT_THAT(error_of([&] { folder.pack((folder / "y.jsonl").string(), {.output = (folder / "y").string()}); }),
                HasSubstr("y.jsonl:1: arguments of f: 'a' is out of range: 1e999"));
}

TEST(Pack, MessagesOfWeightZeroAreContextOutsideTheLoss) {
    PackFolder folder;
    folder.pack(folder.write(
        "x.jsonl",
        R"({"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "five", "weight": 0},)"
        R"( {"role": "user", "content": "again"}, {"role": "assistant", "content": "four", "weight": 1}]})"));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    std::string in_loss, all = small_tokenizer().decode(ids);
    for (size_t i = 0; i < ids.size(); ++i)
        if (set.shards()[0].in_loss(static_cast<int64_t>(i))) in_loss += small_tokenizer().bytes(ids[i]);
    EXPECT_EQ(in_loss, "four<|eot_id|>");
    EXPECT_THAT(all, HasSubstr("five<|eot_id|>"));
}

TEST(Pack, TextNeedsNoChatTemplate) {
    PackFolder folder;
    std::string text = folder.write("text.txt", "text"),
                chat = folder.write("chat.jsonl", R"({"messages": [{"role": "assistant", "content": "x"}]})");
    std::filesystem::remove(folder / "tokenizer/chat_template.jinja");
    for (std::string value : {R"("")", R"("{% if")", R"([{"name": "rag", "template": "x"}])", R"("\ud800")"}) {
        write_file(folder / "tokenizer/tokenizer_config.json", "{\"chat_template\": " + value + "}");
        EXPECT_EQ(error_of([&] { folder.pack(text); }), "no error") << value;
        std::filesystem::remove_all(folder.packed());
        std::string message = error_of([&] { folder.pack(chat); });
        EXPECT_THAT(message, AnyOf(HasSubstr("tokenizer_config.json: chat_template"),
                                   HasSubstr("tokenizer_config.json: 'chat_template'")));
    }
}

TEST(Pack, TheTemplateGetsNamesAndVariables) {
    PackFolder folder;
    write_file(folder / "tokenizer" / "chat_template.jinja",
               "{% for m in messages %}{{ m.name }}{{ style }}: {{ m.content }}\n{% endfor %}"
               "{% if add_generation_prompt %}None{{ style }}: {% endif %}");
    folder.pack(folder.write(
        "a.jsonl",
        R"({"messages": [{"role": "user", "name": "Bob", "content": "Hi"}, )"
        R"({"role": "assistant", "name": null, "content": "Yo"}], "chat_template_kwargs": {"style": "!"}})"));
    ShardSet set(folder.packed());
    EXPECT_EQ(small_tokenizer().decode(ids_of(set.shards()[0], 0)), "Bob!: Hi\nNone!: Yo\n");
}

TEST(Pack, ErrorsAreOneLineAndLeaveNoFiles) {
    PackFolder folder;
    make_folder(folder / "empty");
    make_folder(folder / "blanks");
    folder.write("blanks/a.txt", "\n");
    std::string good = folder.write("good.txt", "text"),
                chat = R"({"messages": [{"role": "assistant", "content": "x"}]})";
    std::string many;
    for (int i = 0; i < 20000; ++i) many += "{\"text\": \"some words that fill a line\"}\n";
    const std::pair<PackOptions, const char*> cases[] = {
        {{.inputs = {folder.write("a.jsonl", "{\"text\": \"x\"}\n\n{\"text\": }\n")}}, "a.jsonl:3: not valid JSON"},
        {{.inputs = {folder.write("b.jsonl", many + "{\"text\": 1}\n" + many + "nonsense\n")}},
         "b.jsonl:20001: 'text' must be a string"},
        {{.inputs = {folder.write("c.jsonl", R"({"messages": [{"role": "cat", "content": "x"}]})")}},
         "c.jsonl:1: messages[0].role: unknown role 'cat'"},
        {{.inputs = {folder.write("d.jsonl", chat + "\n{\"text\": \"x\"}\n")}},
         "d.jsonl:2: text in a set of conversations: pack them separately"},
        {{.inputs = {good, folder.write("e.jsonl", chat)}}, "e.jsonl:1: a conversation in a set of text"},
        {{.inputs = {folder.write("f.jsonl",
                                  R"({"messages": [{"role": "assistant", "content": "x"}], "tools": [{}]})")}},
         "Cannot put the tools in the first user message"},
        {{.inputs = {folder.write("empty.txt", "")}}, "empty.txt: contains no documents"},
        {{.inputs = {folder.write("blank.txt", " \n\n")}}, "blank.txt: contains no documents"},
        {{.inputs = {folder.write("blank.jsonl", "{\"text\": \"\"}\n{\"text\": \" \\n\"}\n")}},
         "blank.jsonl: no text: all documents are empty"},
        {{.inputs = {(folder / "blanks").string(), (folder / "blanks").string()}}, "blanks and 1 more: no text"},
        {{.inputs = {folder.write("g.txt.gz", "not gzip")}}, "g.txt.gz: not gzip data despite its extension"},
        {{.inputs = {folder.write("h.txt.zst", "\x28\xb5\x2f\xfd")}}, "h.txt.zst: truncated"},
        {{.inputs = {(folder / "nowhere").string()}}, "nowhere: cannot open: No such file or directory"},
        {{.inputs = {(folder / "empty").string()}}, "empty: the folder contains no files"},
        {{.inputs = {good}, .output = good},
         "good.txt: already exists and is not a packed set; remove it, or choose another output"},
        {{.inputs = {good}, .hold_out_last = 1}, "no documents to train on: all 1 are held out"},
        {{.inputs = {good}, .hold_out_last = 3, .max_documents = 3}, "hold_out_last: 3 of at most 3 documents"},
        {{.inputs = {good}, .separator = "a\nb"}, "separator: must be one line"},
    };
    std::vector<std::string> before = folder.names();
    for (const auto& [options, reason] : cases) {
        const PackOptions& case_options = options;
        std::string message = error_of([&] { folder.pack("", case_options); });
        EXPECT_THAT(message, HasSubstr(reason)) << reason << ": " << message;
        EXPECT_THAT(message, Not(HasSubstr("\n")));
        EXPECT_EQ(folder.names(), before) << reason;
    }
}

// A tokenizer's template says nothing about a model that never saw a conversation.
TEST(Pack, OnlySetsOfConversationsHaveAChatTemplate) {
    PackFolder folder;
    folder.pack(folder.write("x.txt", "a cat"), {.output = (folder / "text").string()});
    folder.pack(folder.write("x.jsonl", R"({"messages": [{"role": "user", "content": "Hi"}, )"
                                        R"({"role": "assistant", "content": "Yo"}]})"),
                {.output = (folder / "talk").string()});
    auto has_template = [&](const std::string& set) {
        std::string config = read_text(folder / set / "tokenizer_config.json");
        EXPECT_THAT(config, HasSubstr("bos_token"));
        EXPECT_THAT(config,
                    HasSubstr(set == "text" ? R"("eos_token": "<|end_of_text|>")" : R"("eos_token": "<|eot_id|>")"));
        EXPECT_THAT(config, HasSubstr(R"("pad_token": "<|finetune_right_pad_id|>")"));
        bool in_file = std::filesystem::exists(folder / set / "chat_template.jinja");
        EXPECT_EQ(config.find("chat_template") != config.npos, in_file);
        return in_file;
    };
    EXPECT_TRUE(std::filesystem::exists(folder / "tokenizer/chat_template.jinja"));
    EXPECT_FALSE(has_template("text"));
    EXPECT_TRUE(has_template("talk"));
}

TEST(Pack, AnExistingSetIsNeverModified) {
    PackFolder folder;
    std::string input = folder.write("x.txt", "text");
    folder.pack(input);
    std::map<std::string, std::string> before = files_of(folder.packed());
    EXPECT_THAT(error_of([&] { folder.pack(input); }), HasSubstr("already exists"));
    EXPECT_EQ(files_of(folder.packed()), before);
    make_folder(folder / "vacant");
    folder.pack(input, {.output = (folder / "vacant").string() + "/"});  // an empty folder may be replaced
    EXPECT_EQ(files_of(folder / "vacant"), before);
}

TEST(Pack, AForcedSetReplacesAnOldOneAndNothingElse) {
    PackFolder folder;
    std::string input = folder.write("x.txt", "text");
    folder.pack(input);
    std::map<std::string, std::string> before = files_of(folder.packed());
    PackOptions other{.output = folder.packed(), .separator = "t", .hold_out_last = 1, .force = true};
    folder.pack(folder.write("y.txt", "tex\nt\ntext\n"), other);
    EXPECT_NE(files_of(folder.packed()), before);
    folder.pack(input, {.output = folder.packed(), .force = true});
    EXPECT_EQ(files_of(folder.packed()), before) << "nothing of another set is left";
    write_file(folder.packed() + "/notes.txt", "mine");
    EXPECT_THAT(error_of([&] { folder.pack(input, other); }), HasSubstr("already exists and is not a packed set"));
    EXPECT_EQ(read_text(folder.packed() + "/notes.txt"), "mine");
}

TEST(Pack, RealConversationsArePackedWithOnlyTheAssistantInTheLoss) {
    if (!fs::exists("../shared/data/sft")) GTEST_SKIP() << "../shared/data/sft is missing";
    PackFolder folder;
    PackResult result = folder.pack(
        "", {.inputs = {"../shared/data/sft/instructions_basic.jsonl", "../shared/data/sft/task_dialogues.jsonl.gz"},
             .max_documents = 2000});
    EXPECT_EQ(result.training.documents + result.validation.value().documents, 2000);
    EXPECT_NEAR(static_cast<double>(result.validation->bytes), 0.1 * static_cast<double>(result.training.bytes), 1e4);
    EXPECT_GT(result.training.trained, result.training.tokens / 10);
    EXPECT_LT(result.training.trained, result.training.tokens / 2);
    for (const std::string& text : texts_of(folder.packed())) ASSERT_THAT(text, EndsWith("<|eot_id|>"));
}

}  // namespace puna
