#include "data/line_filter.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

struct Filtered {
    std::string text;
    std::vector<int64_t> lines;
    std::vector<size_t> offsets;
};

// In parts of `part` bytes, of which all but the last `kept` are taken each time.
Filtered filter(std::string_view text, size_t part, size_t kept) {
    LineFilter filter;
    Filtered result;
    std::string pending;
    for (size_t at = 0; at < text.size(); at += part) {
        pending += text.substr(at, part);
        for (const BadLine& bad : filter.remove_invalid(pending, 0, at + part >= text.size())) {
            result.lines.push_back(bad.line);
            result.offsets.push_back(bad.offset);
        }
        size_t taken = pending.size() - std::min(pending.size(), kept);
        result.text += pending.substr(0, taken);
        pending.erase(0, taken);
        filter.discard(taken);
    }
    result.text += pending;
    return result;
}

TEST(LineFilter, LinesWithInvalidBytesAreRemoved) {
    std::string text = "one\ntw\xf6\nthree \u00e9\n\xff\xff\nfour\nfi\xe9";
    for (size_t part : {1, 2, 3, 7, 100}) {
        Filtered filtered = filter(text, part, 100);
        EXPECT_EQ(filtered.text, "one\nthree \u00e9\nfour\n") << part;
        EXPECT_EQ(filtered.lines, (std::vector<int64_t>{2, 4, 6})) << part;
        EXPECT_EQ(filtered.offsets, (std::vector<size_t>{6, 17, 27})) << part;
    }
}

TEST(LineFilter, ValidTextIsUnchanged) {
    std::string text = "one \u00e9\n\u65e5\u672c\r\n\n\U0001f600";
    for (size_t part : {1, 2, 3, 100}) EXPECT_EQ(filter(text, part, 4).text, text) << part;
}

// What was taken of a line cannot be removed: it ends there, so that the next line begins a line.
TEST(LineFilter, ALineWhoseBeginningWasTakenEndsThere) {
    std::string text = "one\na long line \xff that goes on\ntwo";
    EXPECT_EQ(filter(text, 8, 0).text, "one\na long line \ntwo");
    EXPECT_EQ(filter(text, 8, 100).text, "one\ntwo");
}

TEST(LineFilter, AnIncompleteCharacterAtTheEndIsInvalid) {
    Filtered filtered = filter("one\ntwo \xc3", 3, 100);
    EXPECT_EQ(filtered.text, "one\n");
    EXPECT_EQ(filtered.lines, std::vector<int64_t>{2});
}

}  // namespace
}  // namespace puna
