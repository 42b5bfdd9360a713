// model/export_weight.h — the rows of a stored weight, in the order and the dtype of another file.
//
//   WeightExporter exporter(kernels);
//   exporter.write(stored, info, {.dtype = Dtype::bf16}, [&](Tensor part) { writer.write(part); });
//
// In parts of some rows each, so that memory does not grow with the weight; in the memory of the host. A dtype that is
// stored is copied bit for bit, others are converted or quantized.
#pragma once
#include "kernels/arena.h"
#include "model/stored_weight.h"
#include "model/weights.h"

#include <functional>

namespace puna {

struct WeightForm {
    Dtype dtype = Dtype::f32;
    int64_t neighbor_head = 0;  // as StoredWeight's: the order of the rows of rotary weights
    Tensor importance = {};     // of the columns, for quantize_weight
};

class WeightExporter {
 public:
    // The kernels must access the memory of the host and mapped files.
    explicit WeightExporter(const Kernels& kernels);

    // use: called with consecutive rows of the weight; their memory is reused. Throws Error as quantize_weight.
    void write(const StoredWeight& stored, const WeightInfo& info, const WeightForm& form,
               const std::function<void(Tensor part)>& use);

 private:
    Tensor rows_of(const StoredWeight& stored, const WeightForm& form, int64_t columns, int64_t first, int64_t n);
    Tensor converted(Tensor rows, const WeightInfo& info, const WeightForm& form);

    const Kernels& kernels_;
    Arena arena_;
};

}  // namespace puna
