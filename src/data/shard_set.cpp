#include "data/shard_set.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr int64_t index_version = 1;

constexpr JsonLimits limits{.bytes = 1 << 30, .values = 10'000'000};  // three values for each shard

uint64_t hash_of(JsonNode object, std::string_view name) {
    std::string digits = object.need(name).text();
    std::optional<uint64_t> hash = parse_hash(digits);
    if (!hash)
        object.need(name).reject(
            fmt::format("is '{}', which is not a hash of 16 hexadecimal digits", printable(digits)));
    return *hash;
}

bool holds_conversations(JsonNode root) {
    std::string contents = root.text("contents", "");
    if (contents != "text" && contents != "conversations") root.reject("'contents' must be text or conversations");
    return contents == "conversations";
}

SetIndex read_index(JsonNode root) {
    SetIndex index{.conversations = holds_conversations(root),
                   .vocabulary = root.count("vocabulary"),
                   .tokenizer = hash_of(root, "tokenizer"),
                   .documents = root.count("documents"),
                   .tokens = root.count("tokens"),
                   .trained = root.count("trained"),
                   .bytes = root.count("bytes"),
                   .shards = {}};
    for (JsonNode shard : root.need("shards").items())
        index.shards.push_back({shard.count("documents"), shard.count("tokens"), hash_of(shard, "hash")});
    return index;
}

// The totals of the index must equal the sums over its shards.
void check_sums(const SetIndex& index, std::string_view location) {
    std::optional<int64_t> documents = 0, tokens = 0;
    for (const PackedShard& shard : index.shards) {
        if (shard.documents == 0 || shard.tokens == 0) fail(ErrorKind::damaged, "{}: lists an empty shard", location);
        if (documents) documents = checked_add(*documents, shard.documents);
        if (tokens) tokens = checked_add(*tokens, shard.tokens);
    }
    if (documents != index.documents || tokens != index.tokens || index.trained > index.tokens)
        fail(ErrorKind::damaged, "{}: the shards do not add up to {} tokens in {} documents", location, index.tokens,
             index.documents);
    if (index.shards.empty()) fail(ErrorKind::damaged, "{}: lists no shards", location);
}

fs::path index_path(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored))
        fail(ErrorKind::not_found, "{}: {}: give one written by puna data pack", folder.string(),
             fs::exists(folder, ignored) ? "is not a folder" : "no such folder");
    if (!file_exists(folder / "index.json"))
        fail(ErrorKind::not_found,
             "{}: has no index.json, so it is not a packed set: give a folder written by puna data pack",
             folder.string());
    return folder / "index.json";
}

}  // namespace

SetIndex parse_set_index(std::string_view text, std::string_view location) {
    try {
        JsonDocument document(text, location, limits);
        if (int64_t version = document.root().integer("version", 0); version != index_version)
            document.root().reject(
                fmt::format("has format version {}, this program reads version {}", version, index_version));
        SetIndex index = read_index(document.root());
        check_sums(index, location);
        return index;
    } catch (const Error& problem) {
        fail(problem.kind, "{}: pack the set again", problem.what());
    }
}

std::string set_index_json(const SetIndex& index) {
    JsonList shards;
    for (const PackedShard& shard : index.shards)
        shards.add(
            JsonObject{{"documents", shard.documents}, {"tokens", shard.tokens}, {"hash", hash_digits(shard.hash)}});
    JsonObject json{{"version", index_version},
                    {"contents", index.conversations ? "conversations" : "text"},
                    {"vocabulary", index.vocabulary},
                    {"tokenizer", hash_digits(index.tokenizer)},
                    {"documents", index.documents},
                    {"tokens", index.tokens},
                    {"trained", index.trained},
                    {"bytes", index.bytes},
                    {"shards", shards}};
    return indent_json(json.text(), 2, 2) + "\n";
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
            fail(ErrorKind::damaged,
                 "{}: its header does not match index.json: damaged or from another set; pack the set "
                 "again",
                 (folder / shard_name(i)).string());
        before_.push_back(before);
        before += shard.tokens();
    }
}

bool is_packed_set(const fs::path& folder) {
    return file_exists(folder / "index.json") && contains_only(folder, [](const fs::path& entry) {
               constexpr std::string_view names[] = {"index.json", "sources.jsonl", "tokenizer.json",
                                                     "tokenizer_config.json", "chat_template.jinja"};
               bool is_file =
                   std::find(std::begin(names), std::end(names), entry.filename().string()) != std::end(names);
               return is_file || entry.extension() == ".tokens" ||
                      (entry.filename() == "validation" && is_packed_set(entry));
           });
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
        shards_[i].check_unchanged();  // what is lost reads as zeros
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
            fail(ErrorKind::damaged, "{}: hash mismatch: the file is damaged, pack the set again",
                 (folder_ / shard_name(i)).string());
    }
}

}  // namespace puna
