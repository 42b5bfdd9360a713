#include "data/loader.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/threads.h"
#include "data/shuffle.h"
#include "tokenizer/files.h"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace puna {

namespace {

constexpr int64_t block_documents = 1024;  // conversations that are packed together

struct Rows {
    std::vector<std::vector<int64_t>> documents;  // of each row
    int64_t truncated = 0;
};

// First-fit decreasing bin packing.
Rows fit_documents(const Shard& shard, int64_t first, int64_t n, int64_t length) {
    Rows rows;
    std::vector<int64_t> sizes, order(static_cast<size_t>(n)), free_tokens;
    for (int64_t d = first; d < first + n; ++d) {
        int64_t size = shard.document_end(d) - shard.document_begin(d);
        rows.truncated += size > length;
        sizes.push_back(std::min(size, length));
    }
    auto size_of = [&](int64_t i) { return sizes[static_cast<size_t>(i)]; };
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return size_of(a) > size_of(b); });
    for (int64_t i : order) {
        size_t row = static_cast<size_t>(
            std::find_if(free_tokens.begin(), free_tokens.end(), [&](int64_t r) { return r >= size_of(i); }) -
            free_tokens.begin());
        if (row == free_tokens.size()) {
            free_tokens.push_back(length);
            rows.documents.emplace_back();
        }
        free_tokens[row] -= size_of(i);
        rows.documents[row].push_back(first + i);
    }
    return rows;
}

std::vector<uint16_t> read_token_bytes(const ShardSet& set, const Tokenizer& tokenizer) {
    std::string path = (set.folder() / "tokenizer.json").string();
    if (hash_file(path) != set.index().tokenizer || tokenizer.size() != set.index().vocabulary)
        fail("{}: is not the tokenizer that the set was packed with: pack the set again", path);
    std::vector<uint16_t> bytes;
    for (int32_t id = 0; id < tokenizer.size(); ++id)
        bytes.push_back(tokenizer.is_control(id) ? 0 : static_cast<uint16_t>(tokenizer.vocabulary().bytes(id).size()));
    return bytes;
}

}  // namespace

Loader::Loader(const std::filesystem::path& folder, const LoaderOptions& options) : set_(folder), options_(options) {
    if (options.length < 1 || options.length > 1 << 30)
        fail("{}: cannot use rows of {} tokens: use 1 or more", folder.string(), options.length);
    Tokenizer tokenizer = load_tokenizer(folder);
    token_bytes_ = read_token_bytes(set_, tokenizer);
    padding_ = tokenizer.padding();
    if (set_.index().conversations)
        lay_out_blocks();
    else
        rows_ = divide_up(set_.index().tokens, options.length);
}

std::optional<int32_t> Loader::find_id_from(int64_t limit) const {
    if (padding_ >= limit) return padding_;
    constexpr int64_t batch = 1 << 16;
    std::vector<int32_t> ids;
    for (int64_t first = 0; first < set_.index().tokens; first += batch) {
        ids.resize(static_cast<size_t>(std::min(batch, set_.index().tokens - first)));
        set_.read(first, ids);
        auto found = std::find_if(ids.begin(), ids.end(), [limit](int32_t id) { return id >= limit; });
        if (found != ids.end()) return *found;
    }
    return {};
}

// One pass over the document lengths: which documents share a row depends only on these, not on seed or epoch.
void Loader::lay_out_blocks() {
    for (size_t i = 0; i < set_.shards().size(); ++i) {
        const Shard& shard = set_.shards()[i];
        size_t first_block = blocks_.size();
        for (int64_t first = 0; first < shard.documents(); first += block_documents)
            blocks_.push_back({i, first, std::min(block_documents, shard.documents() - first), 0});
        std::atomic<int64_t> truncated{0};
        parallel_for(static_cast<int64_t>(blocks_.size() - first_block), [&](int64_t b) {
            Block& block = blocks_[first_block + static_cast<size_t>(b)];
            Rows rows = fit_documents(shard, block.first_document, block.documents, options_.length);
            block.first_row = static_cast<int64_t>(rows.documents.size());
            truncated += rows.truncated;
        });
        truncated_ += truncated;
        shard.drop_pages();
    }
    for (Block& block : blocks_) rows_ += std::exchange(block.first_row, rows_);
}

