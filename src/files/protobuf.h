// files/protobuf.h — the wire format of Protocol Buffers: the fields of a message, one after the other, and writing
// them.
//
//   ProtobufReader reader(bytes, "tokenizer.model");
//   while (std::optional<ProtobufField> field = reader.next())
//       if (field->number == 1 && field->type == ProtobufType::bytes) use(field->bytes);
//
//   std::string message;
//   add_protobuf_bytes(message, 1, "the");                        // field 1
//
// Knows nothing of what the fields mean: a message inside is bytes, a float its bits. Throws Error that begins with the
// path for a message that ends too early or has groups, which nobody writes any more.
// Source: https://protobuf.dev/programming-guides/encoding.
#pragma once
#include "files/byte_cursor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

enum class ProtobufType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct ProtobufField {
    uint32_t number;
    ProtobufType type;
    uint64_t value;          // varint, fixed64, fixed32
    std::string_view bytes;  // bytes
};

class ProtobufReader {
 public:
    ProtobufReader(std::string_view message, std::string_view path)
        : cursor_({reinterpret_cast<const std::byte*>(message.data()), message.size()}), path_(path) {}

    std::optional<ProtobufField> next();  // none: the message has ended

 private:
    uint64_t varint();
    template <class T>
    T or_truncated(std::optional<T> value) const {
        if (!value) fail_truncated();
        return *value;
    }
    [[noreturn]] void fail_truncated() const;

    ByteCursor cursor_;
    std::string_view path_;
};

void add_protobuf_varint(std::string& message, uint32_t number, uint64_t value);
void add_protobuf_float(std::string& message, uint32_t number, float value);
void add_protobuf_bytes(std::string& message, uint32_t number, std::string_view bytes);

}  // namespace puna
