#include "cli/editor/keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace puna {
namespace {

// Names and contents of the keys; the bytes arrive at once, or one by one.
std::string decoded(std::string_view bytes, bool one_by_one = false) {
    KeyDecoder decoder;
    std::string all;
    auto read = [&] {
        while (std::optional<Key> key = decoder.next())
            all += key->content.empty() ? std::to_string(key->name) + " " : key->content + " ";
    };
    if (!one_by_one) decoder.feed(bytes);
    read();
    for (size_t i = 0; i < bytes.size() && one_by_one; ++i) {
        decoder.feed(bytes.substr(i, 1));
        read();
    }
    return all;
}

std::string names(std::initializer_list<Key::Name> keys) {
    std::string all;
    for (Key::Name key : keys) all += std::to_string(key) + " ";
    return all;
}

TEST(Keys, SequencesOfTerminalsAreOneKeyEach) {
    EXPECT_EQ(decoded("\x1b[A\x1b[B\x1bOC\x1bOD"), names({Key::up, Key::down, Key::right, Key::left}));
    EXPECT_EQ(decoded("\x1b[H\x1b[1~\x1bOF\x1b[4~\x1b[3~"),
              names({Key::home, Key::home, Key::end, Key::end, Key::erase}));
    EXPECT_EQ(decoded("\x1b[1;5D\x1b[1;3C\x1b\r"), names({Key::word_left, Key::word_right, Key::new_line}));
    std::string together = decoded("\x1b[A\x1b[200~x\x1b[201~\xc3\xa4\x1b[1;5D");
    EXPECT_EQ(decoded("\x1b[A\x1b[200~x\x1b[201~\xc3\xa4\x1b[1;5D", true), together) << "in parts";
}

TEST(Keys, TypedTextIsOneKey) {
    EXPECT_EQ(decoded("typed ahead\rnext"), "typed ahead " + names({Key::enter}) + "next ");
}

TEST(Keys, InvalidBytesBecomeReplacementCharacters) {
    EXPECT_EQ(decoded("a\xff\xc3(\xed\xa0\x80"), "a\ufffd\ufffd(\ufffd\ufffd\ufffd ");
    EXPECT_EQ(decoded("\xe4\xb8"), "") << "more may come";
}

TEST(Keys, UnknownSequencesAreSkipped) {
    EXPECT_EQ(decoded("\x1b[15~\x1b[?1;2c\x1b[<0;1;1M\x1bOPx"), "x ");
    EXPECT_EQ(decoded("\x1b[" + std::string(66, '1'), true), "1 1 ") << "endless";
    EXPECT_EQ(decoded("\x1b[1\x03"), names({Key::interrupt})) << "cut short";
    EXPECT_EQ(decoded("\x1b\x1b[D\x1bq"), names({Key::left}) + "q ");
}

TEST(Keys, PastedBytesAreNoKeys) {
    EXPECT_EQ(decoded("\x1b[200~a\rb\r\nc\x03\x1b[A\r\n\x1b[201~d"), "a\nb\nc\x03\x1b[A d ");
    KeyDecoder decoder;
    decoder.feed("\x1b[200~endless\x1b[20");
    EXPECT_FALSE(decoder.next());
    decoder.feed("1~");
    EXPECT_EQ(decoder.next()->content, "endless");
    decoder.feed(std::string_view("\x1b[200~a\0b\xff\x1b[201~", 16));
    EXPECT_EQ(decoder.next()->content, "ab\ufffd");
}

TEST(Keys, ReportsOfTheCursorHaveItsColumn) {
    KeyDecoder decoder;
    decoder.feed("\x1b[12;7R\x1b[;R\x1b[1;99999999999R");
    std::optional<Key> key = decoder.next();
    ASSERT_TRUE(key);
    EXPECT_EQ(key->name, Key::cursor_report);
    EXPECT_EQ(key->column, 7);
    EXPECT_FALSE(decoder.next());
}

}  // namespace
}  // namespace puna
