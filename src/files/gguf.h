// files/gguf.h — the GGUF file format: metadata and tensors of a model in one file.
//
//   GgufFile file("llama.gguf");                                    // memory-mapped: opening reads only the header
//   int64_t layers = file.integer("llama.block_count").value_or(0);  // throws Error if it is no integer
//   std::string_view name = file.text("general.name").value_or("");
//   for (const TensorEntry& entry : file.entries()) use(entry);      // in the order of the file
//   Tensor w = file.tensor("output_norm.weight");
//
// Format: magic, version, counts; keys with typed values; name, shape, type and offset of each tensor; then the data,
// every tensor at a multiple of general.alignment. Versions 2 and 3, little-endian. Reading is strict, as ggml's:
// unique keys and names, known types, no arrays of arrays, and the data in the order of the list without overlaps or
// gaps; otherwise it throws Error with the path and the key or tensor. Shapes are given rows first, as everywhere here
// (the file has columns first). A type unknown to core/dtype.h keeps its name, such as "IQ1_S", and is an error only in
// tensor(). Knows nothing of what the keys mean, except general.alignment, nor that a model may be split into several
// files. Source: ggml, docs/gguf.md.
#pragma once
#include "core/mapped_file.h"
#include "files/gguf_value.h"
#include "files/tensor_table.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

// The parsed header, as views into `bytes`, which must outlive it.
struct GgufHeader {
    uint32_t version = 0;
    std::vector<GgufValue> values;  // in the order of the file
    TensorTable tensors;            // likewise
};
GgufHeader parse_gguf(std::span<const std::byte> bytes, std::string_view path);

bool is_gguf_file(const std::filesystem::path& path);  // by its first bytes

class GgufFile {
 public:
    explicit GgufFile(const std::filesystem::path& path);

    uint32_t version() const { return header_.version; }
    std::span<const GgufValue> values() const { return header_.values; }
    const GgufValue* find_value(std::string_view key) const;

    // The value of a key; none if the file lacks it. Throws Error that names the key if it is of another type.
    std::optional<int64_t> integer(std::string_view key) const {
        return read(key, "an integer below 2^63", integer_of);
    }
    std::optional<double> number(std::string_view key) const { return read(key, "a number", number_of); }
    std::optional<bool> boolean(std::string_view key) const { return read(key, "a bool", boolean_of); }
    std::optional<std::string_view> text(std::string_view key) const { return read(key, "a string", text_of); }
    std::optional<std::vector<int64_t>> integers(std::string_view key) const {
        return read(key, "an array of integers below 2^63", integers_of);
    }
    std::optional<std::vector<double>> numbers(std::string_view key) const {
        return read(key, "an array of numbers", numbers_of);
    }
    std::optional<std::vector<std::string_view>> texts(std::string_view key) const {
        return read(key, "an array of strings", texts_of);
    }

    std::span<const TensorEntry> entries() const { return header_.tensors.entries(); }
    const TensorEntry* find(std::string_view name) const { return header_.tensors.find(name); }
    const std::filesystem::path& path() const { return file_.path(); }
    Tensor tensor(const TensorEntry& entry) { return header_.tensors.tensor(entry); }  // see TensorTable
    Tensor tensor(std::string_view name) { return header_.tensors.tensor(name); }

 private:
    template <class T>
    std::optional<T> read(std::string_view key, std::string_view expected,
                          std::optional<T> (*convert)(const GgufValue&)) const {
        const GgufValue* value = find_value(key);
        if (!value) return std::nullopt;
        std::optional<T> converted = convert(*value);
        if (!converted) fail_type(*value, expected);
        return *converted;
    }
    [[noreturn]] void fail_type(const GgufValue& value, std::string_view expected) const;

    MappedFile file_;
    GgufHeader header_;
};

}  // namespace puna
