// tokenizer/token_table.h — tokens by id and ids by token, in about 16 bytes a token beside its own bytes.
//
//   TokenTable table(2, 7);                         // ids 0 and 1, 7 bytes in all
//   table.set(0, "the");
//   table.set(1, " cat");
//   table.find(" cat")                              // 1
//
// The size is fixed at the beginning, so that a file never makes us take more than a small multiple of itself.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

uint64_t hash_bytes(std::string_view bytes);

class TokenTable {
 public:
    TokenTable() : TokenTable(0, 0) {}
    TokenTable(size_t count, size_t bytes);

    // False, and nothing is changed, if the token is empty or has an id already, or the id has a token.
    [[nodiscard]] bool set(int32_t id, std::string_view token);

    std::optional<int32_t> find(std::string_view token) const;
    int32_t find_byte(unsigned char byte) const { return bytes_[byte]; }  // -1: no token of its own
    std::string_view operator[](int32_t id) const {
        return {pool_.data() + spans_[index(id)].begin, spans_[index(id)].size};
    }
    int32_t size() const { return static_cast<int32_t>(spans_.size()); }

 private:
    struct Span {
        uint32_t begin, size;
    };
    static size_t index(int32_t id) { return static_cast<size_t>(id); }
    size_t first_slot(uint64_t hash) const;
    size_t next_slot(size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }
    uint32_t tag(uint64_t hash) const { return static_cast<uint32_t>(hash) & ~id_mask_; }

    std::vector<Span> spans_;  // by id; an unset one lies beyond the pool
    std::string pool_;
    std::vector<uint32_t> slots_;  // open addressing: bits of the hash above id + 1; 0 is empty
    uint32_t id_mask_;
    size_t longest_ = 0;              // bytes
    std::array<int32_t, 256> bytes_;  // tokens of one byte
};

}  // namespace puna
