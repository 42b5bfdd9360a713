#include "model/stored_weight.h"

#include <algorithm>

namespace puna {

namespace {

using CopyPiece = std::function<void(Tensor to, Tensor from)>;

// The rows of one part from `first` on that are stored in our order, one after the other; at most n.
Tensor rows_from(const StoredWeight& stored, int64_t first, int64_t n) {
    int64_t at = stored.neighbor_head ? neighbor_row(first, stored.neighbor_head) : first;
    int64_t part_rows = stored.parts[0].size[0];
    size_t part = stored.joined == Split::rows ? static_cast<size_t>(at / part_rows) : 0;
    at %= part_rows;
    return stored.parts.at(part).slice(at, stored.neighbor_head ? 1 : std::min(n, part_rows - at));
}

// Vectors as matrices of one column.
StoredWeight as_columns(StoredWeight stored) {
    for (Tensor& part : stored.parts) part = part.reshape({part.count(), 1});
    return stored;
}

Tensor as_vector(Tensor row) { return row.reshape({row.columns()}); }

// The columns of one row that lie in a part whose first column is `begin`.
void copy_columns(Tensor to, int64_t column, Tensor from, int64_t begin, const CopyPiece& copy) {
    int64_t first = std::max(column, begin), end = std::min(column + to.columns(), begin + from.columns());
    if (first < end) copy(to.slice(first - column, end - first), from.slice(first - begin, end - first));
}

void copy_row(const StoredWeight& stored, int64_t row, int64_t column, Tensor to, const CopyPiece& copy) {
    if (stored.joined != Split::columns) return copy_columns(to, column, as_vector(rows_from(stored, row, 1)), 0, copy);
    int64_t at = stored.neighbor_head ? neighbor_row(row, stored.neighbor_head) : row, begin = 0;
    for (Tensor part : stored.parts) {
        copy_columns(to, column, as_vector(part.slice(at, 1)), begin, copy);
        begin += part.columns();
    }
}

}  // namespace

int64_t neighbor_row(int64_t row, int64_t head_dim) {
    int64_t i = row % head_dim, half = head_dim / 2;
    return row - i + i % half * 2 + i / half;
}

void for_each_piece(const StoredWeight& stored, int64_t row, int64_t column, Tensor to, const CopyPiece& copy) {
    if (to.rank == 1) return for_each_piece(as_columns(stored), row, 0, to.reshape({to.count(), 1}), copy);
    bool whole_rows = stored.joined != Split::columns && to.columns() == stored.parts.at(0).columns();
    for (int64_t done = 0, n = 1; done < to.size[0]; done += n) {
        if (whole_rows) {
            Tensor from = rows_from(stored, row + done, to.size[0] - done);
            n = from.size[0];
            copy(to.slice(done, n), from);
        } else {
            copy_row(stored, row + done, column, as_vector(to.slice(done, 1)), copy);
        }
    }
}

}  // namespace puna
