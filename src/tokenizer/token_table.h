// tokenizer/token_table.h — maps ids to tokens and tokens to ids, with about 16 bytes of overhead per token.
//
//   TokenTable table(2, 7);                         // ids 0 and 1, 7 bytes in all
//   bool both = table.set(0, "the") && table.set(1, " cat");
//   std::optional<int32_t> id = table.find(" cat");  // 1
//
// Ids may start anywhere and have gaps (second constructor). Capacity is fixed at construction, so that a file cannot
// make us allocate more than a small multiple of its size.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class TokenTable {
 public:
    TokenTable() : TokenTable(0, 0) {}
    TokenTable(size_t count, size_t bytes);              // ids 0 to count - 1
    TokenTable(std::vector<int32_t> ids, size_t bytes);  // strictly ascending, not negative

    // Returns false and changes nothing if the token is empty or already has an id, or the id already has a token.
    [[nodiscard]] bool set(int32_t id, std::string_view token);

    std::optional<int32_t> find(std::string_view token) const;
    int32_t find_byte(unsigned char byte) const { return bytes_[byte]; }  // -1: the byte has no token

    std::optional<size_t> index_of(int32_t id) const;  // position among the table's ids in ascending order
    std::string_view operator[](int32_t id) const;     // empty if the id has no token
    std::vector<int32_t> ids() const;                  // ids that are set, ascending
    int32_t end() const;                               // one more than the table's highest id; 0 if it has none
    size_t size() const { return spans_.size(); }      // ids, set or not

 private:
    struct Span {
        uint32_t begin, size;
    };
    static constexpr uint32_t unset = 0xffffffff;

    std::optional<size_t> index_with_gaps(int32_t id) const;
    int32_t id_at(size_t index) const { return ids_.empty() ? first_ + static_cast<int32_t>(index) : ids_[index]; }
    std::string_view token_at(size_t index) const { return {pool_.data() + spans_[index].begin, spans_[index].size}; }
    size_t first_slot(uint64_t hash) const;
    size_t next_slot(size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }
    uint32_t tag(uint64_t hash) const { return static_cast<uint32_t>(hash) & ~index_mask_; }

    std::vector<Span> spans_;   // by index; unset ones begin at `unset`
    std::vector<int32_t> ids_;  // by index; empty if they have no gaps
    int32_t first_ = 0;         // id of index 0 if they have no gaps
    std::string pool_;
    std::vector<uint32_t> slots_;  // open addressing: bits of the hash above index + 1; 0 is empty
    uint32_t index_mask_ = 0;
    size_t longest_ = 0;              // bytes
    std::array<int32_t, 256> bytes_;  // tokens of one byte
};

inline std::optional<size_t> TokenTable::index_of(int32_t id) const {
    if (!ids_.empty()) return index_with_gaps(id);
    if (id < first_ || static_cast<size_t>(id - first_) >= spans_.size()) return {};
    return static_cast<size_t>(id - first_);
}

inline std::string_view TokenTable::operator[](int32_t id) const {
    std::optional<size_t> index = index_of(id);
    return index && spans_[*index].begin != unset ? token_at(*index) : std::string_view{};
}

}  // namespace puna
