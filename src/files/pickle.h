// files/pickle.h — the list of tensors in a pickle that torch.save wrote.
//
//   for (const PickledTensor& tensor : parse_pickle(bytes, "consolidated.00.pth: data.pkl")) use(tensor);
//
// A pickle is a program for a stack machine that can call any Python function. Only what a dict of tensors needs is
// read here: opcodes and global names of two short lists, of which nothing is executed; all else throws Error with the
// opcode or name and the byte. The numbers of a tensor are as in the pickle: files/torch_file.h checks them against its
// storage. Memory is bounded by a multiple of the pickle's size. Source: pickletools.py of Python; _utils.py and
// serialization.py of PyTorch.
#pragma once
#include "core/dtype.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace puna {

// The element type of a storage.
struct TorchStorageType {
    std::string_view name;  // "FloatStorage"
    int64_t element_bytes;
    std::optional<Dtype> dtype = {};  // empty: not supported
};

struct PickledStorage {
    const TorchStorageType* type = nullptr;
    std::string_view key;  // the bytes are the archive's entry data/KEY
    int64_t elements = 0;
};

struct PickledTensor {
    std::string_view name;
    PickledStorage storage;
    int64_t offset = 0;  // of the first element in the storage, in elements
    std::vector<int64_t> shape, strides;
};

// In the order of the pickle. where: begins the messages of errors.
std::vector<PickledTensor> parse_pickle(std::span<const std::byte> bytes, std::string_view where);

}  // namespace puna
