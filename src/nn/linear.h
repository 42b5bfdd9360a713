// nn/linear.h — a matrix of the model: its weight, how it is split over a group, and the LoRA pairs beside it.
//
//   Value q = layer.wq(pass, h, batch);            // [T, out] of [T, in]
//
// The weight may be of any dtype and frozen. A pair adds scale * b(a(x)) to the rows whose sequence names its adapter
// (Hu et al. 2021). Split by rows, each rank makes some outputs; by columns, it takes some inputs and outputs are
// summed over the group (Shoeybi et al. 2019). In a group of one neither does anything. Pairs of a split matrix are
// served in a group but not trained there, a Bug: each rank would have a part of the gradient of the factor that is not
// split.
#pragma once
#include "nn/ops.h"

#include <deque>

namespace puna {

enum class Split : uint8_t { none, rows, columns };

struct Lora {
    Param a, b;  // [rank, in], [out, rank]
    float scale = 1;
};

struct Linear {
    Param weight;  // [out, in], of this rank's share
    Split split = Split::none;
    std::deque<Lora> pairs;  // by adapter, for all adapters or none; a deque, since the tape points at them

    Value operator()(Pass& pass, Value x, const Batch& batch);
};

}  // namespace puna
