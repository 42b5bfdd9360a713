#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

TEST(Terminal, ControlCharactersAreReplaced) {
    EXPECT_EQ(without_controls("a\tb\n\x1b[31mc\r\x07\x7f"),
              "a\tb\n\xef\xbf\xbd[31mc\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(without_controls("\xc2\x9b"
                               "31m \xc3\xa9 \xc2\xa0"),
              "\xef\xbf\xbd"
              "31m \xc3\xa9 \xc2\xa0");
}

}  // namespace
}  // namespace puna
