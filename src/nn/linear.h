// nn/linear.h — a linear layer: its weight, its bias if it has one, its tensor-parallel split and its LoRA adapters.
//
//   Value q = layer.wq(pass, h);            // [T, out] of [T, in]
//
// The weight may have any dtype and may be frozen. A LoRA adapter adds scale * b(a(x)) to the rows whose sequence
// selects it (Hu et al. 2021). Split by rows, each rank computes part of the outputs; split by columns, it reads part
// of the inputs and the outputs are all-reduced (Shoeybi et al. 2019). In a group of one neither has an effect. LoRA
// adapters of a split matrix run in a group but cannot be trained there (Bug): each rank would have only part of the
// gradient of the factor that is not split.
#pragma once
#include "comm/group.h"
#include "nn/ops.h"

#include <deque>

namespace puna {

enum class Split : uint8_t { none, rows, columns };

struct Lora {
    Param a, b;  // [rank, in], [out, rank]; without memory: the adapter leaves this layer as it is
    float scale = 1;
};

struct Linear {
    Param weight;  // [out, in] of this rank's shard
    Param bias;    // [out] of the shard if that is of rows, else whole; without memory: none
    Split split = Split::none;
    Group group = Group::alone();  // the model's: the weight is split over it
    std::deque<Lora> adapters;     // indexed by adapter, or empty; a deque because the tape holds pointers into it

    // rows: the rows of the batch that x consists of; empty: all.
    Value operator()(Pass& pass, Value x, std::span<const int64_t> rows = {});
};

}  // namespace puna
