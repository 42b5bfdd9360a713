#include "nn/batch.h"

#include <algorithm>

namespace puna {

Batch batch_of(std::span<const int32_t> tokens) {
    Batch batch;
    batch.tokens.assign(tokens.begin(), tokens.end());
    batch.sequences = {{0, batch.rows()}};
    return batch;
}

std::vector<int64_t> chunks_of(int64_t rows, int64_t length) {
    std::vector<int64_t> chunk;
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t at = 0; at < length; at += chunk_tokens) chunk.push_back(row * length + at);
    chunk.push_back(rows * length);
    return chunk;
}

void check_pages(const Batch& batch) {
    if (!batch.cache) return;
    for (const Sequence& s : batch.sequences) {
        check(pages_for(s.past + s.n) <= static_cast<int64_t>(s.pages.size()), "{} pages for {} tokens and {} new ones",
              s.pages.size(), s.past, s.n);
        for (int32_t page : s.pages)
            check(page >= 0 && page < batch.cache->pages(), "page {} of {}", page, batch.cache->pages());
    }
}

std::vector<int32_t> positions_of(const Batch& batch) {
    std::vector<int32_t> positions(batch.tokens.size());
    for (const Sequence& sequence : batch.sequences)
        for (int64_t i = 0; i < sequence.n; ++i)
            positions[static_cast<size_t>(sequence.first + i)] = static_cast<int32_t>(sequence.past + i);
    return positions;
}

}  // namespace puna
