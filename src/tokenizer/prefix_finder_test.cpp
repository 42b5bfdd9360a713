#include "tokenizer/prefix_finder.h"

#include "core/random.h"
#include "tokenizer/rank_file.h"

#include <gtest/gtest.h>

#include <set>

namespace puna {
namespace {

std::string random_word(Random& random, uint64_t longest) {
    std::string word;
    for (uint64_t n = 1 + random.below(longest); n > 0; --n) word += static_cast<char>('a' + random.below(2));
    return word;
}

std::optional<int32_t> find_naively(const std::vector<std::string>& tokens, std::string_view text) {
    std::optional<int32_t> best;
    for (size_t i = 0; i < tokens.size(); ++i)
        if (text.starts_with(tokens[i]) && (!best || tokens[i].size() > tokens[static_cast<size_t>(*best)].size()))
            best = static_cast<int32_t>(i);
    return best;
}

TEST(PrefixFinder, FindsTheLongestPrefix) {
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        Random random(seed);
        std::set<std::string> words;
        for (uint64_t i = random.below(40); i > 0; --i) words.insert(random_word(random, 9));
        std::vector<std::string> tokens(words.begin(), words.end());
        for (size_t i = tokens.size(); i > 1; --i) std::swap(tokens[i - 1], tokens[random.below(i)]);
        TokenTable table = make_table(tokens);
        PrefixFinder finder(table, table.ids());
        for (int i = 0; i < 100; ++i) {
            std::string text = random_word(random, 14);
            ASSERT_EQ(finder.find(table, text), find_naively(tokens, text)) << text << ", seed " << seed;
        }
        EXPECT_FALSE(finder.find(table, ""));
    }
}

// Tokens xy, xxy, xxxy, ... in a text of x only once cost a hash of every length at every position: minutes for this
// text.
TEST(PrefixFinder, NearMatchesDoNotSlowItDown) {
    std::vector<std::string> tokens;
    for (size_t n = 1; n < 1024; ++n) tokens.push_back(std::string(n, 'x') + 'y');
    for (size_t n = 2; n < 1024; n += 2) tokens.push_back(std::string(n, 'x'));
    TokenTable table = make_table(tokens);
    PrefixFinder finder(table, table.ids());
    std::string text(200'000, 'x');  // trying all lengths at every position would exceed the test's time limit
    size_t found = 0;
    for (size_t at = 0; at < text.size(); ++at)
        found += finder.find(table, std::string_view(text).substr(at)).has_value();
    EXPECT_EQ(found, text.size() - 1);
}

}  // namespace
}  // namespace puna
