#include "data/shard_set.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mapped_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t index_version = 1;

uint64_t parse_hash(std::string_view digits, std::string_view location) {
    uint64_t hash = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    if (digits.size() != 16 || problem != std::errc() || end != digits.data() + digits.size())
        fail("{}: '{}' is not a hash of 16 hexadecimal digits: pack the set again", location, printable(digits));
    return hash;
}

// Reads the events of an index into its fields.
struct IndexReader {
    std::string_view location;
    SetIndex index;
    std::string path;  // key of the current value: "tokens", "shards/tokens"
    std::string_view contents;
    int64_t version = 0;

    void on(const JsonEvent& event) {
        if (event.kind == JsonEvent::key) {
            if (event.depth == 1) path = event.text.substr(0, 20);
            if (event.depth == 3) path = "shards/" + std::string(event.text.substr(0, 20));
            return;
        }
        if (event.depth == 2 && event.kind == JsonEvent::begin_object && path.starts_with("shards"))
            index.shards.emplace_back();
        if (event.kind == JsonEvent::integer) set_number(event.integer_value);
        if (event.kind == JsonEvent::string) set_text(event.text);
    }

    void set_number(int64_t value) {
        PackedShard* shard = index.shards.empty() ? nullptr : &index.shards.back();
        int64_t* target = path == "version"                     ? &version
                          : path == "vocabulary"                ? &index.vocabulary
                          : path == "documents"                 ? &index.documents
                          : path == "tokens"                    ? &index.tokens
                          : path == "trained"                   ? &index.trained
                          : path == "bytes"                     ? &index.bytes
                          : path == "shards/documents" && shard ? &shard->documents
                          : path == "shards/tokens" && shard    ? &shard->tokens
                                                                : nullptr;
        if (!target) return;
        if (value < 0) fail("{}: '{}' is {}: pack the set again", location, path, value);
        *target = value;
    }

    void set_text(std::string_view value) {
        if (path == "contents") contents = value == "text" ? "text" : value == "conversations" ? "conversations" : "";
        if (path == "tokenizer") index.tokenizer = parse_hash(value, location);
        if (path == "shards/hash" && !index.shards.empty()) index.shards.back().hash = parse_hash(value, location);
    }
};

// The totals of the index must equal the sums over its shards.
void check_sums(const SetIndex& index, std::string_view location) {
    std::optional<int64_t> documents = 0, tokens = 0;
    for (const PackedShard& shard : index.shards) {
        if (shard.documents == 0 || shard.tokens == 0) fail("{}: lists an empty shard: pack the set again", location);
        if (documents) documents = checked_add(*documents, shard.documents);
        if (tokens) tokens = checked_add(*tokens, shard.tokens);
    }
    if (documents != index.documents || tokens != index.tokens || index.trained > index.tokens)
        fail("{}: the shards do not add up to {} tokens in {} documents: pack the set again", location, index.tokens,
             index.documents);
    if (index.shards.empty()) fail("{}: lists no shards: pack the set again", location);
}

fs::path index_path(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        fail("{}: {}: give one written by puna data pack", folder.string(),
             fs::exists(folder, ignored) ? "is not a folder" : "no such folder");
    if (!file_exists(folder / "index.json"))
        fail("{}: has no index.json, so it is not a packed set: give a folder written by puna data pack",
             folder.string());
    return folder / "index.json";
}

}  // namespace

SetIndex parse_set_index(std::string_view text, std::string_view location) {
    IndexReader reader{.location = location};
    read_json(text, location, [&](const JsonEvent& event) { reader.on(event); });
    if (reader.version != index_version)
        fail("{}: has format version {}, this program reads version {}: pack the set again", location, reader.version,
             index_version);
    if (reader.contents.empty()) fail("{}: 'contents' must be text or conversations: pack the set again", location);
    reader.index.conversations = reader.contents == "conversations";
    check_sums(reader.index, location);
    return std::move(reader.index);
}

