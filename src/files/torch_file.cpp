#include "files/torch_file.h"

#include "core/checked.h"
#include "core/error.h"
#include "core/file_kind.h"
#include "files/byte_cursor.h"
#include "files/pickle.h"
#include "files/zip.h"

#include <algorithm>
#include <string>

namespace puna {

namespace {

constexpr std::string_view zip_magic = "PK\x03\x04", pickle_name = "/data.pkl";

const ZipEntry& find_pickle(const ZipArchive& archive, std::string_view path) {
    const ZipEntry* found = nullptr;
    for (const ZipEntry& entry : archive.entries()) {
        if (!entry.name.ends_with(pickle_name)) continue;
        if (found) fail(ErrorKind::damaged, "{}: has more than one data.pkl: the file is malformed", path);
        found = &entry;
    }
    if (!found)
        fail(ErrorKind::unsupported, "{}: has no data.pkl: it is a zip archive, but torch.save did not write it", path);
    return *found;
}

// The archive with its list of tensors; the names of all entries begin with `folder`.
struct TorchArchive {
    const ZipArchive& zip;
    std::string_view folder, path;

    // Checks everything that the pickle says about a tensor.
    TensorEntry entry_of(const PickledTensor& tensor) const {
        const PickledStorage& storage = tensor.storage;
        TensorEntry entry{.name = tensor.name, .dtype_name = storage.type->name};
        int64_t count = check_shape(tensor);
        std::optional<int64_t> end = checked_add(tensor.offset, count);
        if (tensor.offset < 0 || !end || *end > storage.elements)
            reject(tensor, fmt::format("{} elements at {} of a storage of {}", count, tensor.offset, storage.elements));
        std::span<const std::byte> bytes = bytes_of(tensor);
        auto in_bytes = [&](int64_t n) { return static_cast<size_t>(n * storage.type->element_bytes); };
        entry.bytes = bytes.subspan(in_bytes(tensor.offset), in_bytes(count));
        entry.dtype = storage.type->dtype;
        entry.rank = static_cast<int>(tensor.shape.size());
        std::copy_n(tensor.shape.begin(), std::min(tensor.shape.size(), entry.shape.size()), entry.shape.begin());
        return entry;
    }

 private:
    [[noreturn]] void reject(const PickledTensor& tensor, std::string_view what) const {
        fail(ErrorKind::damaged, "{}: tensor '{}' has {}: the file is damaged or malformed", path,
             printable(tensor.name), what);
    }

    // Returns the number of elements.
    int64_t check_shape(const PickledTensor& tensor) const {
        if (tensor.strides.size() != tensor.shape.size())
            reject(tensor, fmt::format("{} sizes and {} strides", tensor.shape.size(), tensor.strides.size()));
        int64_t count = 1;
        bool contiguous = true;
        for (size_t i = tensor.shape.size(); i-- > 0;) {
            if (tensor.shape[i] < 0) reject(tensor, fmt::format("a size of {}", tensor.shape[i]));
            contiguous = contiguous && (tensor.shape[i] <= 1 || tensor.strides[i] == count);
            std::optional<int64_t> product = checked_multiply(count, tensor.shape[i]);
            if (!product) reject(tensor, "too many elements");
            count = *product;
        }
        if (!contiguous && count > 0)
            fail(ErrorKind::unsupported,
                 "{}: tensor '{}' is not contiguous: save it again with torch.save after tensor.contiguous()", path,
                 printable(tensor.name));
        return count;
    }

    // The bytes of a tensor's storage.
    std::span<const std::byte> bytes_of(const PickledTensor& tensor) const {
        const PickledStorage& storage = tensor.storage;
        std::string name = fmt::format("{}data/{}", folder, storage.key);
        const ZipEntry* entry = zip.find(name);
        if (!entry) reject(tensor, fmt::format("its numbers in '{}', which the archive lacks", printable(name)));
        std::optional<int64_t> size = checked_multiply(storage.elements, storage.type->element_bytes);
        if (!size || !std::in_range<size_t>(*size) || static_cast<size_t>(*size) != entry->bytes.size())
            reject(tensor, fmt::format("a storage of {} elements of {} bytes, but '{}' has {} bytes", storage.elements,
                                       storage.type->element_bytes, printable(name), entry->bytes.size()));
        return entry->bytes;
    }
};

}  // namespace

TensorTable parse_torch(std::span<const std::byte> bytes, std::string_view path) {
    if (!as_text(bytes).starts_with(zip_magic)) reject_foreign_file(as_text(bytes), path);
    ZipArchive zip(bytes, path);
    const ZipEntry& pickle = find_pickle(zip, path);
    std::string_view folder = pickle.name.substr(0, pickle.name.size() - pickle_name.size() + 1);
    const ZipEntry* order = zip.find(fmt::format("{}byteorder", folder));
    if (order && as_text(order->bytes) != "little")
        fail(ErrorKind::unsupported, "{}: was saved on a big-endian machine: save it again on a little-endian one",
             path);
    TorchArchive archive{zip, folder, path};
    std::vector<TensorEntry> entries;
    for (const PickledTensor& tensor : parse_pickle(pickle.bytes, fmt::format("{}: data.pkl", path)))
        entries.push_back(archive.entry_of(tensor));
    return TensorTable(std::string(path), std::move(entries));
}

TorchFile::TorchFile(const std::filesystem::path& path)
    : file_(path), tensors_(parse_torch(file_.bytes(), path.string())) {}

}  // namespace puna
