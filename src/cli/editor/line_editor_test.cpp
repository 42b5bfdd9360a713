#include "cli/editor/line_editor.h"

#include "cli/editor/test_screen.h"
#include "core/random.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

const std::string astronaut = "\U0001f469\u200d\U0001f680", family = "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                  flag = "\U0001f1e6\U0001f1f9", waving = "\U0001f44b\U0001f3fd", heart = "\u2764\ufe0f",
                  accented = "e\u0301", chinese = "\u4e2d\u6587";
const std::string left = "\x1b[D", right = "\x1b[C", up = "\x1b[A", down = "\x1b[B", backspace = "\x7f",
                  erase = "\x1b[3~", home = "\x01", end = "\x05";

// An editor with its terminal, which answers.
class Typing {
 public:
    explicit Typing(int columns = 40, int rows = 12, TestScreen::Kind kind = TestScreen::Kind::joins_clusters,
                    Completer complete = {})
        : screen(columns, rows, kind),
          editor(history, widths, {.complete = std::move(complete), .display = {true, true}}) {
        screen.write(editor.start("> ", {columns, rows}));
    }

    Typing& type(std::string_view bytes) {
        keys.feed(bytes);
        for (bool more = true; more;) {
            while (std::optional<Key> key = keys.next()) screen.write(editor.handle(*key));
            std::string replies = screen.take_replies();
            more = !replies.empty();
            keys.feed(replies);
        }
        return *this;
    }
    Typing& paste(std::string_view text) { return type("\x1b[200~" + std::string(text) + "\x1b[201~"); }
    void resize(int columns, int rows) {
        screen.resize(columns, rows);
        screen.write(editor.resize({columns, rows}));
    }
    // The text with | at the cursor.
    std::string marked() const {
        std::string text = editor.text();
        return text.insert(editor.cursor(), "|");
    }

    History history;
    ClusterWidths widths;
    TestScreen screen;
    LineEditor editor;
    KeyDecoder keys;
};

TEST(LineEditor, TypedTextIsShownAfterThePrompt) {
    Typing t;
    t.type("Tell me a story.");
    EXPECT_EQ(t.screen.text(), "> Tell me a story.");
    EXPECT_EQ(t.screen.column(), 18);
    t.type("\r");
    EXPECT_EQ(t.editor.state(), LineEditor::State::accepted);
    EXPECT_EQ(t.screen.row(), 1u);
    EXPECT_EQ(t.screen.column(), 0);
}

TEST(LineEditor, KeysOfAShellEdit) {
    auto edited = [](std::string_view keys) { return Typing().type(keys).marked(); };
    EXPECT_EQ(edited("one two" + home + "x"), "x|one two");
    EXPECT_EQ(edited("one two" + left + left + backspace), "one |wo");
    EXPECT_EQ(edited("one two" + home + erase + "\x04"), "|e two");
    EXPECT_EQ(edited("one two\x1b[1;5D!"), "one !|two");
    EXPECT_EQ(edited("one two\x1b"
                     "b\x1b"
                     "b\x1b"
                     "f"),
              "one| two");
    EXPECT_EQ(edited("one two-three\x17"), "one |");
    EXPECT_EQ(edited("one two-three\x1b\x7f"), "one two-|");
    EXPECT_EQ(edited("one two" + home +
                     "\x1b"
                     "d"),
              "| two");
    EXPECT_EQ(edited("one two\x1b[1;5D\x15"), "|two");
    EXPECT_EQ(edited("one two\x1b[1;5D\x0b"), "one |");
    EXPECT_EQ(edited("one two\x17\x17" + end + "x\x19"), "xone two|") << "erased in several steps";
    EXPECT_EQ(edited("ab\x14"), "ba|");
    EXPECT_EQ(edited("a\x1b[F\x1b[H\x1bOC\x1b[99;1Xb"), "ab|") << "unknown sequences are skipped";
    EXPECT_EQ(edited("one\x1b\rtwo"), "one\ntwo|");
}

TEST(LineEditor, CursorMovesByGraphemeCluster) {
    for (const std::string& cluster : {astronaut, family, flag, waving, heart, accented, std::string("\u4e2d")}) {
        Typing t;
        t.type("a" + cluster + "b");
        EXPECT_EQ(t.type(left + left).marked(), "a|" + cluster + "b");
        EXPECT_EQ(t.type(right).marked(), "a" + cluster + "|b");
        EXPECT_EQ(t.type(backspace).marked(), "a|b");
        t.type(cluster + left);
        EXPECT_EQ(t.type(erase).marked(), "a|b");
    }
    EXPECT_EQ(Typing().type(flag + flag + left + "x").marked(), flag + "x|" + flag);
    EXPECT_EQ(Typing().type("\U0001f469" + astronaut + left + "\u200d").marked(), "\U0001f469\u200d" + astronaut + "|")
        << "joined by what was inserted";
}

