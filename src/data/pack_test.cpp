#include "core/threads.h"
#include "data/test_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::vector<int32_t> ids_of(const Shard& shard, int64_t document) {
    int64_t begin = shard.document_begin(document);
    std::vector<int32_t> ids(static_cast<size_t>(shard.document_end(document) - begin));
    shard.read(begin, ids);
    return ids;
}

// What the documents of a set say, control tokens spelled out.
std::vector<std::string> texts_of(const fs::path& folder) {
    ShardSet set(folder);
    std::vector<std::string> texts;
    for (const Shard& shard : set.shards())
        for (int64_t d = 0; d < shard.documents(); ++d) texts.push_back(small_tokenizer().decode(ids_of(shard, d)));
    return texts;
}

std::string framed(const std::string& text) { return "<|begin_of_text|>" + text + "<|end_of_text|>"; }

// Every file below a folder, by name.
std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = read_text(entry.path());
    return files;
}

}  // namespace

// Long documents are cut for encoding where a line ends before a letter; here a token lies across each such place.
TEST(Pack, AddedTokensAreFoundAcrossLines) {
    PackFolder folder;
    std::string json = read_text(folder / "tokenizer/tokenizer.json");
    std::string token = R"(, {"id": 304, "content": ".\nx", "special": false})";
    write_file(folder / "tokenizer/tokenizer.json", json.insert(json.find("\n  ],\n  \"normalizer\""), token));
    std::string text;
    while (text.size() < 1 << 20) text += "the cat.\nx the dog.\nx";
    folder.pack(folder.write("long.txt", text));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 304), static_cast<ptrdiff_t>(2 * (text.size() / 21)));
}

TEST(Pack, DocumentsKeepTheirOrderAndAreFramed) {
    PackFolder folder;
    make_folder(folder / "in");
    folder.write("in/b.txt", "second\n<|endoftext|>\nthird");
    folder.write("in/a.txt", "the first");
    folder.write("in/c.jsonl", "{\"text\": \"fourth\"}\n{\"text\": \"\"}\n{\"text\": \"fifth\"}\n");
    PackResult result = folder.pack((folder / "in").string());
    EXPECT_EQ(texts_of(folder.packed()),
              (std::vector<std::string>{framed("the first"), framed("second"), framed("third"), framed("fourth"),
                                        framed("fifth")}));
    EXPECT_EQ(result.training.documents, 5);
    EXPECT_EQ(result.training.bytes, 9 + 6 + 5 + 6 + 5);
    EXPECT_EQ(result.training.trained, result.training.tokens - 5);  // nobody can learn how a document begins
    EXPECT_FALSE(result.validation);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"in", "packed", "tokenizer"}));
    EXPECT_NE(read_text(folder / "packed" / "sources.jsonl").find("\"documents\":2"), std::string::npos);
}

TEST(Pack, TextNeverBecomesAControlToken) {
    PackFolder folder;
    folder.pack(folder.write("x.txt", "a <|end_of_text|> b"));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), small_tokenizer().end_of_text()), 1);
}

TEST(Pack, AnyNumberOfThreadsWritesTheSameBytes) {
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

TEST(Pack, FullShardsAreFollowedByOthers) {
    PackFolder folder;
    std::string text;
    for (int i = 0; i < 60; ++i) text += some_text(i, 2000) + "<|endoftext|>\n";
    folder.pack(folder.write("x.txt", text), {.shard_megabytes = 1});
    ShardSet set(folder.packed());
    ASSERT_GT(set.shards().size(), 2u);
    EXPECT_EQ(set.index().documents, 60);
    EXPECT_EQ(texts_of(folder.packed())[40], framed(some_text(40, 2000).substr(0, some_text(40, 2000).size() - 1)));
    set.verify([](int64_t) {});
}

TEST(Pack, TheLastDocumentsAreHeldOut) {
    PackFolder folder;
    std::string text;
    for (int i = 0; i < 10; ++i) text += fmt::format("number {}\n<|endoftext|>\n", i);
    folder.pack(folder.write("x.txt", text), {.hold_out_last = 3});
    EXPECT_EQ(texts_of(folder.packed()).size(), 7u);
    EXPECT_EQ(texts_of(folder.packed()).back(), framed("number 6"));
    EXPECT_EQ(texts_of(folder / "packed" / "validation"),
              (std::vector<std::string>{framed("number 7"), framed("number 8"), framed("number 9")}));
}

TEST(Pack, AShareIsHeldOutByContentSoThatCopiesStayTogether) {
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

// Ten texts, four copies each, every copy wrapped in another way.
TEST(Pack, CopiesOfATextAreHeldOutTogetherHoweverTheyAreWrapped) {
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
            std::set<std::string> said;
            for (std::string& text : texts) {
                std::erase(text, '\r');
                std::erase(text, '\n');
                said.insert(text);
            }
            return said;
        };
        std::set<std::string> training = plain(texts_of(output)), held = plain(texts_of(output + "/validation"));
        EXPECT_EQ(training.size() + held.size(), 10u);
        EXPECT_GT(held.size(), 0u);
    }
}

