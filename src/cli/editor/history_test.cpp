#include "cli/editor/history.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fmt/core.h>

namespace puna {
namespace {

using Entries = std::vector<std::string>;

TEST(History, EntriesAreKeptInAFileThatOnlyItsOwnerReads) {
    TestFolder folder;
    {
        History history(folder / "state/history");
        history.add("one");
        history.add(
            "two\n  lines \\ and gr\xc3\xbc\xc3\x9f"
            "e");
        history.add(
            "two\n  lines \\ and gr\xc3\xbc\xc3\x9f"
            "e");
    }
    EXPECT_EQ(read_text(folder / "state/history"),
              "_HiStOrY_V2_\none\ntwo\\012\\040\\040lines\\040\\134\\040and\\040gr\xc3\xbc\xc3\x9f"
              "e\n");
    EXPECT_EQ(History(folder / "state/history").entries(), (Entries{"one",
                                                                    "two\n  lines \\ and gr\xc3\xbc\xc3\x9f"
                                                                    "e"}));
    struct stat status {};
    ASSERT_EQ(::stat((folder / "state/history").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST(History, FilesOfLibeditAreRead) {
    EXPECT_EQ(parse_history("_HiStOrY_V2_\ngr\xc3\xbc"
                            "sse\\040dich\\012\nback\\134slash\n\\^A\\^?\\M-d\\M^A\\x\n"),
              (Entries{"gr\xc3\xbc"
                       "sse dich",
                       "back\\slash", "\x01\x7f\xef\xbf\xbd\xef\xbf\xbdx"}));
    EXPECT_EQ(parse_history("no first line\nand no last newline\\"),
              (Entries{"no first line", "and no last newline\\"}));
    EXPECT_EQ(parse_history(""), Entries());
    EXPECT_EQ(parse_history("_HiStOrY_V2_\n\\012\n\\000\n\n"), Entries()) << "empty entries";
}

TEST(History, SeveralChatsAddToOneFile) {
    TestFolder folder;
    History first(folder / "history"), second(folder / "history");
    first.add("typed in the first");
    second.add("typed in the second");
    first.add("again in the first");
    EXPECT_EQ(first.entries(), (Entries{"typed in the first", "again in the first"}));
    EXPECT_EQ(History(folder / "history").entries(),
              (Entries{"typed in the first", "typed in the second", "again in the first"}));
}

TEST(History, AFileCutShortIsContinuedOnANewLine) {
    TestFolder folder;
    write_file(folder / "history", "_HiStOrY_V2_\none\ncut sh");
    History(folder / "history").add("two");
    EXPECT_EQ(History(folder / "history").entries(), (Entries{"one", "cut sh", "two"}));
}

TEST(History, TheOldestEntriesAreDropped) {
    TestFolder folder;
    std::string file = "_HiStOrY_V2_\n";
    for (int i = 0; i < 3000; ++i) file += fmt::format("{}\n", i);
    write_file(folder / "history", file);
    History history(folder / "history");
    ASSERT_EQ(history.entries().size(), 1000u);
    EXPECT_EQ(history.entries().front(), "2000");
    history.add("new");
    EXPECT_EQ(history.entries().size(), 1000u);
    EXPECT_EQ(History(folder / "history").entries().back(), "new");
    EXPECT_LT(std::filesystem::file_size(folder / "history"), file.size() / 2) << "the file, too";
}

TEST(History, WithoutAFileItLastsForTheRun) {
    History history;
    history.add("one");
    EXPECT_EQ(history.entries(), Entries{"one"});
    TestFolder folder;
    write_file(folder / "file", "");
    testing::internal::CaptureStderr();
    History unwritable(folder / "file/history");
    EXPECT_NE(testing::internal::GetCapturedStderr().find("chat history is not saved"), std::string::npos);
    unwritable.add("two");
    EXPECT_EQ(unwritable.entries(), Entries{"two"});
}

}  // namespace
}  // namespace puna
