#include "data/set_writer.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/hash.h"
#include "tokenizer/chat_template_files.h"
#include "tokenizer/files.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

template <class T>
void append_ids(std::vector<std::byte>& bytes, std::span<const int32_t> ids) {
    size_t at = bytes.size();
    bytes.resize(at + ids.size() * sizeof(T));
    for (int32_t id : ids) {
        T value = static_cast<T>(id);
        std::memcpy(bytes.data() + at, &value, sizeof value);
        at += sizeof value;
    }
}

}  // namespace

SetWriter::SetWriter(const std::filesystem::path& folder, const Tokenizer& tokenizer, const ChatTemplateText& chat,
                     const SetOptions& options)
    : folder_(folder), options_(options) {
    save_tokenizer(tokenizer, folder);
    save_chat_template(options.conversations ? chat : text_only(chat, tokenizer), tokenizer, folder);
    index_.conversations = options.conversations;
    index_.vocabulary = tokenizer.size();
    narrow_ = token_bytes_for(static_cast<uint32_t>(tokenizer.size())) == 2;
    index_.tokenizer = hash_file(folder / "tokenizer.json");
    ids_.reserve(static_cast<size_t>(options.shard_bytes));  // untouched pages cost nothing; growing would copy
}

void SetWriter::add(std::span<const int32_t> ids, std::span<const uint8_t> loss_mask, size_t source, int64_t bytes) {
    check(!ids.empty() && loss_mask.size() == (options_.conversations ? ids.size() : 0),
          "a document of {} ids with a mask of {}", ids.size(), loss_mask.size());
    int64_t n = static_cast<int64_t>(ids.size());
    if (sources_.size() <= source) sources_.resize(source + 1);
    sources_[source].documents += 1;
    sources_[source].tokens += n;
    sources_[source].bytes += bytes;
    index_.bytes += bytes;
    index_.trained += options_.conversations ? std::count(loss_mask.begin(), loss_mask.end(), 1) : n - 1;
    narrow_ ? append_ids<uint16_t>(ids_, ids) : append_ids<uint32_t>(ids_, ids);
    append_mask(loss_mask);
    tokens_ += n;
    ends_.push_back(static_cast<uint64_t>(tokens_));
    if (static_cast<int64_t>(ids_.size()) >= options_.shard_bytes) write_shard();
}

// One bit per token, least significant bit first.
void SetWriter::append_mask(std::span<const uint8_t> loss_mask) {
    size_t first = static_cast<size_t>(tokens_);
    mask_.resize((first + loss_mask.size() + 7) / 8 * options_.conversations);
    for (size_t i = 0; i < loss_mask.size(); ++i) {
        uint8_t& byte = mask_[(first + i) / 8];
        byte = static_cast<uint8_t>(byte | (loss_mask[i] != 0) << (first + i) % 8);
    }
}

void SetWriter::write_shard() {
    ShardHeader header{.vocabulary = static_cast<uint32_t>(index_.vocabulary),
                       .token_bytes = narrow_ ? 2u : 4u,
                       .masked = options_.conversations,
                       .documents = ends_.size(),
                       .tokens = static_cast<uint64_t>(tokens_),
                       .tokenizer = index_.tokenizer};
    AtomicFile file(folder_ / shard_name(index_.shards.size()));
    Hash hash;
    for (std::span<const std::byte> part : {std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(ends_)),
                                            std::span<const std::byte>(ids_), std::as_bytes(std::span(mask_))}) {
        hash.add(part);
        file.write(part);
    }
    file.commit();
    index_.shards.push_back({static_cast<int64_t>(ends_.size()), tokens_, hash.value()});
    index_.documents += static_cast<int64_t>(ends_.size());
    index_.tokens += tokens_;
    ends_.clear();
    ids_.clear();
    mask_.clear();
    tokens_ = 0;
}

SetIndex SetWriter::finish(std::vector<Source> sources) {
    if (tokens_ > 0) write_shard();
    check(!index_.shards.empty(), "the set has no documents");
    std::string lines;
    for (size_t i = 0; i < sources_.size(); ++i) {
        if (sources_[i].documents == 0) continue;
        sources_[i].name = sources[i].name;
        sources_[i].hash = sources[i].hash;
        lines += source_json(sources_[i]) + "\n";
    }
    write_file(folder_ / "sources.jsonl", lines);
    write_file(folder_ / "index.json", set_index_json(index_));
    return index_;
}

}  // namespace puna
