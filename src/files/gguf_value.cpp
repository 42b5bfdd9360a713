#include "files/gguf_value.h"

#include "core/checked.h"
#include "core/error.h"
#include "files/byte_cursor.h"

namespace puna {

namespace {

struct TypeInfo {
    std::string_view name;
    size_t bytes;
};
constexpr TypeInfo types[] = {{"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
                              {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8}};
const TypeInfo& type_info(GgufType type) { return types[static_cast<size_t>(type)]; }

// The elements of a value, one by one; the parser has checked that all of them lie within its bytes.
class Elements {
 public:
    explicit Elements(const GgufValue& value) : type_(value.type), cursor_(value.bytes) {}

    std::optional<int64_t> integer() {
        switch (type_) {
            case GgufType::u8:
                return cursor_.number<uint8_t>();
            case GgufType::i8:
                return cursor_.number<int8_t>();
            case GgufType::u16:
                return cursor_.number<uint16_t>();
            case GgufType::i16:
                return cursor_.number<int16_t>();
            case GgufType::u32:
                return cursor_.number<uint32_t>();
            case GgufType::i32:
                return cursor_.number<int32_t>();
            case GgufType::u64:
                return checked_cast<int64_t>(*cursor_.number<uint64_t>());
            case GgufType::i64:
                return cursor_.number<int64_t>();
            default:
                return {};
        }
    }
    std::optional<double> number() {
        if (type_ == GgufType::f32) return cursor_.number<float>();
        if (type_ == GgufType::f64) return cursor_.number<double>();
        if (std::optional<int64_t> value = integer()) return static_cast<double>(*value);
        return {};
    }
    std::optional<bool> boolean() {
        if (type_ != GgufType::boolean) return {};
        return cursor_.number<uint8_t>() != 0;
    }
    std::optional<std::string_view> text() {
        if (type_ != GgufType::text) return {};
        return cursor_.text(*cursor_.number<uint64_t>());
    }

 private:
    GgufType type_;
    ByteCursor cursor_;
};

template <class T>
std::optional<T> single(const GgufValue& value, std::optional<T> (Elements::*read)()) {
    if (value.is_array) return {};
    Elements elements(value);
    return (elements.*read)();
}

template <class T>
std::optional<std::vector<T>> list(const GgufValue& value, std::optional<T> (Elements::*read)()) {
    if (!value.is_array) return {};
    Elements elements(value);
    std::vector<T> values;
    values.reserve(static_cast<size_t>(value.count));
    for (int64_t i = 0; i < value.count; ++i) {
        std::optional<T> element = (elements.*read)();
        if (!element) return {};
        values.push_back(*element);
    }
    return values;
}

}  // namespace

std::string GgufValue::type_name() const {
    return fmt::format("{}{}", is_array ? "array of " : "", type_info(type).name);
}

size_t gguf_type_bytes(GgufType type) { return type_info(type).bytes; }

std::optional<int64_t> integer_of(const GgufValue& value) { return single(value, &Elements::integer); }
std::optional<double> number_of(const GgufValue& value) { return single(value, &Elements::number); }
std::optional<bool> boolean_of(const GgufValue& value) { return single(value, &Elements::boolean); }
std::optional<std::string_view> text_of(const GgufValue& value) { return single(value, &Elements::text); }
std::optional<std::vector<int64_t>> integers_of(const GgufValue& array) { return list(array, &Elements::integer); }
std::optional<std::vector<double>> numbers_of(const GgufValue& array) { return list(array, &Elements::number); }
std::optional<std::vector<std::string_view>> texts_of(const GgufValue& array) { return list(array, &Elements::text); }

}  // namespace puna
