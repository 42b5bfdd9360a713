#include "cli/ids.h"

#include "core/error.h"
#include "core/mapped_file.h"

#include <algorithm>
#include <charconv>

namespace puna {

namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

std::vector<int32_t> read_ids(const std::string& path, int64_t vocabulary) {
    std::string content = read_text(path), name = path == "-" ? "standard input" : path;
    const char *begin = content.data(), *end = begin + content.size();
    std::vector<int32_t> ids;
    auto add = [&](int64_t id, const char* at) {
        if (id < 0 || id >= vocabulary)
            fail("{}: token {} at byte {} is not in the vocabulary of {}", name, id, at - begin, vocabulary);
        ids.push_back(static_cast<int32_t>(id));
    };
    if (content.find('\0') != content.npos) {
        if (content.size() % 4)
            fail("{}: {} bytes are not a multiple of 4 (u32 ids), and zero bytes are not text", name, content.size());
        for (const char* at = begin; at != end; at += 4) {
            uint32_t id = 0;
            for (int i = 0; i < 4; ++i) id |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << 8 * i;
            add(id, at);
        }
        return ids;
    }
    for (const char* at = begin; (at = std::find_if_not(at, end, is_space)) != end;) {
        int64_t id = 0;
        auto [next, problem] = std::from_chars(at, end, id);
        if (problem != std::errc() || (next != end && !is_space(*next)))
            fail("{}: not a token id at byte {}", name, at - begin);
        add(id, at);
        at = next;
    }
    return ids;
}

}  // namespace puna
