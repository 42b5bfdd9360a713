// core/file_kind.h — names files that are something else than they were taken for.
//
//   reject_foreign_file("GGUF...", "llama.safetensors");  // Error: llama.safetensors: is a GGUF file: ...
#pragma once
#include <string_view>

namespace puna {

struct FileKind {
    std::string_view magic, name, remedy;
};

// The remedy for a damaged file that was made elsewhere.
inline constexpr std::string_view copy_again = "download or copy it again";

inline constexpr std::string_view git_lfs_magic = "version https://git-lfs";

// Compressed data, UTF-16 and UTF-32, which no text or JSON begins with; null for others.
const FileKind* find_encoding(std::string_view beginning);

// beginning: at least the first few bytes of the file. Throws Error with the remedy for a GGUF file, a pickled PyTorch
// checkpoint, compressed data, UTF-16 or UTF-32, a Git LFS pointer and an HTML page.
void reject_foreign_file(std::string_view beginning, std::string_view path);

}  // namespace puna
