// core/hash.h — checksum of bytes (64-bit XXH3). Detects corruption and changes; not cryptographic.
//
//   Hash hash;
//   hash.add(bytes);
//   std::string digits = hash.digits();                       // 16 hexadecimal digits
//   bool same = parse_hash(digits) == hash_bytes(bytes);
//   size_t slot = mix_bits(hash.value()) >> 48;               // of a hash table
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

uint64_t hash_bytes(std::span<const std::byte> bytes);
uint64_t hash_bytes(std::string_view bytes);
uint64_t hash_file(const std::filesystem::path& path);  // throws Error if it cannot be read

// Spreads the bits of a key over all bits of the result, for hash tables: one to one, not for checksums, and nothing
// may depend on its values. Multipliers: the golden ratio's, and Steele and Vigna, Computationally easy, spectrally
// good multipliers, 2021.
constexpr uint64_t mix_bits(uint64_t key) {
    key = (key ^ key >> 29) * 0x9e3779b97f4a7c15;
    return (key ^ key >> 32) * 0xd1342543de82ef95;
}

std::string hash_digits(uint64_t hash);
std::optional<uint64_t> parse_hash(std::string_view digits);  // none: not 16 hexadecimal digits

}  // namespace puna
