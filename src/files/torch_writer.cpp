#include "files/torch_writer.h"

#include "core/error.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <string_view>

namespace puna {

namespace {

constexpr std::string_view folder = "consolidated/";

std::string_view storage_type(Dtype dtype) {
    switch (dtype) {
        case Dtype::f32:
            return "FloatStorage";
        case Dtype::f16:
            return "HalfStorage";
        case Dtype::bf16:
            return "BFloat16Storage";
        default:
            throw_bug(fmt::format("torch.save: no storage of {} here", info(dtype).name));
    }
}

// A pickle of protocol 2, opcode by opcode.
class PickleText {
 public:
    void code(std::string_view opcodes) { bytes_ += opcodes; }
    void text(std::string_view text) {
        code("X");
        number(static_cast<uint32_t>(text.size()));
        bytes_ += text;
    }
    void integer(int64_t value) {
        if (value > std::numeric_limits<int32_t>::max()) {
            code("\x8a\x08");  // LONG1
            return number(value);
        }
        code("J");  // BININT
        number(static_cast<int32_t>(value));
    }
    void global(std::string_view module, std::string_view name) { code(fmt::format("c{}\n{}\n", module, name)); }
    void tuple(const std::vector<int64_t>& values) {
        code("(");
        for (int64_t value : values) integer(value);
        code("t");
    }
    // torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
    void tensor(const TensorSpec& spec, size_t key) {
        std::vector<int64_t> strides(spec.shape.size(), 1);
        for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * spec.shape[i];
        global("torch._utils", "_rebuild_tensor_v2");
        code("((");
        text("storage");
        global("torch", storage_type(spec.dtype));
        text(fmt::format("{}", key));
        text("cpu");
        integer(spec.count());
        code("tQ");  // BINPERSID
        integer(0);
        tuple(spec.shape);
        tuple(strides);
        code("\x89");  // False
        global("collections", "OrderedDict");
        code(")RtR");
    }
    const std::string& bytes() const { return bytes_; }

 private:
    template <class T>
    void number(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }

    std::string bytes_ = "\x80\x02";
};

std::string pickle_of(const std::vector<TensorSpec>& specs) {
    PickleText pickle;
    pickle.code("}(");
    for (size_t i = 0; i < specs.size(); ++i) {
        pickle.text(specs[i].name);
        pickle.tensor(specs[i], i);
    }
    pickle.code("u.");
    return pickle.bytes();
}

std::string entry_name(std::string_view name) { return fmt::format("{}{}", folder, name); }

}  // namespace

TorchWriter::TorchWriter(const std::filesystem::path& path, const std::vector<TensorSpec>& specs)
    : zip_(path), pending_(specs, path.string()) {
    zip_.add(entry_name("data.pkl"), pickle_of(specs));
    zip_.add(entry_name("byteorder"), "little");
}

void TorchWriter::write(const Tensor& tensor) {
    bool complete = pending_.take(tensor);
    std::span bytes(static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.bytes()));
    if (!complete || !parts_.empty()) {
        parts_.insert(parts_.end(), bytes.begin(), bytes.end());
        if (!complete) return;
        bytes = parts_;
    }
    zip_.begin(entry_name(fmt::format("data/{}", written_++)), {bytes.size(), checksum_of(bytes)});
    zip_.write(bytes);
    parts_.clear();
}

void TorchWriter::commit() {
    pending_.check_all_taken();
    zip_.add(entry_name("version"), "3\n");
    zip_.commit();
}

}  // namespace puna
