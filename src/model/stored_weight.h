// model/stored_weight.h — a weight as a file format stores it: parts, and the order of its rows.
//
//   for_each_piece(stored, 0, 0, to, [&](Tensor to, Tensor from) { kernels.convert({}, to, from); });
//
// Our rows of queries and keys are in the order of Hugging Face, where element j of a head and element
// j + head_dim / 2 are a rotary pair. Meta's files and GGUF have neighbors instead: elements 2j and 2j + 1. What they
// store is permuted where it is copied.
#pragma once
#include "core/tensor.h"
#include "nn/linear.h"

#include <functional>
#include <vector>

namespace puna {

struct StoredWeight {
    std::vector<Tensor> parts;   // of the same shape and dtype; read only
    Split joined = Split::none;  // rows: the parts are one below the other; columns: side by side; none: there is one
    int64_t neighbor_head = 0;   // size of a head whose rotary pairs are neighbors; 0: the rows are in our order

    bool is_view() const { return parts.size() == 1 && neighbor_head == 0; }  // the part is the weight
};

// Where row `row` of a matrix in our order is if the rotary pairs are neighbors.
int64_t neighbor_row(int64_t row, int64_t head_dim);

// Copies `to`, a part of the whole weight that begins at this row and column: calls copy(to, from) for pieces of the
// same shape, which are rows or a part of one row.
void for_each_piece(const StoredWeight& stored, int64_t row, int64_t column, Tensor to,
                    const std::function<void(Tensor to, Tensor from)>& copy);

}  // namespace puna