TEST(Pack, PackingStopsAfterAsManyDocumentsAsAsked) {
    PackFolder folder;
    std::string input = folder.write("x.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree");
    EXPECT_EQ(folder.pack(input, {.max_documents = 2}).training.documents, 2);
    EXPECT_EQ(texts_of(folder.packed()).back(), framed("two"));
}

TEST(Pack, OnlyWhatTheAssistantSaysIsLearnt) {
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
    std::string learnt, rest;
    for (size_t i = 0; i < ids.size(); ++i)
        (shard.in_loss(static_cast<int64_t>(i)) ? learnt : rest) += small_tokenizer().bytes(ids[i]);
    EXPECT_EQ(learnt, "hello<|eot_id|>{\"name\": \"add\", \"parameters\": {\"a\": 1}}<|eot_id|>three<|eot_id|>");
    EXPECT_TRUE(rest.starts_with("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe kind<|eot_id|>"))
        << rest;
    EXPECT_EQ(set.index().trained, std::count_if(ids.begin(), ids.end(),
                                                 [&, i = int64_t{0}](int32_t) mutable { return shard.in_loss(i++); }));
}

TEST(Pack, NumbersInCallsAndAnswersOfToolsKeepTheirDigits) {
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
        EXPECT_NE(text.find(part), text.npos) << part << " in " << text;
    folder.write("y.jsonl",
                 R"({"messages": [{"role": "assistant", "tool_call": {"method": "f", "parameters": {"a": 1e999}}}]})");
    EXPECT_NE(error_of([&] {
                  folder.pack((folder / "y.jsonl").string(), {.output = (folder / "y").string()});
              }).find("y.jsonl:1: arguments of f: 1e999 is beyond the range of a double"),
              std::string::npos);
}

TEST(Pack, MessagesWithAWeightOfZeroAreReadAndNotLearned) {
    PackFolder folder;
    folder.pack(folder.write(
        "x.jsonl",
        R"({"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "five", "weight": 0},)"
        R"( {"role": "user", "content": "again"}, {"role": "assistant", "content": "four", "weight": 1}]})"));
    ShardSet set(folder.packed());
    std::vector<int32_t> ids = ids_of(set.shards()[0], 0);
    std::string learned, all = small_tokenizer().decode(ids);
    for (size_t i = 0; i < ids.size(); ++i)
        if (set.shards()[0].in_loss(static_cast<int64_t>(i))) learned += small_tokenizer().bytes(ids[i]);
    EXPECT_EQ(learned, "four<|eot_id|>");
    EXPECT_NE(all.find("five<|eot_id|>"), all.npos);
}

