#include "cli/editor/word_wrap.h"

#include "cli/editor/test_screen.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

// What a terminal shows after the parts; joined to one text they are the same.
std::string shown(const std::vector<std::string>& parts, int columns) {
    ClusterWidths widths;
    WordWrap wrap(widths);
    TestScreen screen(columns, 50);
    for (const std::string& part : parts) screen.write(wrap.add(part, columns));
    return screen.text();
}

std::vector<std::string> characters(std::string_view text) {
    std::vector<std::string> all;
    for (size_t at = 0; at < text.size(); at += read_character(text, at).size)
        all.emplace_back(text.substr(at, read_character(text, at).size));
    return all;
}

std::string wrapped(const std::string& text, int columns) {
    std::string whole = shown({text}, columns);
    EXPECT_EQ(shown(characters(text), columns), whole) << "streamed character by character";
    return whole;
}

TEST(WordWrap, LinesBreakBetweenWords) {
    EXPECT_EQ(wrapped("She loved to play with her toys and run around outside.", 20),
              "She loved to play\nwith her toys and\nrun around outside.");
    EXPECT_EQ(wrapped("exactly ten columns", 11), "exactly ten\ncolumns") << "the blank has no room";
    EXPECT_EQ(wrapped("a  b", 80), "a  b");
    EXPECT_EQ(wrapped("one\n\n  two\n", 80), "one\n\n  two");
}

TEST(WordWrap, AWordThatOutgrowsItsLineMovesToTheNextOne) {
    ClusterWidths widths;
    WordWrap wrap(widths);
    TestScreen screen(12, 10);
    screen.write(wrap.add("run arou", 12));
    EXPECT_EQ(screen.text(), "run arou") << "shown at once";
    screen.write(wrap.add("nd outs", 12));
    EXPECT_EQ(screen.text(), "run around\nouts");
    screen.write(wrap.add("ide the", 12));
    EXPECT_EQ(screen.text(), "run around\noutside the");
}

TEST(WordWrap, FinishedTextsNeedNoEscapeSequences) {
    ClusterWidths widths;
    EXPECT_EQ(WordWrap(widths).add("the context is nearly full, 0123456789", 12),
              "the context \nis nearly \nfull, \n0123456789");
}

TEST(WordWrap, WordsLongerThanALineAreBroken) {
    EXPECT_EQ(wrapped("see 0123456789abcdef now", 10), "see\n0123456789\nabcdef now");
    EXPECT_EQ(wrapped("0123456789", 10), "0123456789");
}

TEST(WordWrap, WideCharactersAndEmojiCountTheirColumns) {
    EXPECT_EQ(wrapped("\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587", 9), "\u4e2d\u6587\u4e2d\u6587\n\u4e2d\u6587");
    EXPECT_EQ(wrapped("\u4e2d\u6587\u4e2d\u6587\u3002", 8), "\u4e2d\u6587\u4e2d\n\u6587\u3002")
        << "no full stop begins a line";
    EXPECT_EQ(wrapped("see \u4e2d\u6587ok", 8), "see \u4e2d\u6587\nok");
    const std::string astronaut = "\U0001f469\u200d\U0001f680";
    EXPECT_EQ(wrapped("abc " + astronaut + astronaut + " x", 8), "abc " + astronaut + astronaut + "\nx");
    EXPECT_EQ(wrapped("cafe\u0301 cafe\u0301", 9), "cafe\u0301 cafe\u0301");
}

TEST(WordWrap, CodeIsLeftToTheTerminal) {
    EXPECT_EQ(wrapped("some text here\n```\nlong line of code\n```\nmore text here", 10),
              "some text\nhere\n```\nlong line\nof code\n```\nmore text\nhere")
        << "the terminal breaks after ten columns, here at a blank";
    EXPECT_EQ(wrapped("```\nint value = 12;\n```", 10), "```\nint value\n= 12;\n```");
    EXPECT_EQ(wrapped("    int value = 12;", 10), "    int va\nlue = 12;");
}

TEST(WordWrap, ANewWidthCountsFromTheNextWord) {
    ClusterWidths widths;
    WordWrap wrap(widths);
    TestScreen screen(30, 10);
    screen.write(wrap.add("one two three four", 30));
    screen.resize(12, 10);
    screen.write(wrap.add(" five six seven eight", 12));
    EXPECT_EQ(screen.text(), "one two thre\ne four five\nsix seven\neight");
}

}  // namespace
}  // namespace puna
