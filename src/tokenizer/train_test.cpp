#include "tokenizer/train.h"

#include "core/mapped_file.h"
#include "core/random.h"
#include "core/threads.h"
#include "tokenizer/split.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace puna {
namespace {

using testing::HasSubstr;

// The definition, implemented naively: recount all adjacent pairs for each token.
std::vector<std::string> train_naively(std::string_view text, size_t wanted) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    std::map<std::string_view, int64_t> counts;
    for (size_t at = 0, end; at < text.size(); at = end) {
        end = piece_end(text, at);
        ++counts[text.substr(at, end - at)];
    }
    std::vector<std::pair<std::vector<int>, int64_t>> pieces;
    for (auto& [piece, count] : counts) {
        std::vector<int> ids;
        for (char c : piece) ids.push_back(static_cast<unsigned char>(c));
        pieces.emplace_back(ids, count);
    }
    while (tokens.size() < wanted) {
        std::map<std::pair<int, int>, int64_t> pairs;
        for (auto& [ids, count] : pieces)
            for (size_t i = 0; i + 1 < ids.size(); ++i) pairs[{ids[i], ids[i + 1]}] += count;
        check(!pairs.empty(), "the text has pairs for {} tokens only", tokens.size());
        if (pairs.empty()) break;
        auto best = pairs.begin();  // the map is ordered: for equal counts the lowest ids come first
        for (auto at = pairs.begin(); at != pairs.end(); ++at)
            if (at->second > best->second) best = at;
        auto [left, right] = best->first;
        std::string joined = tokens[static_cast<size_t>(left)] + tokens[static_cast<size_t>(right)];
        size_t id = static_cast<size_t>(std::find(tokens.begin(), tokens.end(), joined) - tokens.begin());
        if (id == tokens.size()) tokens.push_back(joined);
        for (auto& [ids, count] : pieces)
            for (size_t i = 0; i + 1 < ids.size(); ++i)
                if (ids[i] == left && ids[i + 1] == right) {
                    ids[i] = static_cast<int>(id);
                    ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
                }
    }
    return tokens;
}

std::vector<std::string> tokens_of(const Tokenizer& tokenizer) {
    std::vector<std::string> tokens;
    for (int32_t id : tokenizer.vocabulary().tokens.ids()) tokens.emplace_back(tokenizer.bytes(id));
    return tokens;
}

std::vector<std::string> train(std::string_view text, int64_t wanted) {
    PieceCounter counter;
    counter.add(text);
    return tokens_of(train_tokenizer(counter, {.vocabulary = wanted, .control_tokens = 0}));
}

TEST(Train, MergesMatchANaiveTrainer) { EXPECT_EQ(train(small_text, 340), train_naively(small_text, 340)); }

TEST(Train, TiesAndRunsMatchANaiveTrainer) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Random random(seed);
        std::string text;
        for (int i = 0; i < 600; ++i)
            text += random.below(8) == 0 ? ' ' : static_cast<char>('a' + random.below(2 + seed % 3));
        ASSERT_EQ(train(text, 280), train_naively(text, 280)) << "seed " << seed;
    }
}

TEST(Train, AMegabyteMatchesANaiveTrainer) {
    const char* path = "../shared/data/text/tinyshakespeare.txt";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing";
    std::string text = read_text(path);
    EXPECT_EQ(train(text, 1024), train_naively(text, 1024));
}

TEST(Train, ResultIsIndependentOfThreadsAndTextOrder) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += small_text.substr(static_cast<size_t>(i) % 7);
    PieceCounter first, second;
    set_threads(1);
    first.add(text);
    first.add("another text");
    set_threads(3);
    second.add("another text");
    second.add(text);
    set_threads(0);
    EXPECT_EQ(first.counts(), second.counts());
    TrainOptions options{.vocabulary = 330};
    EXPECT_EQ(tokens_of(train_tokenizer(first, options)), tokens_of(train_tokenizer(second, options)));
}

TEST(Train, ControlTokensComeLast) {
    Tokenizer tokenizer = small_tokenizer();
    EXPECT_EQ(tokenizer.bytes(359), "<|reserved_special_token_7|>");
    EXPECT_EQ(tokenizer.bytes(343), std::string(tokenizer.vocabulary().tokens[343]));
    for (std::string_view name : {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                                  "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|finetune_right_pad_id|>"})
        EXPECT_GE(tokenizer.find_control(name).value_or(-1), 344) << name;
}

TEST(Train, ImpossibleOptionsAreRejected) {
    PieceCounter counter;
    counter.add("abc");
    EXPECT_THAT(error_of([&] { train_tokenizer(counter, {.vocabulary = 300}); }),
                HasSubstr("pairs for 274 tokens only"));
    EXPECT_THAT(error_of([&] { train_tokenizer(counter, {.vocabulary = 260}); }), HasSubstr("too small"));
    EXPECT_THAT(error_of([&] { train_tokenizer(counter, {.vocabulary = int64_t{1} << 40}); }), HasSubstr("too large"));
    EXPECT_THAT(error_of([&] { train_tokenizer(counter, {.control_tokens = -1}); }), HasSubstr("control"));
}

}  // namespace
}  // namespace puna
