// tokenizer/prefix_finder.h — the longest of some tokens of a table that a text begins with.
//
//   PrefixFinder finder(table, table.ids());
//   std::optional<int32_t> id = finder.find(table, "catalogue");    // the id of "cat", if there is no longer one
//
// A call costs a binary search among the tokens and at most as many steps as the longest has bytes, whatever they
// spell: a file with tokens x, xx, xxx, ... cannot make us try all lengths at every place of a text.
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
    PrefixFinder(const TokenTable& table, std::vector<int32_t> ids);  // all of them are set

    std::optional<int32_t> find(const TokenTable& table, std::string_view text) const;  // the same table
    bool may_begin(char first) const { return begins_[static_cast<unsigned char>(first)]; }

 private:
    std::string_view token_at(const TokenTable& table, int32_t place) const {
        return table[sorted_[static_cast<size_t>(place)]];
    }

    std::vector<int32_t> sorted_;     // ids, by what their tokens spell
    std::vector<int32_t> shorter_;    // for each: the place in sorted_ of the longest other that it begins with, or -1
    std::array<bool, 256> begins_{};  // whether a token begins with this byte
};

}  // namespace puna