TEST(Pack, WhateverIsWrongIsOneLineAndLeavesNothing) {
    PackFolder folder;
    make_folder(folder / "empty");
    std::string good = folder.write("good.txt", "text"),
                chat = R"({"messages": [{"role": "assistant", "content": "x"}]})";
    std::string many;
    for (int i = 0; i < 20000; ++i) many += "{\"text\": \"some words that fill a line\"}\n";
    const std::pair<PackOptions, const char*> cases[] = {
        {{.inputs = {folder.write("a.jsonl", "{\"text\": \"x\"}\n\n{\"text\": }\n")}}, "a.jsonl:3: not valid JSON"},
        {{.inputs = {folder.write("b.jsonl", many + "{\"text\": 1}\n" + many + "nonsense\n")}},
         "b.jsonl:20001: 'text' must be text"},
        {{.inputs = {folder.write("c.jsonl", R"({"messages": [{"role": "cat", "content": "x"}]})")}},
         "c.jsonl:1: unknown role 'cat'"},
        {{.inputs = {folder.write("d.jsonl", chat + "\n{\"text\": \"x\"}\n")}},
         "d.jsonl:2: a text among conversations: make a set of each"},
        {{.inputs = {good, folder.write("e.jsonl", chat)}}, "e.jsonl:1: a conversation among texts"},
        {{.inputs = {folder.write("f.jsonl",
                                  R"({"messages": [{"role": "assistant", "content": "x"}], "tools": [{}]})")}},
         "Tools are shown in the first user message"},
        {{.inputs = {folder.write("empty.txt", "")}}, "empty.txt: no document in it"},
        {{.inputs = {folder.write("blank.txt", " \n\n")}}, "blank.txt: no document in it"},
        {{.inputs = {folder.write("g.txt.gz", "not gzip")}}, "g.txt.gz: is not gzip data, whatever its name says"},
        {{.inputs = {folder.write("h.txt.zst", "\x28\xb5\x2f\xfd")}}, "h.txt.zst: is cut short"},
        {{.inputs = {(folder / "nowhere").string()}}, "nowhere: cannot open: No such file or directory"},
        {{.inputs = {(folder / "empty").string()}}, "empty: the folder has no files"},
        {{.inputs = {good}, .output = good}, "good.txt: is there already: remove it, or name another folder"},
        {{.inputs = {good}, .hold_out_last = 1}, "no documents to train on: all 1 are held out"},
        {{.inputs = {good}, .hold_out_last = 3, .max_documents = 3}, "--hold-out-last: 3 of at most 3 documents"},
        {{.inputs = {good}, .validation_share = 2}, "--validation-share: 2 is not a share"},
        {{.inputs = {good}, .shard_megabytes = 0}, "--shard-megabytes: use 1 to 1024"},
    };
    std::vector<std::string> before = folder.names();
    for (const auto& [options, reason] : cases) {
        const PackOptions& these = options;
        std::string message = error_of([&] { folder.pack("", these); });
        EXPECT_NE(message.find(reason), message.npos) << reason << ": " << message;
        EXPECT_EQ(message.find('\n'), message.npos) << message;
        EXPECT_EQ(folder.names(), before) << reason;
    }
}

TEST(Pack, ASetThatIsThereIsNeverTouched) {
    PackFolder folder;
    std::string input = folder.write("x.txt", "text");
    folder.pack(input);
    std::map<std::string, std::string> before = files_of(folder.packed());
    EXPECT_NE(error_of([&] { folder.pack(input); }).find("is there already"), std::string::npos);
    EXPECT_EQ(files_of(folder.packed()), before);
    make_folder(folder / "hollow");
    folder.pack(input, {.output = (folder / "hollow").string() + "/"});  // an empty folder is no loss
    EXPECT_EQ(files_of(folder / "hollow"), before);
}

TEST(Pack, RealConversationsArePackedAndOnlyTheAssistantIsLearnt) {
    if (!fs::exists("../shared/data/sft")) GTEST_SKIP() << "../shared/data/sft is missing";
    PackFolder folder;
    PackResult result = folder.pack(
        "", {.inputs = {"../shared/data/sft/instructions_basic.jsonl", "../shared/data/sft/task_dialogues.jsonl.gz"},
             .max_documents = 2000});
    EXPECT_EQ(result.training.documents, 2000);
    EXPECT_GT(result.training.trained, result.training.tokens / 10);
    EXPECT_LT(result.training.trained, result.training.tokens / 2);
    for (const std::string& text : texts_of(folder.packed())) ASSERT_TRUE(text.ends_with("<|eot_id|>"));
}

}  // namespace puna
