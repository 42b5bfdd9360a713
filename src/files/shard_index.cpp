#include "files/shard_index.h"

#include "core/error.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace puna {

namespace {

constexpr std::string_view suffix = ".safetensors";
constexpr size_t max_index_bytes = 100'000'000;  // the limit of safetensors headers

// Handles the events of an index.
class IndexReader {
 public:
    IndexReader(ShardIndex& index, std::string_view path) : index_(index), path_(path) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            reject(event, "not a JSON object");
        if (event.depth == 1) on_top_level(event);
        if (in_map_ && event.depth >= 2) on_map(event);
    }
    bool found() const { return found_; }

 private:
    [[noreturn]] void reject(const JsonEvent& event, std::string_view what) const {
        fail("{}: {} at byte {}: the index is damaged or malformed", path_, what, event.position);
    }

    void on_top_level(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            in_map_ = event.text == "weight_map";
            if (in_map_ && std::exchange(found_, true)) reject(event, "duplicate weight_map");
        } else if (in_map_ && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object) {
            reject(event, "weight_map is not an object");
        }
    }

    void on_map(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            tensor_ = index_.strings.store(event);
        } else {
            if (event.kind != JsonEvent::string)
                reject(event, fmt::format("tensor '{}' has no file name", printable(tensor_)));
            check_file_name(event);
            index_.entries.push_back({tensor_, index_.strings.store(event)});
        }
    }

    void check_file_name(const JsonEvent& event) const {
        std::string_view file = event.text;
        if (!file.ends_with(suffix) || file.size() > 255 ||
            file.find_first_of(std::string_view("/\\\0", 3)) != file.npos)
            reject(event,
                   fmt::format("tensor '{}' is mapped to '{}', which is not the name of a {} file in this folder",
                               printable(tensor_), printable(file), suffix));
    }

    ShardIndex& index_;
    std::string_view path_, tensor_;
    bool in_map_ = false, found_ = false;
};

void sort_entries(ShardIndex& index, std::string_view path) {
    std::vector<ShardEntry>& entries = index.entries;
    std::sort(entries.begin(), entries.end(),
              [](const ShardEntry& a, const ShardEntry& b) { return a.tensor < b.tensor; });
    for (size_t i = 1; i < entries.size(); ++i)
        if (entries[i - 1].tensor == entries[i].tensor)
            fail("{}: duplicate tensor '{}': the index is malformed", path, printable(entries[i].tensor));
    std::sort(entries.begin(), entries.end(), [](const ShardEntry& a, const ShardEntry& b) {
        return std::tie(a.file, a.tensor) < std::tie(b.file, b.tensor);
    });
}

}  // namespace

ShardIndex parse_shard_index(std::string_view text, std::string_view path) {
    if (text.size() > max_index_bytes) fail("{}: {} bytes is too large for a shard index", path, text.size());
    ShardIndex index{{}, JsonStrings(text)};
    size_t count = 0;
    read_json(text, path, [&](const JsonEvent& event) {
        if (event.depth != 2) return;
        if (event.kind == JsonEvent::key) ++count;
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::string) index.strings.measure(event);
    });
    index.entries.reserve(count);
    IndexReader reader(index, path);
    read_json(text, path, [&](const JsonEvent& event) { reader.on_event(event); });
    if (!reader.found()) fail("{}: has no weight_map: not a shard index", path);
    sort_entries(index, path);
    return index;
}

}  // namespace puna
