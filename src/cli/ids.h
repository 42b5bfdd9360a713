// cli/ids.h — reads token ids from a file.
//
//   std::vector<int32_t> ids = read_ids("ids.txt", llama.config.vocabulary);
//
// Reads all formats that `puna tokenizer encode` writes: decimal text separated by white space, JSON, or u32
// little-endian, detected by its zero bytes (ids are below 2^24). Throws Error that names the file, the byte and the
// invalid id, or the format that the file has instead.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace puna {

std::vector<int32_t> read_ids(const std::string& path, int64_t vocabulary);  // "-": standard input

// Whether a file looks as if `puna tokenizer encode --output` wrote it.
bool is_ids_file(const std::filesystem::path& path);

}  // namespace puna
