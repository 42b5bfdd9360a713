#include "data/utf8_stream.h"

#include "core/atomic_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::HasSubstr;

// The text, read in parts, and the encoding.
std::pair<std::string, std::string> read(std::string_view bytes, const std::string& encoding = {}) {
    TestFolder folder;
    write_file(folder / "x.txt", bytes);
    Utf8Stream stream(folder / "x.txt", encoding);
    std::string text;
    for (bool more = true; more;) more = stream.read(text, 10);
    EXPECT_EQ(stream.consumed(), std::ssize(bytes));
    return {text, stream.encoding()};
}

std::string utf16(std::string_view ascii, std::string_view mark) {
    bool little = mark[0] == '\xff';
    std::string bytes(mark);
    for (char c : ascii) bytes += little ? std::string{c, '\0'} : std::string{'\0', c};
    return bytes;
}

TEST(Utf8Stream, AMarkDecidesTheEncoding) {
    std::string text(200'000, 'x');
    for (std::string_view mark : {"\xff\xfe", "\xfe\xff"}) {
        auto [read_text, encoding] = read(utf16(text + "\n", mark), "latin1");
        EXPECT_EQ(read_text, text + "\n");
        EXPECT_EQ(encoding, mark[0] == '\xff' ? "UTF-16LE" : "UTF-16BE");
    }
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "caf\u00e9",
                   "latin1"),
              (std::pair<std::string, std::string>("caf\u00e9", "")));
}

TEST(Utf8Stream, WithoutAMarkTheNamedEncodingCounts) {
    EXPECT_EQ(read("caf\xe9", "latin1").first, "caf\u00e9");
    EXPECT_EQ(read("caf\xe9").first, "caf\xe9") << "unchecked";
    EXPECT_EQ(read("caf\xe9", "utf8").first, "caf\xe9");
    EXPECT_EQ(read("").first, "");
    EXPECT_EQ(read("", "latin1").first, "");
}

// Any byte is a character of Latin-1, so nothing later would find out.
TEST(Utf8Stream, BinaryDataIsNotConverted) {
    EXPECT_THAT(error_of([] { read(std::string_view("\x89PNG\r\n\x1a\n\0\0", 10), "latin1"); }),
                HasSubstr("x.txt: is a PNG image"));
}

}  // namespace
}  // namespace puna
