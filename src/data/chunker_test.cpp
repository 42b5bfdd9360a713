#include "data/chunker.h"

#include "data/test_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace puna {

namespace {

// part: the bytes that are passed at a time.
std::vector<Chunk> chunks_of(std::string_view text, size_t part = 1 << 20) {
    Chunker chunker;
    std::vector<Chunk> chunks;
    for (size_t at = 0; at < text.size(); at += part) chunker.add(text.substr(at, part), chunks);
    chunker.finish(chunks);
    return chunks;
}

std::vector<uint64_t> hashes_of(std::string_view text) {
    std::vector<uint64_t> hashes;
    for (const Chunk& chunk : chunks_of(text)) hashes.push_back(chunk.hash);
    return hashes;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
    return text;
}

// Where chunks end, but for the last.
std::vector<size_t> ends_in(std::string_view text) {
    std::vector<size_t> ends;
    for (const Chunk& chunk : chunks_of(text)) ends.push_back(static_cast<size_t>(chunk.end));
    EXPECT_EQ(ends.back(), text.size());
    ends.pop_back();
    EXPECT_GT(ends.size(), text.size() / 4000);
    return ends;
}

// Chinese: a sentence of five to twenty characters at a time, without white space.
std::string chinese_text(int sentences) {
    const std::string characters[] = {"中", "国", "人", "山", "水", "月", "日", "大", "小", "上", "下", "来"};
    std::string text;
    unsigned state = 7;
    for (int i = 0; i < sentences; ++i) {
        for (int n = 5 + i % 16; n > 0; --n) {
            state = state * 1664525u + 1013904223u;
            text += characters[(state >> 16) % std::size(characters)];
        }
        text += i % 7 == 0 ? "！" : "。";
    }
    return text;
}

}  // namespace

TEST(Chunker, ChunksDoNotDependOnTheParts) {
    std::string text = some_text(1, 2000) + replaced(some_text(2, 500), "\n", "\r\n\r\n") + chinese_text(1000);
    std::vector<Chunk> whole = chunks_of(text);
    EXPECT_EQ(static_cast<size_t>(whole.back().end), text.size());
    for (size_t part : {1, 7, 1000}) {
        std::vector<Chunk> again = chunks_of(text, part);
        EXPECT_TRUE(std::equal(whole.begin(), whole.end(), again.begin(), again.end(),
                               [](const Chunk& a, const Chunk& b) { return a.end == b.end && a.hash == b.hash; }))
            << part;
    }
}

TEST(Chunker, ACopyHasTheSameChunksWhereverItBegins) {
    std::string text = some_text(1, 5000), other = some_text(2, 100);
    std::vector<uint64_t> hashes = hashes_of(text);
    ASSERT_GT(hashes.size(), 50u);
    for (size_t before : {1, 100, 777, 3000}) {
        std::vector<uint64_t> copied = hashes_of(other.substr(0, before) + text + other);
        std::set<uint64_t> known(copied.begin(), copied.end());
        auto same = std::count_if(hashes.begin(), hashes.end(), [&](uint64_t hash) { return known.contains(hash); });
        EXPECT_GE(same, std::ssize(hashes) - 3) << before;  // all but the first two and the last
    }
}

TEST(Chunker, LineEndingsAndIndentationDoNotMatter) {
    std::string text = replaced(some_text(1, 1000), "the dog", "the dog\n\n");
    EXPECT_EQ(hashes_of(text), hashes_of(replaced(text, "\n", "\r\n")));
    EXPECT_EQ(hashes_of(text), hashes_of(replaced(text, "\n", " \n    ")));
}

TEST(Chunker, ChunksEndAtParagraphsElseAtLines) {
    std::string lines = some_text(1, 5000), paragraphs = replaced(lines, "cat.\n", "cat.\n\n");
    for (size_t end : ends_in(lines)) EXPECT_EQ(lines[end - 1], '\n');
    std::vector<size_t> ends = ends_in(paragraphs);
    auto at_paragraphs =
        std::count_if(ends.begin(), ends.end(), [&](size_t end) { return paragraphs[end - 2] == '\n'; });
    EXPECT_GT(at_paragraphs, std::ssize(ends) * 2 / 3);
    for (size_t end : ends) EXPECT_EQ(paragraphs[end - 1], '\n');
}

TEST(Chunker, ALineIsIndentedWhereItsChunkBegins) {
    std::string code = replaced(some_text(1, 5000), "\n", "\n    ");
    for (size_t end : ends_in(code)) EXPECT_EQ(code.substr(end - 1, 5), "\n    ");
}

TEST(Chunker, ALongLineIsCutBetweenSentencesElseBeforeASpace) {
    std::string sentences = replaced(some_text(1, 5000), "\n", " "), words = replaced(sentences, ".", "");
    for (size_t end : ends_in(sentences)) EXPECT_EQ(sentences.substr(end - 1, 2), ". ");
    for (size_t end : ends_in(words))
        EXPECT_TRUE(words[end] == ' ' && std::isalpha(words[end - 1])) << words.substr(end - 5, 10);
}

TEST(Chunker, TextWithoutSpacesIsCutAfterAFullStopElseBetweenCharacters) {
    std::string text = chinese_text(3000), letters = replaced(replaced(text, "。", ""), "！", "");
    for (size_t end : ends_in(text)) EXPECT_TRUE(text.substr(end - 3, 3) == "。" || text.substr(end - 3, 3) == "！");
    for (size_t end : ends_in(letters)) EXPECT_EQ(end % 3, 0u);
}

}  // namespace puna