TEST(LineEditor, DisplayIsRightWhereTerminalsDisagreeOnWidths) {
    for (TestScreen::Kind kind : {TestScreen::Kind::joins_clusters, TestScreen::Kind::joins_marks}) {
        Typing t(40, 12, kind);
        t.type("a" + astronaut + flag + waving + heart + "z" + chinese);
        for (int i = 0; i < 4; ++i) t.type(left);
        t.type("X" + left + left + backspace + erase);
        EXPECT_EQ(t.marked(), "a" + astronaut + "|X" + heart + "z" + chinese);
        EXPECT_EQ(t.screen.text(), "> a" + astronaut + "X" + heart + "z" + chinese);
        EXPECT_EQ(t.screen.column(), kind == TestScreen::Kind::joins_clusters ? 5 : 7);
        t.type(end + "!");
        EXPECT_EQ(t.screen.text(), "> a" + astronaut + "X" + heart + "z" + chinese + "!");
    }
}

TEST(LineEditor, SilentTerminalsGetUnicodesWidths) {
    Typing t;
    for (char c : "a" + astronaut + "b") {
        t.keys.feed(std::string(1, c));
        while (std::optional<Key> key = t.keys.next()) t.screen.write(t.editor.handle(*key));
    }
    EXPECT_TRUE(t.editor.display().awaits_reports());
    EXPECT_EQ(t.screen.text(), "> a");
    t.screen.write(t.editor.stop_measuring());
    EXPECT_EQ(t.screen.text(), "> a" + astronaut + "b");
    EXPECT_EQ(t.screen.column(), 6);
}

TEST(LineEditor, LongTextsWrapAtTheWidth) {
    Typing t(10, 12);
    t.type("0123456789abcdef");
    EXPECT_EQ(t.screen.text(), "> 01234567\n89abcdef");
    t.type("gh");
    EXPECT_EQ(t.screen.row(), 2u) << "after the last column: on the next row";
    t.type(home + "X");
    EXPECT_EQ(t.screen.text(), "> X0123456\n789abcdefg\nh");
    EXPECT_EQ(t.screen.column(), 3);
    t.type("\x0b");
    EXPECT_EQ(t.screen.text(), "> X");
    t.type(chinese + chinese);
    EXPECT_EQ(t.screen.text(), "> X" + chinese + "\u4e2d\n\u6587") << "a wide character has no half";
}

TEST(LineEditor, PastedLinesAreEditedAsOneText) {
    Typing t;
    t.paste("one\rtwo\r\nthree\r");
    EXPECT_EQ(t.editor.state(), LineEditor::State::editing);
    EXPECT_EQ(t.screen.text(), "> one\n  two\n  three");
    EXPECT_EQ(t.type(up + up + end + "!" + down).marked(), "one!\ntwo|\nthree");
    EXPECT_EQ(t.type(down + down).marked(), "one!\ntwo\nthre|e");
    EXPECT_EQ(t.screen.text(), "> one!\n  two\n  three");
    EXPECT_EQ(t.type(home + backspace).marked(), "one!\ntwo|three");
    t.paste("\x03\x1b[31m\ta");
    EXPECT_EQ(t.screen.text(), "> one!\n  two^C^[[31m   athree") << "a pasted Ctrl-C is not a key";
}

TEST(LineEditor, InterruptLeavesTheWholeTextAboveTheNextLine) {
    Typing t;
    t.paste("one\ntwo\nthree");
    t.type(up + up + "\x03");
    EXPECT_EQ(t.editor.state(), LineEditor::State::interrupted);
    EXPECT_EQ(t.screen.text(), "> one\n  two\n  three");
    EXPECT_EQ(t.screen.row(), 3u);
}

TEST(LineEditor, TextsTallerThanTheScreenAreShownAroundTheCursorAndWholeAtTheEnd) {
    Typing t(20, 4);
    std::string all, shown;
    for (int i = 0; i < 30; ++i) all += fmt::format("{}line {}", i == 0 ? "" : "\n", i);
    t.paste(all);
    EXPECT_EQ(t.screen.text(), "  line 26\n  line 27\n  line 28\n  line 29");
    for (int i = 0; i < 20; ++i) t.type(up);
    EXPECT_EQ(t.screen.text(), "  line 9\n  line 10\n  line 11\n  line 12");
    t.type("\r");
    for (int i = 0; i < 30; ++i) shown += fmt::format("{}line {}", i == 0 ? "> " : "\n  ", i);
    EXPECT_EQ(t.screen.text(), shown);
}

TEST(LineEditor, ResizingLeavesNoCopies) {
    Typing t(40, 12);
    t.type("0123456789 0123456789 0123456789 0123456789");
    EXPECT_EQ(t.screen.text(), "> 0123456789 0123456789 0123456789 01234\n56789");
    t.resize(20, 12);
    EXPECT_EQ(t.screen.text(), "> 0123456789 0123456\n789 0123456789 01234\n56789");
    t.type(home);
    t.resize(13, 12);
    EXPECT_EQ(t.screen.text(), "> 0123456789\n0123456789 01\n23456789 0123\n456789");
    t.resize(60, 12);
    EXPECT_EQ(t.screen.text(), "> 0123456789 0123456789 0123456789 0123456789");
    EXPECT_EQ(t.type("X").screen.text(), "> X0123456789 0123456789 0123456789 0123456789");
}

