#include "model/export_weight.h"

#include "core/error.h"
#include "model/quantize.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

constexpr int64_t part_elements = 1 << 20;

// The inverse of neighbor_row.
int64_t half_row(int64_t row, int64_t head_dim) {
    int64_t i = row % head_dim;
    return row - i + i % 2 * (head_dim / 2) + i / 2;
}

Tensor as_matrix(Tensor t) { return t.rank == 1 ? t.reshape({t.count(), 1}) : t; }

void copy_bytes(Tensor to, Tensor from) { std::memcpy(to.data, from.data, static_cast<size_t>(from.bytes())); }

// neighbor_head: as WeightForm's, of the order that is wanted.
Tensor rows_of(Arena& scratch, const StoredWeight& stored, int64_t neighbor_head, int64_t columns, int64_t first,
               int64_t n) {
    if (stored.parts.size() == 1 && stored.neighbor_head == neighbor_head)
        return as_matrix(stored.parts[0]).slice(first, n);
    Tensor rows = scratch.tensor(stored.parts[0].dtype, {n, columns});
    for (int64_t i = 0; i < n; ++i) {
        int64_t row = neighbor_head ? half_row(first + i, neighbor_head) : first + i;
        for_each_piece(stored, row, 0, rows.slice(i, 1), copy_bytes);
    }
    return rows;
}

}  // namespace

int64_t exported_rows(const WeightInfo& info) { return std::max<int64_t>(1, part_elements / info.columns); }

Tensor export_rows(const StoredWeight& stored, const WeightInfo& info, const WeightForm& form, int64_t first,
                   Arena& scratch) {
    const Kernels& kernels = scratch.kernels();
    check(kernels.memory.host_access && kernels.memory.mapped_files, "{} cannot convert files", kernels.name);
    int64_t n = std::min(exported_rows(info), info.rows - first);
    Tensor rows = rows_of(scratch, stored, info.rotary ? form.neighbor_head : 0, info.columns, first, n);
    if (rows.dtype == form.dtype) return rows;
    Tensor out = scratch.tensor(form.dtype, {n, info.columns});
    quantize_weight(kernels, form.name, out, rows, form.importance, scratch);
    return out;
}

}  // namespace puna
