// What is held out of packed text.
#include "core/test_error.h"
#include "core/threads.h"
#include "data/loader.h"
#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <thread>

namespace puna {

namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

constexpr std::string_view begin_token = "<|begin_of_text|>", end_token = "<|end_of_text|>";

// The text of all documents, without control tokens.
std::string text_in(const fs::path& folder) {
    std::string text;
    if (!fs::exists(folder)) return text;
    for (std::string document : texts_of(folder)) {
        EXPECT_THAT(document, StartsWith(std::string(begin_token)));
        document.erase(0, begin_token.size());
        if (document.ends_with(end_token)) document.erase(document.size() - end_token.size());
        text += document;
    }
    return text;
}

struct Sides {
    PackResult result;
    std::string training, validation;
};

Sides pack_sides(const PackFolder& folder, const std::vector<std::string>& inputs, PackOptions options = {}) {
    options.inputs = inputs;
    fs::remove_all(folder.packed());
    PackResult result = folder.pack("", options);
    return {result, text_in(folder.packed()), text_in(folder / "packed" / "validation")};
}

std::string without_space(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r'; });
    return text;
}

// No text of this many bytes, white space aside, is on both sides.
void expect_no_copies(const Sides& sides, size_t size = 200) {
    std::string training = without_space(sides.training), validation = without_space(sides.validation);
    for (size_t at = 0; at + size <= validation.size(); at += size / 2)
        ASSERT_EQ(training.find(validation.substr(at, size)), training.npos) << validation.substr(at, size);
}

// All text is in one of the sets, or dropped.
void expect_nothing_lost(const Sides& sides, size_t bytes) {
    EXPECT_EQ(sides.result.training.bytes, std::ssize(sides.training));
    EXPECT_EQ(sides.result.validation ? sides.result.validation->bytes : 0, std::ssize(sides.validation));
    EXPECT_EQ(sides.training.size() + sides.validation.size() + static_cast<size_t>(sides.result.split.dropped_bytes),
              bytes);
}

// A text whose end is its validation set.
void expect_tail(const Sides& sides, const std::string& text, double share = 0.1) {
    EXPECT_EQ(sides.training + sides.validation, text);
    EXPECT_NEAR(static_cast<double>(sides.validation.size()), share * static_cast<double>(text.size()), 6000);
    EXPECT_EQ(sides.result.training.documents, 1);
    EXPECT_EQ(sides.result.validation.value().documents, 1);
    expect_nothing_lost(sides, text.size());
}

std::string first_note(const PackOptions& options, const PackResult& result) {
    std::vector<FieldNote> notes = notes_on(options, result, [](std::string_view) { return false; });
    return notes.empty() ? "" : notes[0].field + ": " + notes[0].text;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
    return text;
}

// Some paragraphs, as of a novel.
std::string novel(int seed, int sentences) { return replaced(some_text(seed, sentences), "cat.\n", "cat.\n\n"); }

}  // namespace

TEST(HeldOutText, IsTheEndOfOneTextByDefault) {
    PackFolder folder;
    std::string text = novel(1, 10000);
    Sides sides = pack_sides(folder, {folder.write("novel.txt", text)});
    expect_tail(sides, text);
    EXPECT_THAT(sides.training, EndsWith("\n\n"));  // a paragraph
    std::string training = texts_of(folder.packed())[0], validation = texts_of(folder / "packed/validation")[0];
    EXPECT_THAT(training, Not(EndsWith(std::string(end_token))));  // the text does not end here
    EXPECT_THAT(validation, EndsWith(std::string(end_token)));
    EXPECT_EQ(first_note({}, sides.result), "");
    std::string source = read_text(folder / "packed/validation/sources.jsonl");
    EXPECT_THAT(source, HasSubstr(fmt::format("\"bytes\":{}}}", sides.validation.size())));
}

TEST(HeldOutText, IsTheLastTenthOfTinyShakespeare) {
    fs::path path = "../shared/data/text/tinyshakespeare.txt";
    if (!fs::exists(path)) GTEST_SKIP() << "../shared/data/text is missing";
    PackFolder folder;
    Sides sides = pack_sides(folder, {path.string()});
    expect_tail(sides, read_text(path));
    EXPECT_THAT(sides.validation, StartsWith("BAPTISTA:\nWas ever gentleman thus grieved as I?"));
    expect_no_copies(sides);
}

