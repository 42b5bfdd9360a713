#include "core/console.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace puna {
namespace {

// A variable of the environment, as long as this lives.
class Variable {
 public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~Variable() { set(old_ ? old_->c_str() : nullptr); }
    Variable(const Variable&) = delete;

 private:
    void set(const char* value) const { value ? ::setenv(name_, value, 1) : ::unsetenv(name_); }
    const char* name_;
    std::optional<std::string> old_;
};

class Tell : public testing::Test {
 protected:
    Tell() : terminal_(::posix_openpt(O_RDWR | O_NOCTTY)) {}
    ~Tell() override { ::close(terminal_); }
    int terminal_;
};

TEST_F(Tell, EscapeSequencesAreForTerminalsThatUnderstandThem) {
    ASSERT_GE(terminal_, 0);
    for (const char* name : {"xterm", "screen-256color", "linux"}) {
        Variable term("TERM", name), no_color("NO_COLOR", nullptr);
        EXPECT_TRUE(shows_escapes(terminal_) && shows_color(terminal_)) << name;
    }
    for (const char* name : {"dumb", "", static_cast<const char*>(nullptr)}) {
        Variable term("TERM", name), color("COLORTERM", "truecolor");
        EXPECT_FALSE(shows_escapes(terminal_) || shows_color(terminal_)) << (name ? name : "unset");
    }
}

TEST_F(Tell, NoColorLeavesTheCursor) {
    Variable term("TERM", "xterm");
    Variable no_color("NO_COLOR", "1");
    EXPECT_TRUE(shows_escapes(terminal_));
    EXPECT_FALSE(shows_color(terminal_));
    Variable empty("NO_COLOR", "");
    EXPECT_TRUE(shows_color(terminal_)) << "as no-color.org has it";
}

TEST_F(Tell, APipeShowsNone) {
    Variable term("TERM", "xterm");
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(shows_escapes(ends[1]) || shows_color(ends[1]));
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace puna