TrainingRows Loader::read(int64_t position, int64_t count) const {
    check(position >= 0 && count >= 0, "{} rows from {}", count, position);
    TrainingRows rows;
    for (int64_t p = position; p < position + count; ++p) {
        size_t full = rows.tokens.size() + static_cast<size_t>(options_.length);
        set_.index().conversations ? add_conversations(rows, row_at(p)) : add_text(rows, row_at(p));
        add_padding(rows, static_cast<int64_t>(full - rows.tokens.size()));
    }
    count_targets(rows);
    return rows;
}

int64_t Loader::row_at(int64_t position) const {
    int64_t epoch = position / rows_, offset = position % rows_;
    return options_.shuffle ? Permutation(rows_, options_.seed, static_cast<uint64_t>(epoch))(offset) : offset;
}

void Loader::add_text(TrainingRows& rows, int64_t row) const {
    int64_t first = row * options_.length, last = std::min(first + options_.length, set_.index().tokens);
    size_t base = rows.tokens.size(), n = static_cast<size_t>(last - first);
    int64_t known = std::min(last + 1, set_.index().tokens);  // one more: the target of the last token
    std::vector<int32_t> ids(static_cast<size_t>(known - first));
    set_.read(first, ids);
    rows.tokens.insert(rows.tokens.end(), ids.begin(), ids.begin() + static_cast<ptrdiff_t>(n));
    rows.targets.insert(rows.targets.end(), ids.begin() + 1, ids.end());
    rows.targets.resize(base + n, -1);
    rows.starts.push_back(static_cast<int64_t>(base));
    for (int64_t begin : set_.documents_between(first, known)) {
        if (begin == first) continue;
        size_t at = base + static_cast<size_t>(begin - first);
        rows.targets[at - 1] = -1;  // do not predict across a document boundary
        if (begin < last) rows.starts.push_back(static_cast<int64_t>(at));
    }
}

void Loader::add_conversations(TrainingRows& rows, int64_t row) const {
    auto after = std::upper_bound(blocks_.begin(), blocks_.end(), row,
                                  [](int64_t r, const Block& block) { return r < block.first_row; });
    const Block& block = *(after - 1);
    const Shard& shard = set_.shards()[block.shard];
    Rows fitted = fit_documents(shard, block.first_document, block.documents, options_.length);
    for (int64_t document : fitted.documents[static_cast<size_t>(row - block.first_row)])
        add_conversation(rows, shard, document);
}

void Loader::add_conversation(TrainingRows& rows, const Shard& shard, int64_t document) const {
    int64_t first = shard.document_begin(document), size = shard.document_end(document) - first;
    int64_t n = std::min(size, options_.length);
    std::vector<int32_t> ids(static_cast<size_t>(std::min(size, n + 1)));
    shard.read(first, ids);
    rows.starts.push_back(static_cast<int64_t>(rows.tokens.size()));
    rows.tokens.insert(rows.tokens.end(), ids.begin(), ids.begin() + static_cast<ptrdiff_t>(n));
    for (int64_t i = 1; i <= n; ++i) {
        bool in_loss = i < size && shard.in_loss(first + i);
        rows.targets.push_back(in_loss ? ids[static_cast<size_t>(i)] : -1);
    }
}

void Loader::add_padding(TrainingRows& rows, int64_t n) const {
    if (n == 0) return;
    rows.starts.push_back(static_cast<int64_t>(rows.tokens.size()));
    rows.tokens.resize(rows.tokens.size() + static_cast<size_t>(n), padding_);
    rows.targets.resize(rows.tokens.size(), -1);
}

void Loader::count_targets(TrainingRows& rows) const {
    for (int32_t target : rows.targets) {
        if (target < 0) continue;
        ++rows.trained;
        rows.bytes += token_bytes_[static_cast<size_t>(target)];
    }
}

}  // namespace puna