// Whatever is typed, the terminal shows the rows of the text.
TEST(LineEditor, RandomKeysNeverLetTheDisplaySlip) {
    const std::vector<std::string> pieces = {"a",
                                             " word",
                                             chinese,
                                             astronaut,
                                             flag,
                                             waving,
                                             heart,
                                             accented,
                                             "\u200d",
                                             left,
                                             right,
                                             up,
                                             down,
                                             backspace,
                                             erase,
                                             home,
                                             end,
                                             "\x0b",
                                             "\x17",
                                             "\x19",
                                             "\x1b\r",
                                             "\x1b"
                                             "b",
                                             "\t",
                                             "\x14",
                                             "\x12",
                                             "\x07",
                                             "\x0c"};
    for (uint64_t seed = 0; seed < 300; ++seed) {
        Random random(seed);
        auto pick = [&](int64_t n) { return static_cast<int64_t>(random.uniform() * static_cast<float>(n)); };
        TestScreen::Kind kind = seed % 2 ? TestScreen::Kind::joins_clusters : TestScreen::Kind::joins_marks;
        // The width of a cluster that fills a row, as two joined astronauts do in 8 columns, cannot be measured.
        int columns = static_cast<int>(10 + pick(28)), rows = static_cast<int>(3 + pick(20));
        Typing t(columns, rows, kind);
        t.history.add("an entry");
        std::string typed;
        for (int i = 0; i < 60; ++i) {
            std::string piece = pieces[static_cast<size_t>(pick(std::ssize(pieces)))];
            typed += printable(piece) + " ";
            t.type(piece);
            std::string problem = t.screen.difference(t.editor.layout(), t.editor.display().size().rows);
            ASSERT_EQ(problem, "") << "seed " << seed << ", " << columns << " x " << rows << ": " << typed;
        }
    }
}

TEST(LineEditor, HistoryIsWalkedAndSearched) {
    Typing t;
    for (const char* entry : {"first", "second\nline", "a dragon", "third"}) t.history.add(entry);
    t.type("\r");
    t.screen.write(t.editor.start("> ", {40, 12}));
    EXPECT_EQ(t.type("draft" + up + up + up).marked(), "second\nline|");
    EXPECT_EQ(t.type(up + up).marked(), "first|") << "through the lines of an entry";
    EXPECT_EQ(t.type("\x0e\x0e\x0e\x0e").marked(), "draft|");
    EXPECT_EQ(t.type("\x12"
                     "dr")
                  .screen.text(),
              ">\n(search 'dr') a dragon");
    EXPECT_EQ(t.type("x").screen.text(), ">\n(not found: 'drx') a dragon");
    EXPECT_EQ(t.type("\x07").marked(), "draft|") << "canceled";
    EXPECT_EQ(t.type("\x12"
                     "ir\x12" +
                     left)
                  .marked(),
              "|first")
        << "twice, and on with editing";
    t.type(
        "\x12"
        "fi\r");
    EXPECT_EQ(t.editor.state(), LineEditor::State::accepted);
    EXPECT_EQ(t.editor.text(), "first");
}

TEST(LineEditor, TabCompletesAndLists) {
    auto complete = [](std::string_view text) {
        TabCompletion found;
        for (const char* word : {"/save ", "/set ", "/system ", "/undo"})
            if (std::string_view(word).starts_with(text)) found.words.push_back(word);
        return found;
    };
    Typing t(30, 12, TestScreen::Kind::joins_clusters, complete);
    EXPECT_EQ(t.type("/u\t").marked(), "/undo|");
    t.type("\x15/\t");
    EXPECT_EQ(t.screen.text(), "> /\n/save     /set      /system\n/undo\n> /");
    EXPECT_EQ(t.type("s\t").marked(), "/s|");
    EXPECT_EQ(t.type("y\t").marked(), "/system |");
    EXPECT_EQ(t.type("x\t").marked(), "/system x|");
}

TEST(LineEditor, ControlDEndsAnEmptyTextOnly) {
    Typing t;
    EXPECT_EQ(t.type("ab" + home + "\x04").editor.state(), LineEditor::State::editing);
    EXPECT_EQ(t.type("\x04\x04").editor.state(), LineEditor::State::end_of_input);
}

TEST(LineEditor, SuspendedTextsAreResumed) {
    Typing t;
    t.type("one" + left + "\x1a");
    EXPECT_EQ(t.editor.state(), LineEditor::State::suspended);
    t.screen.write("$ fg\n" + t.editor.resume());
    EXPECT_EQ(t.screen.text(), "> one\n$ fg\n> one");
    EXPECT_EQ(t.type("x").marked(), "onx|e");
}

}  // namespace
}  // namespace puna
