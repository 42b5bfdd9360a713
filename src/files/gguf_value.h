// files/gguf_value.h — the typed values of GGUF's metadata.
//
//   if (std::optional<int64_t> layers = integer_of(value)) count = *layers;      // none: of another type
//   if (auto tokens = texts_of(value)) vocabulary = *tokens;                     // views into the file
//
// GgufFile (files/gguf.h) has the same by key, with errors.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// In the order of their numbers in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

// A key and its value, as views into the file.
struct GgufValue {
    std::string_view key;
    GgufType type = GgufType::u8;  // of the elements, if it is an array
    bool is_array = false;
    int64_t count = 1;                 // elements
    std::span<const std::byte> bytes;  // of all elements, as in the file

    std::string type_name() const;  // "u32", "array of string"
};

constexpr bool is_gguf_type(uint32_t id) { return id <= static_cast<uint32_t>(GgufType::f64); }
size_t gguf_type_bytes(GgufType type);  // 0 for texts (their length in eight bytes, then themselves) and arrays

// Integers may have any width but must fit into int64_t; numbers may be integers too.
std::optional<int64_t> integer_of(const GgufValue& value);
std::optional<double> number_of(const GgufValue& value);
std::optional<bool> boolean_of(const GgufValue& value);
std::optional<std::string_view> text_of(const GgufValue& value);
std::optional<std::vector<int64_t>> integers_of(const GgufValue& array);
std::optional<std::vector<double>> numbers_of(const GgufValue& array);
std::optional<std::vector<std::string_view>> texts_of(const GgufValue& array);

}  // namespace puna
