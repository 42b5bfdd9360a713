// model/export_weight.h — the rows of a stored weight, in the order and the dtype of another file.
//
//   for (int64_t first = 0; first < info.rows; first += exported_rows(info))
//       writer.write(export_rows(stored, info, {.dtype = Dtype::bf16}, first, scratch));
//
// In parts of some rows each, so that memory does not grow with the weight; in the memory of the host. A dtype that is
// stored is copied bit for bit, others are converted or quantized.
#pragma once
#include "kernels/arena.h"
#include "model/stored_weight.h"
#include "model/weights.h"

#include <string>

namespace puna {

struct WeightForm {
    Dtype dtype = Dtype::f32;
    int64_t neighbor_head = 0;  // as StoredWeight's: the order of the rows of rotary weights
    Tensor importance = {};     // of the columns, for quantize_weight
    std::string name = {};      // of the weight, for messages
};

int64_t exported_rows(const WeightInfo& info);  // of a part

// The part [rows, columns] that begins at this row: a view of the file if it holds it as it is wanted, else in
// scratch, whose kernels must access the memory of the host and mapped files. Throws Error as quantize_weight.
Tensor export_rows(const StoredWeight& stored, const WeightInfo& info, const WeightForm& form, int64_t first,
                   Arena& scratch);

}  // namespace puna
