// files/test_pickle.h — for tests: pickles of dicts of tensors, opcode by opcode.
//
//   std::string bytes = PickleBytes().dict().mark().tensor("w", "FloatStorage", "0", 6, 0, {2, 3}, {3, 1}).end();
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class PickleBytes {
 public:
    PickleBytes& add(std::string_view opcodes) {
        bytes_ += opcodes;
        return *this;
    }
    PickleBytes& dict() { return add("}"); }
    PickleBytes& mark() { return add("("); }
    PickleBytes& text(std::string_view text) {
        add("X").little_endian(text.size(), 4);
        return add(text);
    }
    PickleBytes& global(std::string_view module, std::string_view name) {
        return add("c").add(module).add("\n").add(name).add("\n");
    }
    PickleBytes& integer(int64_t value) {  // LONG1: eight bytes
        add("\x8a\x08");
        return little_endian(static_cast<uint64_t>(value), 8);
    }
    PickleBytes& integers(const std::vector<int64_t>& values) {
        mark();
        for (int64_t value : values) integer(value);
        return add("t");
    }
    PickleBytes& storage(std::string_view type, std::string_view key, int64_t elements) {
        return mark().text("storage").global("torch", type).text(key).text("cpu").integer(elements).add("tQ");
    }
    // A key and a tensor.
    PickleBytes& tensor(std::string_view name, std::string_view type, std::string_view key, int64_t elements,
                        int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
        text(name).global("torch._utils", "_rebuild_tensor_v2").mark().storage(type, key, elements).integer(offset);
        return integers(shape).integers(strides).add("\x89").global("collections", "OrderedDict").add(")RtR");
    }
    std::string end() const { return bytes_ + "u."; }  // of the dict's items, and of the pickle
    const std::string& bytes() const { return bytes_; }

 private:
    PickleBytes& little_endian(uint64_t value, unsigned n) {
        for (unsigned i = 0; i < n; ++i) bytes_ += static_cast<char>(value >> 8 * i & 0xff);
        return *this;
    }

    std::string bytes_ = "\x80\x02";
};

}  // namespace puna
