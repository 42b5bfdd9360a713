// data/sources.h — sources.jsonl: the files that a set was packed from, one line each.
//
//   std::vector<Source> sources = parse_sources(read_text("packed/sources.jsonl"), "packed/sources.jsonl");
//
// {"name": "tales.txt", "hash": "0123456789abcdef", "documents": 3, "tokens": 500, "bytes": 2000}
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct Source {
    std::string name;                              // path as given by the user
    uint64_t hash = 0;                             // XXH3 of the file; 0 if it was not read completely
    int64_t documents = 0, tokens = 0, bytes = 0;  // of this source in this set
};

std::string source_json(const Source& source);  // one line, without the newline

// Other fields are ignored. Throws Error "path:line: ..." for an invalid line.
std::vector<Source> parse_sources(std::string_view text, std::string_view path);

}  // namespace puna
