// core/checked.h — overflow-checked integer arithmetic, for values from untrusted input.
//
//   auto bytes = checked_multiply(rows, columns);     // empty on overflow
//   if (!bytes) fail("{}: tensor {} is too large", path, name);
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

namespace puna {

template <std::integral T>
std::optional<T> checked_add(T a, T b) {
    T sum;
    if (__builtin_add_overflow(a, b, &sum)) return {};
    return sum;
}

template <std::integral T>
std::optional<T> checked_multiply(T a, T b) {
    T product;
    if (__builtin_mul_overflow(a, b, &product)) return {};
    return product;
}

template <std::integral To, std::integral From>
std::optional<To> checked_cast(From value) {
    if (!std::in_range<To>(value)) return {};
    return static_cast<To>(value);
}

// The smallest multiple of `unit` that is >= n; n + unit must not overflow.
template <std::integral T>
constexpr T round_up(T n, T unit) {
    return (n + unit - 1) / unit * unit;
}

template <std::integral T>
constexpr T divide_up(T n, T unit) {
    return (n + unit - 1) / unit;
}

}  // namespace puna
