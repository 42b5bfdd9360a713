#include "data/shard.h"

#include "core/checked.h"
#include "core/error.h"

#include <bit>
#include <cstring>
#include <optional>

namespace puna {

static_assert(std::endian::native == std::endian::little);

namespace {

std::optional<uint64_t> product(uint64_t a, uint64_t b) { return checked_multiply(a, b); }

// The file size that the header implies; empty on overflow.
std::optional<uint64_t> expected_size(const ShardHeader& header) {
    std::optional<uint64_t> table = product(header.documents, sizeof(uint64_t));
    std::optional<uint64_t> ids = product(header.tokens, header.token_bytes);
    if (!table || !ids) return {};
    std::optional<uint64_t> size = checked_add(*table, *ids);
    if (size && header.masked) size = checked_add(*size, header.tokens / 8 + (header.tokens % 8 != 0));
    if (size) size = checked_add(*size, uint64_t{sizeof(ShardHeader)});
    return size;
}

}  // namespace

Shard::Shard(const std::filesystem::path& path) : file_(path) {
    std::string name = path.string();
    if (bytes().size() < sizeof header_)
        fail(ErrorKind::damaged, "{}: {} bytes are too few for a token shard: pack it again", name, bytes().size());
    std::memcpy(&header_, bytes().data(), sizeof header_);
    if (header_.magic != ShardHeader{}.magic)
        fail(ErrorKind::damaged, "{}: is not a token shard: give a folder written by puna data pack", name);
    if (header_.version != ShardHeader{}.version)
        fail(ErrorKind::unsupported, "{}: has format version {}, this program reads version {}: pack it again", name,
             header_.version, ShardHeader{}.version);
    bool plausible = header_.vocabulary > 0 && header_.vocabulary <= 1u << 30 && header_.masked <= 1 &&
                     header_.token_bytes == token_bytes_for(header_.vocabulary) &&
                     header_.reserved == ShardHeader{}.reserved;
    std::optional<uint64_t> size = expected_size(header_);
    if (!plausible || !size) fail(ErrorKind::damaged, "{}: the header is damaged: pack it again", name);
    if (*size != bytes().size())
        fail(ErrorKind::damaged,
             "{}: has {} bytes, but its header implies {} (tokens: {}, documents: {}): pack it again", name,
             bytes().size(), *size, header_.tokens, header_.documents);
    documents_ = static_cast<int64_t>(header_.documents);  // no overflow: the file is larger
    tokens_ = static_cast<int64_t>(header_.tokens);
    first_token_ = sizeof header_ + header_.documents * sizeof(uint64_t);
    mask_ = first_token_ + header_.tokens * header_.token_bytes;
}

template <class T>
T Shard::at(size_t offset, int64_t i) const {
    T value;
    std::memcpy(&value, bytes().data() + offset + static_cast<size_t>(i) * sizeof value, sizeof value);
    return value;
}

void Shard::fail_damaged(int64_t document) const {
    fail(ErrorKind::damaged, "{}: the end of document {} is damaged: pack it again", file_.path().string(), document);
}

int64_t Shard::document_end(int64_t document) const {
    check(document >= 0 && document < documents_, "document {} of {}", document, documents_);
    uint64_t end = at<uint64_t>(sizeof header_, document);
    bool last = document + 1 == documents_;
    if (end == 0 || (last ? end != header_.tokens : end >= header_.tokens)) fail_damaged(document);
    return static_cast<int64_t>(end);
}

int64_t Shard::document_begin(int64_t document) const {
    if (document == 0) return 0;
    int64_t begin = document_end(document - 1);
    if (begin >= document_end(document)) fail_damaged(document);
    return begin;
}

int64_t Shard::document_at(int64_t token) const {
    check(token >= 0 && token < tokens_, "token {} of {}", token, tokens_);
    int64_t first = 0, last = documents_ - 1;
    while (first < last) {
        int64_t middle = first + (last - first) / 2;
        if (document_end(middle) > token)
            last = middle;
        else
            first = middle + 1;
    }
    if (last < 0 || document_begin(first) > token || document_end(first) <= token) fail_damaged(first);
    return first;
}

void Shard::read(int64_t first, std::span<int32_t> ids) const {
    int64_t n = static_cast<int64_t>(ids.size());
    check(first >= 0 && first <= tokens_ && n <= tokens_ - first, "{} tokens from {} of {}", n, first, tokens_);
    for (int64_t i = 0; i < n; ++i) {
        uint32_t id =
            header_.token_bytes == 2 ? at<uint16_t>(first_token_, first + i) : at<uint32_t>(first_token_, first + i);
        if (id >= header_.vocabulary)
            fail(ErrorKind::damaged,
                 "{}: token {} has id {}, but the vocabulary size is {}: the file is damaged, pack it again",
                 file_.path().string(), first + i, id, header_.vocabulary);
        ids[static_cast<size_t>(i)] = static_cast<int32_t>(id);
    }
}

bool Shard::in_loss(int64_t token) const {
    check(token >= 0 && token < tokens_, "token {} of {}", token, tokens_);
    return !header_.masked || (at<uint8_t>(mask_, token / 8) >> token % 8 & 1);
}

}  // namespace puna
