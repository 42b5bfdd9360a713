// files/byte_cursor.h — reads little-endian numbers and runs of bytes one after the other, for binary formats.
//
//   ByteCursor cursor(bytes);
//   std::optional<uint32_t> version = cursor.number<uint32_t>();    // none if fewer than four bytes are left
//   if (version) name = cursor.text(cursor.left());
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace puna {

static_assert(std::endian::native == std::endian::little);

inline std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The number at the beginning of `bytes`, which has no alignment.
template <class T>
T number_at(std::span<const std::byte> bytes) {
    T value;
    std::memcpy(&value, bytes.first(sizeof(T)).data(), sizeof(T));
    return value;
}

class ByteCursor {
 public:
    explicit ByteCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

    size_t position() const { return position_; }
    size_t left() const { return bytes_.size() - position_; }

    // The next n bytes; none, and no step forward, if fewer are left.
    std::optional<std::span<const std::byte>> take(uint64_t n) {
        if (n > left()) return {};
        std::span<const std::byte> taken = bytes_.subspan(position_, static_cast<size_t>(n));
        position_ += taken.size();
        return taken;
    }
    std::optional<std::string_view> text(uint64_t n) {
        std::optional<std::span<const std::byte>> taken = take(n);
        if (!taken) return {};
        return as_text(*taken);
    }
    template <class T>
    std::optional<T> number() {
        std::optional<std::span<const std::byte>> taken = take(sizeof(T));
        if (!taken) return {};
        return number_at<T>(*taken);
    }

 private:
    std::span<const std::byte> bytes_;
    size_t position_ = 0;
};

}  // namespace puna