TEST(HeldOutText, IsAnExplicitShareOfOneText) {
    PackFolder folder;
    std::string text = novel(1, 10000), input = folder.write("novel.txt", text);
    for (double share : {0.02, 0.5, 0.95})
        expect_tail(pack_sides(folder, {input}, {.validation_share = share}), text, share);
    EXPECT_EQ(pack_sides(folder, {input}, {.validation_share = 0}).training, text);
}

TEST(HeldOutText, IsFromTheEndOfEachLongDocument) {
    PackFolder folder;
    std::string text, lines;
    std::vector<std::string> inputs;
    for (int i = 0; i < 6; ++i) {
        std::string document = novel(i, 2500);
        inputs.push_back(folder.write(fmt::format("{}.txt", i), document));
        text += document + "\n<|endoftext|>\n";
        lines += fmt::format("{{\"text\": \"{}\"}}\n", replaced(document, "\n", "\\n"));
    }
    Sides files = pack_sides(folder, inputs), documents = pack_sides(folder, {folder.write("all.txt", text)});
    EXPECT_EQ(files.result.training.documents, 6);
    EXPECT_EQ(files.result.validation.value().documents, 6);
    EXPECT_NEAR(static_cast<double>(files.validation.size()), 0.1 * static_cast<double>(text.size()), 6000);
    EXPECT_EQ(documents.validation, files.validation);
    EXPECT_EQ(documents.training, files.training);
    EXPECT_EQ(pack_sides(folder, {folder.write("all.jsonl", lines)}).validation, files.validation);
}

