// data/shard.h — a memory-mapped file of packed tokens: consecutive documents and an optional loss mask.
//
//   Shard shard("packed/stories/00000.tokens");             // reads and checks only the header
//   std::vector<int32_t> ids(n);
//   shard.read(first, ids);
//   int64_t end = shard.document_end(shard.document_at(first));
//
// Documents and tokens are checked when they are read. Throws Error with the path and the reason. docs/data.md
// describes the file format; data/set_writer.h writes it.
#pragma once
#include "core/mapped_file.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>

namespace puna {

struct ShardHeader {  // as stored, little-endian
    std::array<char, 8> magic{'p', 'u', 'n', 'a', 't', 'o', 'k', 's'};
    uint32_t version = 1;
    uint32_t vocabulary = 0;
    uint32_t token_bytes = 0;  // 2 if the vocabulary fits, otherwise 4
    uint32_t masked = 0;       // 1: the file has a loss mask, one bit per token
    uint64_t documents = 0, tokens = 0;
    uint64_t tokenizer = 0;  // hash of tokenizer.json in the same folder
    std::array<uint64_t, 2> reserved{};
    bool operator==(const ShardHeader&) const = default;
};
static_assert(sizeof(ShardHeader) == 64);

constexpr uint32_t token_bytes_for(uint32_t vocabulary) { return vocabulary <= 1u << 16 ? 2 : 4; }

class Shard {
 public:
    explicit Shard(const std::filesystem::path& path);

    int64_t tokens() const { return tokens_; }
    int64_t documents() const { return documents_; }
    const ShardHeader& header() const { return header_; }
    std::span<const std::byte> bytes() const { return file_.bytes(); }

    int64_t document_begin(int64_t document) const;  // index of its first token
    int64_t document_end(int64_t document) const;    // one past its last token
    int64_t document_at(int64_t token) const;
    void read(int64_t first, std::span<int32_t> ids) const;
    bool in_loss(int64_t token) const;  // true without a mask
    void drop_pages() const { file_.drop_pages(); }
    void check_unchanged() const { file_.check_unchanged(); }  // throws Error if the file has become shorter

 private:
    template <class T>
    T at(size_t offset, int64_t i) const;
    [[noreturn]] void fail_damaged(int64_t document) const;

    MappedFile file_;
    ShardHeader header_;
    int64_t documents_ = 0, tokens_ = 0;
    size_t first_token_ = 0, mask_ = 0;  // file offsets
};

}  // namespace puna
