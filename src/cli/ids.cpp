#include "cli/ids.h"

#include "core/error.h"
#include "core/json_document.h"
#include "core/mapped_file.h"
#include "data/text_kind.h"

#include <algorithm>
#include <charconv>

namespace puna {

namespace {

class IdReader {
 public:
    IdReader(std::string_view content, std::string_view name, int64_t vocabulary)
        : content_(content), name_(name), vocabulary_(vocabulary) {}

    std::vector<int32_t> read() {
        std::string_view text = without_leading_space(content_);
        if (content_.find('\0') != content_.npos) {
            read_binary();
        } else if (text.starts_with('{') || text.starts_with('[')) {
            read_json();
        } else {
            read_decimal();
        }
        return std::move(ids_);
    }

 private:
    void add(int64_t id, const char* at) {
        if (id >= 0 && id < vocabulary_) return ids_.push_back(static_cast<int32_t>(id));
        reject_other_formats(content_, name_);
        fail("{}: token {} at byte {} is not in the vocabulary of {}", name_, id, at - content_.data(), vocabulary_);
    }

    void read_binary() {
        if (content_.size() % 4) {
            reject_other_formats(content_, name_);
            fail("{}: {} bytes are not a multiple of 4 (u32 ids), and zero bytes are not text", name_, content_.size());
        }
        for (const char* at = content_.data(); at != content_.data() + content_.size(); at += 4) {
            uint32_t id = 0;
            for (int i = 0; i < 4; ++i) id |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << 8 * i;
            add(id, at);
        }
    }

    // {"ids": [1, 2]} or [1, 2].
    void read_json() {
        JsonDocument document(content_, name_, {.bytes = 1 << 30, .values = 10'000'000});
        JsonNode root = document.root();
        std::optional<JsonNode> list = root.is_object() ? root.find("ids") : root;
        if (!list || !list->is_array()) fail("{}: not a JSON list of ids, nor an object with one as \"ids\"", name_);
        for (JsonNode item : list->items()) {
            if (!item.is_whole_number()) fail("{}: {} is not a token id", name_, printable(item.raw()));
            add(item.integer(), item.raw().data());
        }
    }

    void read_decimal() {
        const char *at = content_.data(), *end = at + content_.size();
        while ((at = std::find_if_not(at, end, is_white_space)) != end) {
            int64_t id = 0;
            auto [next, problem] = std::from_chars(at, end, id);
            if (problem != std::errc() || (next != end && !is_white_space(*next))) {
                reject_other_formats(content_, name_);
                fail("{}: not a token id at byte {}: ids are separated by white space", name_, at - content_.data());
            }
            add(id, at);
            at = next;
        }
    }

    std::string_view content_, name_;
    int64_t vocabulary_;
    std::vector<int32_t> ids_;
};

}  // namespace

std::vector<int32_t> read_ids(const std::string& path, int64_t vocabulary) {
    std::string content = read_text(path);
    std::string_view text = content;
    text = without_byte_order_mark(text);
    return IdReader(text, input_name(path), vocabulary).read();
}

bool is_ids_file(const std::filesystem::path& path) {
    if (!std::filesystem::is_regular_file(path)) return false;
    MappedFile file(path);
    std::span<const std::byte> bytes = file.bytes(), first = bytes.first(std::min<size_t>(bytes.size(), 1 << 20));
    if (bytes.size() % 4 != 0) return false;
    for (size_t i = 3; i < first.size(); i += 4)
        if (first[i] != std::byte{0}) return false;  // of an id of 2^24 or more
    return true;
}

}  // namespace puna