TEST(HeldOutText, IsTheSameFromCompressedFilesAndPipes) {
    PackFolder folder;
    std::string text = novel(1, 10000), pipe = (folder / "pipe").string(),
                compressed = (folder / "novel.txt.gz").string();
    gzFile file = gzopen(compressed.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    expect_tail(pack_sides(folder, {compressed}), text);
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    fs::create_symlink("pipe", folder / "pipe.gz");
    for (const std::string& name : {pipe, pipe + ".gz"}) {
        std::string content = name == pipe ? text : read_text(compressed);
        std::jthread writer([&] { std::ofstream(pipe, std::ios::binary) << content; });
        expect_tail(pack_sides(folder, {name}), text);
        EXPECT_THAT(read_text(folder / "packed/sources.jsonl"),
                    HasSubstr("\"name\":\"" + name + "\",\"hash\":\"" + hash_digits(hash_bytes(content))));
    }
    EXPECT_THAT(folder.names(),
                testing::UnorderedElementsAre("novel.txt.gz", "packed", "pipe", "pipe.gz", "tokenizer"));
}

TEST(HeldOutText, BeginsBetweenSentencesOfALongLineAndBetweenWordsOtherwise) {
    PackFolder folder;
    std::string line = replaced(some_text(1, 10000), "\n", " "), words = replaced(line, ".", "");
    Sides sides = pack_sides(folder, {folder.write("line.txt", line)});
    expect_tail(sides, line);
    EXPECT_THAT(sides.training, EndsWith("."));
    sides = pack_sides(folder, {folder.write("words.txt", words)});
    expect_tail(sides, words);
    EXPECT_THAT(sides.validation, StartsWith(" "));
}

TEST(HeldOutText, BeginsBetweenSentencesOfChinese) {
    PackFolder folder;
    std::string text;
    for (unsigned i = 0, state = 1; i < 60000; ++i) {
        state = state * 1664525u + 1013904223u;
        text += std::string("中国人山水月日大小上下来").substr((state >> 16) % 12 * 3, 3);
        if (i % 17 == 16) text += "。";
    }
    Sides sides = pack_sides(folder, {folder.write("chinese.txt", text)});
    expect_tail(sides, text);
    EXPECT_THAT(sides.training, EndsWith("。"));
    std::string letters = replaced(text, "。", "");
    sides = pack_sides(folder, {folder.write("letters.txt", letters)});
    expect_tail(sides, letters);
    EXPECT_EQ(sides.training.size() % 3, 0u);
}

TEST(HeldOutText, IsNeverACopyOfTrainedText) {
    PackFolder folder;
    std::string text = novel(1, 6000), other = novel(2, 6000), preface = novel(3, 600);
    struct Case {
        const char* name;
        std::vector<std::string> texts;
    };
    const Case cases[] = {
        {"twice in one file", {text + text}},
        {"twice, moved", {text.substr(0, 100001) + preface + text + other}},
        {"an end that is in a later document", {text, other + text + preface + other.substr(0, 70000)}},
        {"an end that is in an earlier document", {other + text + preface + other.substr(0, 70000), text}},
        {"two copies of a novel, one with a preface", {text, preface + text}},
        {"two copies with different line endings", {text, preface + replaced(text, "\n", "\r\n")}},
        {"a passage in the end",
         {text, text.substr(0, 120000) + other.substr(0, 7000) + text.substr(40000, 9000) + other.substr(7000, 6000)}},
    };
    for (const auto& [name, texts] : cases) {
        std::vector<std::string> inputs;
        size_t bytes = 0;
        for (const std::string& content : texts) {
            inputs.push_back(folder.write(fmt::format("{}.txt", inputs.size()), content));
            bytes += content.size();
        }
        SCOPED_TRACE(name);
        Sides sides = pack_sides(folder, inputs);
        expect_no_copies(sides);
        expect_nothing_lost(sides, bytes);
        EXPECT_GT(sides.training.size(), bytes * 3 / 4);
    }
}

TEST(HeldOutText, IsReportedIfItWouldBeACopy) {
    PackFolder folder;
    std::string text = novel(1, 6000), preface = novel(3, 600), input = folder.write("a.txt", text + text);
    Sides sides = pack_sides(folder, {input});
    EXPECT_EQ(sides.validation, "");
    EXPECT_EQ(first_note({}, sides.result),
              "validation_share: there is no validation set: the ends of long documents are copies of training text; "
              "remove the copies");
    sides = pack_sides(folder, {folder.write("b.txt", text), folder.write("c.txt", preface + text)});
    EXPECT_EQ(sides.result.validation.value().documents, 2);
    EXPECT_THAT(first_note({}, sides.result),
                testing::MatchesRegex("validation_share: .* kB at the ends of long documents are copies of training "
                                      "text and not held out; .*B of these are in neither set"));
}

// Copies of short texts are on the side of their hash, however many there are.
TEST(HeldOutText, OfManyShortDocumentsIsATenthByDefault) {
    PackFolder folder;
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += fmt::format("{{\"text\": \"{} {}\"}}\n", i % 1000, "words");
    Sides sides = pack_sides(folder, {folder.write("x.jsonl", lines)});
    EXPECT_NEAR(static_cast<double>(sides.result.validation.value().documents), 200, 40);
    EXPECT_EQ(sides.result.training.documents + sides.result.validation->documents, 2000);
    std::vector<std::string> training = texts_of(folder.packed()), held = texts_of(folder / "packed/validation");
    for (const std::string& document : held) EXPECT_EQ(std::count(training.begin(), training.end(), document), 0);
}

TEST(HeldOutText, IsNoneOfAFewShortDocuments) {
    PackFolder folder;
    std::string few, many, chats;
    for (int i = 0; i < 99; ++i) few += fmt::format("{{\"text\": \"{} words\"}}\n", i);
    for (int i = 0; i < 7; ++i)
        chats +=
            fmt::format(
                R"({{"messages": [{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "yes"}}]}})",
                i) +
            "\n";
    const std::tuple<std::string, std::string, std::string> cases[] = {
        {"few.jsonl", few, "99 documents are too few to hold some out by default; hold out the last ones"},
        {"chats.jsonl", chats, "7 conversations are too few to hold some out by default; hold out the last ones"},
        {"story.txt", some_text(1, 100),
         "the end of a text is held out from 32 KiB on; use a longer text, or pack another one for validation"}};
    for (const auto& [name, content, note] : cases) {
        Sides sides = pack_sides(folder, {folder.write(name, content)});
        EXPECT_FALSE(sides.result.validation) << name;
        EXPECT_EQ(first_note({}, sides.result), "validation_share: there is no validation set: " + note);
        EXPECT_EQ(first_note({.validation_share = 0}, sides.result), "");
    }
    EXPECT_TRUE(pack_sides(folder, {folder.write("more.jsonl", few + few)}).result.validation);
    EXPECT_TRUE(pack_sides(folder, {(folder / "few.jsonl").string()}, {.validation_share = 0.1}).result.validation);
}

TEST(HeldOutText, IsOnlyTheLastDocumentsIfTheseAreAskedFor) {
    PackFolder folder;
    std::string text = novel(1, 3000), last = novel(2, 3000);
    std::vector<std::string> inputs = {folder.write("a.txt", text), folder.write("b.txt", last)};
    Sides sides = pack_sides(folder, inputs, {.hold_out_last = 1});
    EXPECT_EQ(sides.training, text);
    EXPECT_EQ(sides.validation, last);
    sides = pack_sides(folder, inputs, {.validation_share = 0.1, .hold_out_last = 1});
    EXPECT_TRUE(text.starts_with(sides.training) && sides.training.size() < text.size());
    EXPECT_EQ(sides.training.size() + sides.validation.size(), text.size() + last.size());
}

TEST(HeldOutText, EndsWhereTheDocumentsDo) {
    PackFolder folder;
    std::string text = novel(1, 3000);
    std::vector<std::string> inputs = {folder.write("a.txt", text), folder.write("b.txt", novel(2, 3000))};
    expect_tail(pack_sides(folder, inputs, {.max_documents = 1}), text);
}

// Validation counts each byte of its text once.
TEST(HeldOutText, HasExactBytes) {
    PackFolder folder;
    Sides sides = pack_sides(folder, {folder.write("a.txt", novel(1, 3000)), folder.write("b.txt", novel(2, 3000))});
    Loader loader(folder / "packed/validation", {.length = 64});
    TrainingRows rows = loader.read(0, loader.rows_per_epoch());
    EXPECT_EQ(rows.bytes, sides.result.validation.value().bytes);
    EXPECT_EQ(rows.trained, sides.result.validation->trained);
}

TEST(HeldOutText, AFileThatChangesWhileItIsReadIsAnError) {
    if (!fs::exists("/proc/sys/kernel/random/uuid")) GTEST_SKIP() << "no file that is different at each reading";
    PackFolder folder;
    EXPECT_THAT(error_of([&] { pack_sides(folder, {"/proc/sys/kernel/random/uuid"}); }),
                HasSubstr("uuid: changed while it was being packed: pack again"));
    EXPECT_EQ(folder.names(), std::vector<std::string>{"tokenizer"});
}

// The inputs are read twice.
TEST(HeldOutText, WhatIsSkippedAndConvertedIsReportedOnce) {
    PackFolder folder;
    std::string text = novel(1, 3000);
    std::vector<std::string> inputs = {folder.write("a.txt", text + "caf\xe9\n"),
                                       folder.write("b.jsonl", "{\"text\": \"one\"}\n{\"text\": 2}\n"),
                                       folder.write("c.txt", std::string_view("\xff\xfeg\0o\0", 6))};
    testing::internal::CaptureStderr();
    Sides sides = pack_sides(folder, inputs, {.input = {.skip_bad = true}});
    std::string logged = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 3) << logged;
    EXPECT_THAT(logged, HasSubstr("not valid UTF-8"));
    EXPECT_THAT(logged, HasSubstr("b.jsonl:2"));
    EXPECT_THAT(logged, HasSubstr("c.txt: converted from UTF-16LE"));
    EXPECT_EQ(sides.result.skipped.total(), 2);
    expect_nothing_lost(sides, text.size() + 5);
    EXPECT_GT(sides.validation.size(), 0u);
}

TEST(HeldOutText, TheFirstBadInputIsTheError) {
    PackFolder folder;
    std::string lines = "{\"text\": \"one\"}\n{\"text\": 2}\n{\"text\": 3}\n";
    for (std::optional<double> share : {std::optional<double>(), std::optional<double>(0)})
        EXPECT_THAT(
            error_of([&] { pack_sides(folder, {folder.write("b.jsonl", lines)}, {.validation_share = share}); }),
            HasSubstr("b.jsonl:2"));
}

TEST(HeldOutText, TheReasonWhyThereIsNoneIsTheRightOne) {
    PackFolder folder;
    std::string conversation =
        R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})";
    for (const auto& [name, text, reason] :
         {std::tuple("x.txt", std::string(100'000, 'x'), "may repeat itself"),
          {"short.txt", "a short text", "held out from 32 KiB on"},
          {"one.jsonl", conversation + "\n", "one conversation only"},
          {"two.jsonl", conversation + "\n" + conversation, "2 conversations are too few"}}) {
        Sides sides = pack_sides(folder, {folder.write(name, text)});
        EXPECT_FALSE(sides.result.validation);
        EXPECT_THAT(first_note({}, sides.result), HasSubstr(reason)) << name;
    }
}

}  // namespace puna
