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

std::vector<int32_t> positions_of(const Batch& batch) {
    std::vector<int32_t> positions(batch.tokens.size());
    for (const Sequence& sequence : batch.sequences)
        for (int64_t i = 0; i < sequence.n; ++i)
            positions[static_cast<size_t>(sequence.first + i)] = static_cast<int32_t>(sequence.past + i);
    return positions;
}

}  // namespace puna
