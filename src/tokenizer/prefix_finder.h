// tokenizer/prefix_finder.h — finds the longest token that is a prefix of a text.
//
//   PrefixFinder finder(table, table.ids());
//   std::optional<int32_t> id = finder.find(table, "catalog");    // the id of "cat", unless a longer token matches
//
// A call costs a binary search over the tokens plus at most one step per byte of the longest token, for any set of
// tokens: a hostile file with tokens x, xx, xxx, ... cannot make every position of a text try all lengths.
#pragma once
#include "tokenizer/token_table.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace puna {

class PrefixFinder {
 public:
    PrefixFinder() = default;                                         // finds nothing
    PrefixFinder(const TokenTable& table, std::vector<int32_t> ids);  // ids must be set in the table

    std::optional<int32_t> find(const TokenTable& table, std::string_view text) const;  // the constructor's table
    bool may_begin(char first) const { return begins_[static_cast<unsigned char>(first)]; }

 private:
    std::string_view token_at(const TokenTable& table, int32_t index) const {
        return table[sorted_[static_cast<size_t>(index)]];
    }

    std::vector<int32_t> sorted_;     // ids, sorted by their tokens' bytes
    std::vector<int32_t> shorter_;    // for each: index in sorted_ of its longest proper prefix, or -1
    std::array<bool, 256> begins_{};  // by first byte: whether a token begins with it
};

}  // namespace puna