std::string set_index_json(const SetIndex& index) {
    std::string shards;
    for (const PackedShard& shard : index.shards)
        shards += fmt::format("{}\n    {{\"documents\": {}, \"tokens\": {}, \"hash\": \"{:016x}\"}}",
                              shards.empty() ? "" : ",", shard.documents, shard.tokens, shard.hash);
    return fmt::format(R"({{
  "version": {},
  "contents": "{}",
  "vocabulary": {},
  "tokenizer": "{:016x}",
  "documents": {},
  "tokens": {},
  "trained": {},
  "bytes": {},
  "shards": [{}
  ]
}}
)",
                       index_version, index.conversations ? "conversations" : "text", index.vocabulary, index.tokenizer,
                       index.documents, index.tokens, index.trained, index.bytes, shards);
}

std::string shard_name(size_t shard) { return fmt::format("{:05}.tokens", shard); }

ShardSet::ShardSet(const fs::path& folder) : folder_(folder) {
    fs::path path = index_path(folder);
    index_ = parse_set_index(MappedFile(path).text(), path.string());
    int64_t before = 0;
    for (size_t i = 0; i < index_.shards.size(); ++i) {
        const Shard& shard = shards_.emplace_back(folder / shard_name(i));
        ShardHeader expected{.vocabulary = shard.header().vocabulary,
                             .token_bytes = shard.header().token_bytes,
                             .masked = index_.conversations,
                             .documents = static_cast<uint64_t>(index_.shards[i].documents),
                             .tokens = static_cast<uint64_t>(index_.shards[i].tokens),
                             .tokenizer = index_.tokenizer};
        if (shard.header() != expected || shard.header().vocabulary != static_cast<uint64_t>(index_.vocabulary))
            fail(
                "{}: its header does not match index.json: damaged or from another set; pack the set "
                "again",
                (folder / shard_name(i)).string());
        before_.push_back(before);
        before += shard.tokens();
    }
}

size_t ShardSet::shard_at(int64_t token) const {
    return static_cast<size_t>(std::upper_bound(before_.begin(), before_.end(), token) - before_.begin()) - 1;
}

void ShardSet::read(int64_t first, std::span<int32_t> ids) const {
    int64_t n = static_cast<int64_t>(ids.size());
    check(first >= 0 && first <= index_.tokens && n <= index_.tokens - first, "{} tokens from {} of {}", n, first,
          index_.tokens);
    while (!ids.empty()) {
        size_t i = shard_at(first);
        int64_t at = first - before_[i];
        size_t part = std::min(ids.size(), static_cast<size_t>(shards_[i].tokens() - at));
        shards_[i].read(at, ids.first(part));
        shards_[i].check_size();  // what is missing reads as zeros
        ids = ids.subspan(part);
        first += static_cast<int64_t>(part);
    }
}

std::vector<int64_t> ShardSet::documents_between(int64_t first, int64_t last) const {
    check(first >= 0 && last <= index_.tokens, "tokens {} to {} of {}", first, last, index_.tokens);
    std::vector<int64_t> begins;
    while (first < last) {
        size_t i = shard_at(first);
        const Shard& shard = shards_[i];
        for (int64_t d = shard.document_at(first - before_[i]); d < shard.documents() && first < last; ++d) {
            int64_t begin = before_[i] + shard.document_begin(d);
            if (begin >= first) begins.push_back(begin);
            first = before_[i] + shard.document_end(d);
        }
    }
    return begins;
}

void ShardSet::verify(const std::function<void(int64_t bytes)>& on_progress) const {
    constexpr size_t piece = 1 << 24;
    for (size_t i = 0; i < shards_.size(); ++i) {
        Hash hash;
        for (std::span<const std::byte> left = shards_[i].bytes(); !left.empty();) {
            size_t n = std::min(piece, left.size());
            hash.add(left.first(n));
            left = left.subspan(n);
            on_progress(static_cast<int64_t>(n));
        }
        shards_[i].drop_pages();
        if (hash.value() != index_.shards[i].hash)
            fail("{}: hash mismatch: the file is damaged, pack the set again", (folder_ / shard_name(i)).string());
    }
}

}  // namespace puna
