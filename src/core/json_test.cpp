#include "core/json.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace puna {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The events on one line, each with kind, depth and value.
std::string events(std::string_view text) {
    constexpr const char* words[] = {"{", "}", "[", "]", "key", "str", "int", "num", "bool", "null"};
    std::string line;
    read_json(text, "x.json", [&](const JsonEvent& event) {
        line += fmt::format("{}{}", words[event.kind], event.depth);
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::string) line += fmt::format(":{}", event.text);
        if (event.kind == JsonEvent::integer || event.kind == JsonEvent::boolean)
            line += fmt::format(":{}", event.integer_value);
        if (event.kind == JsonEvent::number) line += fmt::format(":{}", event.number_value);
        line += " ";
    });
    return line;
}

std::string parse_error(std::string_view text) {
    return error_of([&] { events(text); });
}

TEST(Json, EventsAreInDocumentOrderWithDepth) {
    EXPECT_EQ(events(R"({"a":[1,-2.5,"x",true,null],"b":{}})"),
              "{0 key1:a [1 int2:1 num2:-2.5 str2:x bool2:1 null2 ]1 key1:b {1 }1 }0 ");
    EXPECT_EQ(events(" 7 "), "int0:7 ");
    EXPECT_EQ(events(R"("\u00e9\ud83d\ude00\n")"), "str0:\u00e9\U0001F600\n ");
}

TEST(Json, IntegersBeyond64BitsBecomeNumbers) {
    EXPECT_EQ(events("[9223372036854775807,9223372036854775808,-9223372036854775808]"),
              "[0 int1:9223372036854775807 num1:9.223372036854776e+18 int1:-9223372036854775808 ]0 ");
    EXPECT_EQ(events("[18446744073709551616,1e999,-1e999,1e-999,0.5E+2,-0]"),
              "[0 num1:1.8446744073709552e+19 num1:inf num1:-inf num1:0 num1:50 int1:0 ]0 ");
}

TEST(Json, RawIsTheSourceText) {
    std::string raw;
    read_json(R"({"\u0061": [123456789012345678901234567890, "x\ty", true]})", "x.json",
              [&](const JsonEvent& event) { raw += std::string(event.raw) + ";"; });
    EXPECT_EQ(raw, R"({;"\u0061";[;123456789012345678901234567890;"x\ty";true;];};)");
}

TEST(Json, RawKeepsTheDigitsOfNumbers) {
    std::string raw;
    int whole = 0;
    read_json("[18446744073709551615, 123456789012345678901234567890, -1e3, 7, 2.0]", "x.json",
              [&](const JsonEvent& e) {
                  if (e.kind == JsonEvent::number) raw += std::string(e.raw) + " ";
                  whole += e.is_whole_number();
              });
    EXPECT_EQ(raw, "18446744073709551615 123456789012345678901234567890 -1e3 2.0 ");
    EXPECT_EQ(whole, 3);
}

TEST(Json, PositionIsJustPastEachKeyAndString) {
    std::string text = R"({ "key" : "a\nb" , "n":12 })";
    read_json(text, "x.json", [&](const JsonEvent& event) {
        bool first_key = event.kind == JsonEvent::key && event.text == "key", value = event.kind == JsonEvent::string;
        EXPECT_TRUE(!first_key || event.position == text.find("\" :") + 1);
        EXPECT_TRUE(!value || event.position == text.find("\" ,") + 1);
        EXPECT_LE(event.position, text.size());
    });
}

TEST(Json, InvalidJsonIsRejectedInOneLineWithTheOffset) {
    EXPECT_THAT(parse_error(R"({"a": tru})"), StartsWith("x.json: not valid JSON at byte "));
    for (std::string text :
         {"",    " ",   "{",   "[1,]",    "{\"a\":1,}", "{1:2}",       "\"a",   "\"\n\"",  "01",
          "1 2", "'a'", "nan", "// c\n1", "\"\xff\"",   "\"\\u12g4\"", "[1] x", "{\"a\"}", "-",
          "1.",  "1e",  "+1",  "\"\\x\"", "\"\\",       "{\"a\" 1}",   "[1 2]", "Nan",     "\"\xed\xa0\x80\""}) {
        std::string message = parse_error(text);
        EXPECT_EQ(message.find("x.json: not valid JSON"), 0u) << text << ": " << message;
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    }
    EXPECT_EQ(parse_error(std::string("{}\0x", 4)), "x.json: not valid JSON at byte 2: unexpected zero byte");
}

TEST(Json, DepthSizeRangeAndDuplicateKeysAreUnlimited) {
    for (const std::string& text :
         {std::string(100'000, '[') + std::string(100'000, ']'), "\"" + std::string(200'000, 'a') + "\"",
          std::string(100'000, '1'), std::string(R"({"a": 1, "a": 2})"), std::string(R"("\ud800 and \udc00")")})
        EXPECT_EQ(parse_error(text), "no error") << text.substr(0, 100);
    EXPECT_EQ(parse_error(std::string(100'000, '[')), "x.json: not valid JSON at byte 100000: unexpected end of input");
}

TEST(Json, LoneSurrogatesAreFlagged) {
    std::string text;
    read_json(R"(["\ud83d\ude00", "\ud83dx", "\ude00", "\ud83d\ud83d\ude00", "\ud83d\u0041"])", "x.json",
              [&](const JsonEvent& event) {
                  if (event.kind == JsonEvent::string)
                      text += std::string(event.text) + (event.has_lone_surrogate ? "!" : ".");
              });
    EXPECT_EQ(text, "\U0001F600.\ufffdx!\ufffd!\ufffd\U0001F600!\ufffdA!");
}

TEST(Json, ByteOrderMarkIsSkipped) { EXPECT_EQ(events("\xef\xbb\xbf[1]"), "[0 int1:1 ]0 "); }

TEST(Json, ExceptionsFromTheCallbackPropagate) {
    EXPECT_THROW(read_json("[1]", "x.json", [](const JsonEvent&) { fail("stop"); }), Error);
}

}  // namespace
}  // namespace puna
