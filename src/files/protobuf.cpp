#include "files/protobuf.h"

#include "core/error.h"
#include "core/file_kind.h"

namespace puna {

namespace {

constexpr uint32_t max_number = (1u << 29) - 1;  // of the format

void add_varint(std::string& message, uint64_t value) {
    for (; value >= 0x80; value >>= 7) message += static_cast<char>(value | 0x80);
    message += static_cast<char>(value);
}

void add_key(std::string& message, uint32_t number, ProtobufType type) {
    add_varint(message, uint64_t{number} << 3 | static_cast<uint64_t>(type));
}

}  // namespace

std::optional<ProtobufField> ProtobufReader::next() {
    if (cursor_.left() == 0) return {};
    uint64_t key = varint(), number = key >> 3;
    if (number == 0 || number > max_number)
        fail(ErrorKind::damaged, "{}: has a field with the number {} before byte {}: it is damaged", path_, number,
             cursor_.position());
    ProtobufField field{static_cast<uint32_t>(number), static_cast<ProtobufType>(key & 7), 0, {}};
    switch (field.type) {
        case ProtobufType::varint:
            field.value = varint();
            return field;
        case ProtobufType::fixed64:
            field.value = or_truncated(cursor_.number<uint64_t>());
            return field;
        case ProtobufType::fixed32:
            field.value = or_truncated(cursor_.number<uint32_t>());
            return field;
        case ProtobufType::bytes: {
            uint64_t size = varint();
            field.bytes = or_truncated(cursor_.text(size));
            return field;
        }
    }
    fail(ErrorKind::damaged, "{}: has a field of the unknown type {} before byte {}: it is damaged", path_, key & 7,
         cursor_.position());
}

uint64_t ProtobufReader::varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        auto byte = or_truncated(cursor_.number<uint8_t>());
        value |= uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) return value;
    }
    fail(ErrorKind::damaged, "{}: has a number of more than ten bytes before byte {}: it is damaged", path_,
         cursor_.position());
}

void ProtobufReader::fail_truncated() const {
    fail(ErrorKind::damaged, "{}: a message ends too early: the file is truncated or damaged, {}", path_, copy_again);
}

void add_protobuf_varint(std::string& message, uint32_t number, uint64_t value) {
    add_key(message, number, ProtobufType::varint);
    add_varint(message, value);
}

void add_protobuf_float(std::string& message, uint32_t number, float value) {
    add_key(message, number, ProtobufType::fixed32);
    message.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void add_protobuf_bytes(std::string& message, uint32_t number, std::string_view bytes) {
    add_key(message, number, ProtobufType::bytes);
    add_varint(message, bytes.size());
    message += bytes;
}

}  // namespace puna
