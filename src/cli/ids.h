// cli/ids.h — token ids from a file.
//
//   std::vector<int32_t> ids = read_ids("ids.txt", llama.config.vocabulary);
//
// In both forms that `puna tokenizer encode` writes: numbers with white space between them, or u32 little-endian, which
// no text is, since ids below 2^24 have a zero byte. Throws Error: the file, the byte and what is there.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace puna {

std::vector<int32_t> read_ids(const std::string& path, int64_t vocabulary);  // "-": standard input

}  // namespace puna
