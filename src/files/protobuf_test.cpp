#include "files/protobuf.h"

#include "core/test_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

namespace puna {
namespace {

using testing::HasSubstr;

std::string read_error(std::string_view message) {
    return error_of([message] {
        ProtobufReader reader(message, "x.model");
        while (reader.next()) continue;
    });
}

TEST(Protobuf, FieldsAreReadAsWritten) {
    std::string message;
    add_protobuf_bytes(message, 1, "the");
    add_protobuf_float(message, 2, -1.5f);
    add_protobuf_varint(message, 300, 0);
    add_protobuf_varint(message, 3, ~uint64_t{0});
    ProtobufReader reader(message, "x.model");
    std::optional<ProtobufField> field = reader.next();
    EXPECT_EQ(field->number, 1u);
    EXPECT_EQ(field->bytes, "the");
    field = reader.next();
    EXPECT_EQ(field->type, ProtobufType::fixed32);
    EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(field->value)), -1.5f);
    field = reader.next();
    EXPECT_EQ(field->number, 300u);
    EXPECT_EQ(field->value, 0u);
    EXPECT_EQ(reader.next()->value, ~uint64_t{0});
    EXPECT_FALSE(reader.next());
}

TEST(Protobuf, MalformedMessagesAreRejected) {
    EXPECT_EQ(read_error(""), "no error");
    EXPECT_THAT(read_error("\x0a\x05the"), HasSubstr("x.model: a message ends too early"));
    EXPECT_THAT(read_error("\x0a"), HasSubstr("ends too early"));
    EXPECT_THAT(read_error("\x15\x01\x02"), HasSubstr("ends too early"));
    EXPECT_THAT(read_error("\x09\x01\x02"), HasSubstr("ends too early"));
    EXPECT_THAT(read_error("\x08\x80"), HasSubstr("ends too early"));
    EXPECT_THAT(read_error("\x0b"), HasSubstr("the unknown type 3"));
    EXPECT_THAT(read_error(std::string_view("\x00\x01", 2)), HasSubstr("the number 0"));
    EXPECT_THAT(read_error("\x08" + std::string(11, '\xff')), HasSubstr("more than ten bytes"));
    EXPECT_THAT(read_error("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), HasSubstr("ends too early"));
}

}  // namespace
}  // namespace puna
