#include "files/tensor_table.h"

#include <algorithm>
#include <numeric>

namespace puna {

namespace {

// From the first byte of any tensor to the last.
size_t extent_of(std::span<const TensorEntry> entries) {
    const std::byte *begin = nullptr, *end = nullptr;
    for (const TensorEntry& entry : entries) {
        if (entry.bytes.empty()) continue;
        const std::byte *first = entry.bytes.data(), *last = first + entry.bytes.size();
        begin = begin ? std::min(begin, first) : first;
        end = std::max(end, last);
    }
    return static_cast<size_t>(end - begin);
}

}  // namespace

TensorTable::TensorTable(std::string path, std::vector<TensorEntry> entries)
    : path_(std::move(path)), entries_(std::move(entries)), by_name_(entries_.size()) {
    std::iota(by_name_.begin(), by_name_.end(), 0u);
    auto name = [this](uint32_t i) { return entries_[i].name; };
    std::sort(by_name_.begin(), by_name_.end(), [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
    for (size_t i = 1; i < by_name_.size(); ++i)
        if (name(by_name_[i - 1]) == name(by_name_[i]))
            fail(ErrorKind::damaged, "{}: duplicate tensor '{}': the file is malformed", path_,
                 printable(name(by_name_[i])));
}

const TensorEntry* TensorTable::find(std::string_view name) const {
    auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                               [this](uint32_t i, std::string_view wanted) { return entries_[i].name < wanted; });
    return at != by_name_.end() && entries_[*at].name == name ? &entries_[*at] : nullptr;
}

// Plain types are aligned to their size, blocks to the two bytes of their scale.
bool is_aligned(const Tensor& view) {
    uintptr_t alignment = is_block_type(view.dtype) ? alignof(f16) : static_cast<size_t>(info(view.dtype).block_bytes);
    return reinterpret_cast<uintptr_t>(view.data) % alignment == 0;
}

Tensor TensorTable::view(const TensorEntry& entry) const {
    std::span<const int64_t> sizes = entry.shape;
    if (!entry.dtype)
        fail(ErrorKind::unsupported, "{}: tensor '{}' has the unsupported dtype {}: convert it to F32, F16 or BF16",
             path_, printable(entry.name), printable(entry.dtype_name));
    if (static_cast<size_t>(entry.rank) > sizes.size())
        fail(ErrorKind::unsupported, "{}: tensor '{}' has {} dimensions, at most {} are supported: reshape it", path_,
             printable(entry.name), entry.rank, sizes.size());
    return Tensor(const_cast<std::byte*>(entry.bytes.data()), *entry.dtype,
                  sizes.first(static_cast<size_t>(entry.rank)));
}

Tensor TensorTable::tensor(const TensorEntry& entry) {
    Tensor tensor = view(entry);
    if (!is_aligned(tensor)) tensor.data = const_cast<std::byte*>(aligned_copy(entry));
    return tensor;
}

const std::byte* TensorTable::aligned_copy(const TensorEntry& entry) {
    AlignedBytes& copy = copies_[{entry.bytes.data(), entry.bytes.size()}];
    if (copy) return copy.get();
    if (extent_ == 0) extent_ = extent_of(entries_);
    if (copied_ + entry.bytes.size() > extent_)
        fail(ErrorKind::unsupported,
             "{}: tensor '{}' shares data with others and is not aligned: save each tensor with "
             "data of its own",
             path_, printable(entry.name));
    try {
        copy = allocate_aligned(entry.bytes.size());
    } catch (const Error& problem) {
        rethrow_with(path_, problem);
    }
    copied_ += entry.bytes.size();
    std::copy(entry.bytes.begin(), entry.bytes.end(), copy.get());
    return copy.get();
}

Tensor TensorTable::tensor(std::string_view name) {
    const TensorEntry* entry = find(name);
    if (!entry) fail(ErrorKind::not_found, "{}: has no tensor '{}'", path_, printable(name));
    return tensor(*entry);
}

}  // namespace puna
