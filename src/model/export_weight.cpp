#include "model/export_weight.h"

#include "core/error.h"
#include "model/quantize.h"

#include <algorithm>
#include <cstring>

namespace puna {

namespace {

constexpr int64_t part_elements = 16 << 20;

// The inverse of neighbor_row.
int64_t half_row(int64_t row, int64_t head_dim) {
    int64_t i = row % head_dim;
    return row - i + i % 2 * (head_dim / 2) + i / 2;
}

Tensor as_matrix(Tensor t) { return t.rank == 1 ? t.reshape({t.count(), 1}) : t; }

void copy_bytes(Tensor to, Tensor from) { std::memcpy(to.data, from.data, static_cast<size_t>(from.bytes())); }

}  // namespace

WeightExporter::WeightExporter(const Kernels& kernels) : kernels_(kernels), arena_(kernels) {
    check(kernels.memory.host_access && kernels.memory.mapped_files, "{} cannot convert files", kernels.name);
}

// A view of the file if it holds them as they are wanted.
Tensor WeightExporter::rows_of(const StoredWeight& stored, const WeightForm& form, int64_t columns, int64_t first,
                               int64_t n) {
    if (stored.parts.size() == 1 && stored.neighbor_head == form.neighbor_head)
        return as_matrix(stored.parts[0]).slice(first, n);
    Tensor rows = arena_.tensor(stored.parts[0].dtype, {n, columns});
    for (int64_t i = 0; i < n; ++i) {
        int64_t row = form.neighbor_head ? half_row(first + i, form.neighbor_head) : first + i;
        for_each_piece(stored, row, 0, rows.slice(i, 1), copy_bytes);
    }
    return rows;
}

Tensor WeightExporter::converted(Tensor rows, const WeightInfo& info, const WeightForm& form) {
    if (rows.dtype == form.dtype) return rows;
    Tensor out = arena_.tensor(form.dtype, {rows.size[0], rows.size[1]});
    quantize_weight(kernels_, gguf_name(info), out, rows, form.importance);
    return out;
}

void WeightExporter::write(const StoredWeight& stored, const WeightInfo& info, const WeightForm& form,
                           const std::function<void(Tensor part)>& use) {
    WeightForm wanted = form;
    if (!info.rotary) wanted.neighbor_head = 0;
    int64_t step = std::max<int64_t>(1, part_elements / info.columns);
    for (int64_t first = 0; first < info.rows; first += step) {
        arena_.rewind({});
        Tensor rows = rows_of(stored, wanted, info.columns, first, std::min(step, info.rows - first));
        use(converted(rows, info, form));
    }
}

}  // namespace puna
