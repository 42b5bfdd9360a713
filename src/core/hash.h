// core/hash.h — a checksum of bytes: finds damage and change, is no defence against malice.
//
//   Hash hash;
//   hash.add(bytes);
//   hash.digits();                     // sixteen hexadecimal digits, XXH3 of 64 bits
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace puna {

class Hash {
 public:
    Hash();
    ~Hash();
    Hash(const Hash&) = delete;

    void add(std::span<const std::byte> bytes);
    uint64_t value() const;
    std::string digits() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace puna
