// tokenizer/token_table.h — tokens by id and ids by token, in about 16 bytes a token beside its own bytes.
//
//   TokenTable table(2, 7);                         // ids 0 and 1, 7 bytes in all
//   bool both = table.set(0, "the") && table.set(1, " cat");
//   std::optional<int32_t> id = table.find(" cat");  // 1
//
// Ids may start anywhere and have gaps: those of the second constructor. Ids and size are fixed at the beginning, so
// that a file never makes us take more than a small multiple of itself.
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
    TokenTable(size_t count, size_t bytes);              // ids 0 to count - 1
    TokenTable(std::vector<int32_t> ids, size_t bytes);  // ascending, each once, from 0 on

    // False, and nothing is changed, if the token is empty or has an id already, or the id has a token.
    [[nodiscard]] bool set(int32_t id, std::string_view token);

    std::optional<int32_t> find(std::string_view token) const;
    int32_t find_byte(unsigned char byte) const { return bytes_[byte]; }  // -1: no token of its own

    std::optional<size_t> place_of(int32_t id) const;  // among the table's ids in ascending order
    bool has_place(int32_t id) const { return place_of(id).has_value(); }
    std::string_view operator[](int32_t id) const;  // empty: this id has no token
    std::vector<int32_t> ids() const;               // of all tokens that are set, ascending
    int32_t end() const;                            // one more than the highest id of the table; 0 where there is none
    size_t size() const { return spans_.size(); }   // ids, set or not

 private:
    struct Span {
        uint32_t begin, size;
    };
    int32_t id_at(size_t place) const { return ids_.empty() ? first_ + static_cast<int32_t>(place) : ids_[place]; }
    std::string_view token_at(size_t place) const { return {pool_.data() + spans_[place].begin, spans_[place].size}; }
    size_t first_slot(uint64_t hash) const;
    size_t next_slot(size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }
    uint32_t tag(uint64_t hash) const { return static_cast<uint32_t>(hash) & ~place_mask_; }

    std::vector<Span> spans_;   // by place; an unset one lies beyond the pool
    std::vector<int32_t> ids_;  // by place; empty where they have no gaps
    int32_t first_ = 0;         // id of place 0, where they have none
    std::string pool_;
    std::vector<uint32_t> slots_;  // open addressing: bits of the hash above place + 1; 0 is empty
    uint32_t place_mask_ = 0;
    size_t longest_ = 0;              // bytes
    std::array<int32_t, 256> bytes_;  // tokens of one byte
};

}  // namespace puna
