// files/gguf_writer.h — writes GGUF files (files/gguf.h reads them).
//
//   GgufMetadata metadata;
//   metadata.add("general.architecture", "llama");
//   metadata.add("llama.block_count", uint32_t{16});                  // the type of the value is that of the key
//   metadata.add_list("tokenizer.ggml.tokens", tokens);                // of std::string or numbers
//
//   GgufWriter writer("llama.gguf", metadata, specs);                  // specs: rows first, as everywhere here
//   for (const Tensor& tensor : tensors) writer.write(tensor);         // in their order, each at once or in parts
//   writer.commit();
//
// Version 3, little-endian, tensors at multiples of 32 bytes (general.alignment's default). Output is deterministic.
// Source: ggml, docs/gguf.md.
#pragma once
#include "core/atomic_file.h"
#include "files/gguf_value.h"
#include "files/tensor_spec.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace puna {

// Keys with values, in the order in which they are added. A duplicate key is a Bug.
class GgufMetadata {
 public:
    void add(std::string_view key, std::string_view text);
    void add(std::string_view key, const char* text) { add(key, std::string_view(text)); }
    template <class T>
    requires(std::is_arithmetic_v<T>) void add(std::string_view key, T number);  // of the types of the format
    template <class T>
    void add_list(std::string_view key, const std::vector<T>& values);  // of numbers, std::string or std::string_view
    void add(const GgufValue& value);                                   // as it is in a file

    bool contains(std::string_view key) const;
    size_t size() const { return keys_.size(); }
    const std::string& bytes() const { return bytes_; }  // as in the file

 private:
    void begin(std::string_view key, GgufType type);

    std::vector<std::string> keys_;  // sorted
    std::string bytes_;
};

class GgufWriter {
 public:
    GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata, const std::vector<TensorSpec>& specs);

    void write(const Tensor& tensor);
    void commit();  // the file appears, complete

 private:
    void pad();

    AtomicFile file_;
    PendingTensors pending_;
    uint64_t written_ = 0;
};

}  // namespace puna
