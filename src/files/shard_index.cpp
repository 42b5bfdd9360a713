#include "files/shard_index.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/json_document.h"

#include <algorithm>
#include <tuple>

namespace puna {

namespace {

// of: a value of weight_map; the message names the tensor as the map does.
[[noreturn]] void reject(std::string_view path, const JsonMember& of, std::string_view problem) {
    fail(ErrorKind::damaged, "{}: tensor '{}' {} at byte {}: the index is damaged or malformed", path,
         printable(of.name), problem, of.value.position());
}

std::string file_of(const JsonMember& member, std::string_view path, std::string_view extension) {
    if (!member.value.is_string()) reject(path, member, "has no file name");
    std::string file = member.value.text();
    if (!file.ends_with(extension) || file.size() > 255 ||
        file.find_first_of(std::string_view("/\\\0", 3)) != file.npos)
        reject(path, member,
               fmt::format("is mapped to '{}', which is not the name of a {} file in this folder", printable(file),
                           extension));
    return file;
}

void sort_entries(std::vector<ShardEntry>& entries, std::string_view path) {
    std::sort(entries.begin(), entries.end(),
              [](const ShardEntry& a, const ShardEntry& b) { return a.tensor < b.tensor; });
    for (size_t i = 1; i < entries.size(); ++i)
        if (entries[i - 1].tensor == entries[i].tensor)
            fail(ErrorKind::damaged, "{}: duplicate tensor '{}': the index is malformed", path,
                 printable(entries[i].tensor));
    std::sort(entries.begin(), entries.end(), [](const ShardEntry& a, const ShardEntry& b) {
        return std::tie(a.file, a.tensor) < std::tie(b.file, b.tensor);
    });
}

}  // namespace

std::vector<ShardEntry> parse_shard_index(std::string_view text, std::string_view path, std::string_view extension) {
    JsonDocument document(text, path, {.remedy = copy_again, .names = JsonNames::unique});
    std::optional<JsonNode> map = document.root().find("weight_map");
    if (!map) fail(ErrorKind::damaged, "{}: has no weight_map: not a shard index", path);
    std::vector<ShardEntry> entries;
    for (const JsonMember& member : map->members()) entries.push_back({member.name, file_of(member, path, extension)});
    sort_entries(entries, path);
    return entries;
}

}  // namespace puna
