// core/hash.h — checksum of bytes (64-bit XXH3). Detects corruption and changes; not cryptographic.
//
//   Hash hash;
//   hash.add(bytes);
//   hash.digits();                     // 16 hexadecimal digits
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
