#include "library/hub/claim.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

namespace puna {
namespace {

using testing::HasSubstr;

// Makes a file older.
void age(const std::filesystem::path& path, long seconds) {
    timespec then[2] = {{::time(nullptr) - seconds, 0}, {::time(nullptr) - seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), then, 0), 0);
}

// Claims the lock; false if it would have to wait.
bool is_free(const std::filesystem::path& lock) {
    bool waited = false;
    std::optional<Error> error = thrown_error([&] {
        FileClaim claim(
            lock, [&] { waited = true; }, [&] { return waited; });
    });
    EXPECT_EQ(waited, error.has_value());
    return !waited;
}

TEST(FileClaim, BelongsToOneAtATime) {
    TestFolder folder;
    std::filesystem::path lock = folder / "locks/x.lock";
    EXPECT_FALSE(is_claimed(lock));
    std::optional<FileClaim> first(lock);
    EXPECT_TRUE(is_claimed(lock));
    EXPECT_FALSE(is_free(lock));
    std::atomic<int> order = 0, waited_at = 0;
    std::thread other([&] {
        FileClaim second(lock, [&] { waited_at = ++order; });
        EXPECT_EQ(++order, 3);
    });
    while (waited_at == 0) std::this_thread::yield();
    EXPECT_EQ(++order, 2);
    first.reset();
    other.join();
    EXPECT_FALSE(is_claimed(lock));
    EXPECT_TRUE(is_free(lock));
}

TEST(FileClaim, OfAKilledProcessIsVoid) {
    TestFolder folder;
    std::filesystem::path lock = folder / "x.lock", claim = folder / "x.puna.claim";
    pid_t child = ::fork();
    if (child == 0) {
        FileClaim claim_of_child(lock);
        ::_exit(0);  // without its destructor
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(file_exists(claim));
    EXPECT_TRUE(read_text(claim).starts_with(fmt::format("{} ", child)));
    EXPECT_FALSE(is_claimed(lock));
    EXPECT_TRUE(is_free(lock));
    EXPECT_FALSE(file_exists(claim));
}

// Its number may belong to another process by now.
TEST(FileClaim, OfAnEarlierProcessWithOurNumberIsVoid) {
    TestFolder folder;
    std::filesystem::path lock = folder / "x.lock", claim = folder / "x.puna.claim";
    std::string own;
    {
        FileClaim ours(lock);
        own = read_text(claim);
    }
    write_file(claim, own);
    EXPECT_FALSE(is_free(lock));
    size_t start = own.find(' ') + 1;
    write_file(claim, own.substr(0, start) + "1" + own.substr(start));
    EXPECT_TRUE(is_free(lock));
}

TEST(FileClaim, OfAnotherHostCountsWhileItIsTouched) {
    TestFolder folder;
    std::filesystem::path lock = folder / "x.lock", claim = folder / "x.puna.claim";
    write_file(claim, "1 1 another-host.example\n");
    EXPECT_FALSE(is_free(lock));
    age(claim, static_cast<long>(FileClaim::stale_seconds) + 5);
    EXPECT_TRUE(is_free(lock));
}

// Another user's in a folder where only its owner may remove it, or what a program left in its place.
TEST(FileClaim, ThatCannotBeRemovedIsNamed) {
    TestFolder folder;
    make_folder(folder / "x.puna.claim");
    write_file(folder / "x.puna.claim" / "file", "");
    age(folder / "x.puna.claim", static_cast<long>(FileClaim::stale_seconds) + 5);
    EXPECT_THAT(error_of([&] { FileClaim claim(folder / "x.lock"); }),
                HasSubstr("x.puna.claim: is left of a program that has ended, and cannot be removed: "));
}

TEST(FileClaim, WithoutTextCountsOnlyWhileItIsNew) {
    TestFolder folder;
    std::filesystem::path lock = folder / "x.lock", claim = folder / "x.puna.claim";
    for (const char* text : {"", "x", "1", "-1 1 h\n", "1 1 h", "99999999999999999999 1 h\n"}) {
        write_file(claim, text);
        EXPECT_FALSE(is_free(lock)) << text;
        age(claim, 10);
        EXPECT_TRUE(is_free(lock)) << text;
    }
    write_file(claim, "");
    remove_void_claims(folder.path());
    EXPECT_TRUE(file_exists(claim));
    age(claim, 10);
    remove_void_claims(folder.path());
    EXPECT_FALSE(file_exists(claim));
}

}  // namespace
}  // namespace puna
