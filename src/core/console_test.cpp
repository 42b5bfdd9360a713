#include "core/console.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace puna {
namespace {

// Sets or unsets an environment variable; the destructor restores it.
class ScopedVariable {
 public:
    ScopedVariable(const char* name, const char* value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~ScopedVariable() { set(old_ ? old_->c_str() : nullptr); }
    ScopedVariable(const ScopedVariable&) = delete;

 private:
    void set(const char* value) const { value ? ::setenv(name_, value, 1) : ::unsetenv(name_); }
    const char* name_;
    std::optional<std::string> old_;
};

class Console : public testing::Test {
 protected:
    Console() : terminal_(::posix_openpt(O_RDWR | O_NOCTTY)) {}
    ~Console() override { ::close(terminal_); }
    int terminal_;
};

TEST_F(Console, EscapesAreSupportedByAnsiTerminalsOnly) {
    ASSERT_GE(terminal_, 0);
    for (const char* name : {"xterm", "screen-256color", "linux"}) {
        ScopedVariable term("TERM", name), no_color("NO_COLOR", nullptr);
        EXPECT_TRUE(supports_escapes(terminal_)) << name;
    }
    for (const char* name : {"dumb", "vt52", "emacs", "unknown", "no-such-terminal", "../x/xterm", "",
                             static_cast<const char*>(nullptr)}) {
        ScopedVariable term("TERM", name), color("COLORTERM", "truecolor");
        EXPECT_FALSE(supports_escapes(terminal_)) << (name ? name : "unset");
    }
}

TEST_F(Console, NoColorDisablesEscapes) {
    ScopedVariable term("TERM", "xterm");
    ScopedVariable no_color("NO_COLOR", "1");
    EXPECT_FALSE(supports_escapes(terminal_));
    EXPECT_TRUE(is_ansi_terminal(terminal_)) << "the cursor may be moved";
    ScopedVariable empty("NO_COLOR", "");
    EXPECT_TRUE(supports_escapes(terminal_)) << "as no-color.org specifies";
}

TEST_F(Console, PipesSupportNoEscapes) {
    ScopedVariable term("TERM", "xterm");
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_FALSE(supports_escapes(ends[1]));
    ::close(ends[0]);
    ::close(ends[1]);
}

}  // namespace
}  // namespace puna
