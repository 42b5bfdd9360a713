#include "nn/cache.h"

#include "core/random.h"
#include "kernels/testing/tables.h"
#include "nn/ops.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace puna {
namespace {

constexpr int64_t T = 150, layer = 1;
constexpr AttentionShape shape{4, 2, 12};
constexpr int64_t dim = 48, kv_dim = 24;

// Random queries, keys and values of a sequence of 150 tokens.
struct RandomQkv {
    Arena arena{choose_kernels()};
    Tensor q, k, v;

    explicit RandomQkv(uint64_t seed) {
        Random random(seed);
        auto normal = [&](int64_t columns) {
            Tensor x = arena.tensor(Dtype::f32, {T, columns});
            for (float& value : x.span<float>()) value = random.normal();
            return x;
        };
        q = normal(dim), k = normal(kv_dim), v = normal(kv_dim);
    }
};

// n tokens of a sequence, from position `past` on; several make a batch.
struct Chunk {
    const RandomQkv* qkv;
    int64_t past, n;
    int32_t page = 0;  // the first of its own
};

std::vector<float> attend(const Kernels& kernels, KvCache* cache, const std::vector<Chunk>& chunks) {
    Batch batch;
    batch.cache = cache;
    int64_t rows = 0;
    for (const Chunk& p : chunks) {
        batch.sequences.push_back(
            {.first = rows, .n = p.n, .past = cache ? p.past : 0, .pages = consecutive_pages(p.page, p.past + p.n)});
        rows += p.n;
    }
    Pass pass(kernels);
    pass.begin(batch);
    auto gather = [&](Tensor RandomQkv::*of, int64_t columns) {
        Value all = pass.empty({rows, columns});
        for (size_t i = 0; i < chunks.size(); ++i) {
            Tensor from = (chunks[i].qkv->*of).slice(chunks[i].past, chunks[i].n);
            kernels.copy({}, all.data.slice(batch.sequences[i].first, chunks[i].n).data, from.data,
                         static_cast<size_t>(from.bytes()));
        }
        return all;
    };
    Value q = gather(&RandomQkv::q, dim), k = gather(&RandomQkv::k, kv_dim), v = gather(&RandomQkv::v, kv_dim);
    std::span<float> result = attention(pass, q, k, v, layer, shape).data.span<float>();
    return {result.begin(), result.end()};
}

TEST(KvCache, ChunkedPrefillIsBitIdenticalToOnePass) {
    RandomQkv qkv(1);
    for (const Kernels* table : test_tables()) {
        std::vector<float> full = attend(*table, nullptr, {{&qkv, 0, T}});
        for (int64_t chunk : {1, 7, 64, 100}) {
            KvCache cache(*table, 2, pages_for(T), shape);
            std::vector<float> chunked;
            for (int64_t first = 0; first < T; first += chunk) {
                std::vector<float> rows = attend(*table, &cache, {{&qkv, first, std::min(chunk, T - first)}});
                chunked.insert(chunked.end(), rows.begin(), rows.end());
            }
            EXPECT_EQ(chunked, full) << table->name << " in chunks of " << chunk;
        }
    }
}

TEST(KvCache, SequencesInDifferentPagesAreIndependent) {
    RandomQkv one(1), two(2);
    const Kernels& kernels = choose_kernels();
    KvCache cache(kernels, 2, 5, shape);
    attend(kernels, &cache, {{&one, 0, 40, 3}, {&two, 0, 90, 1}});
    std::vector<float> both = attend(kernels, &cache, {{&two, 90, 1, 1}, {&one, 40, 30, 3}});
    std::vector<float> alone_one = attend(kernels, nullptr, {{&one, 0, 70}}),
                       alone_two = attend(kernels, nullptr, {{&two, 0, 91}});
    std::vector<float> expected(alone_two.end() - dim, alone_two.end());
    expected.insert(expected.end(), alone_one.end() - 30 * dim, alone_one.end());
    EXPECT_EQ(both, expected);
}

TEST(KvCache, MissingAndUnknownPagesAreABug) {
    RandomQkv qkv(1);
    KvCache cache(choose_kernels(), 2, 1, shape);
    EXPECT_NO_THROW(attend(choose_kernels(), &cache, {{&qkv, 0, 64}}));
    EXPECT_THROW(attend(choose_kernels(), &cache, {{&qkv, 64, 1}}), Bug);
    EXPECT_THROW(attend(choose_kernels(), &cache, {{&qkv, 0, 1, 1}}), Bug);
}

}  // namespace
}  // namespace puna
