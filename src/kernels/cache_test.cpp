#include "core/random.h"
#include "kernels/arena.h"
#include "kernels/testing/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace puna {
namespace {

std::vector<float> floats_of(Tensor x) {
    std::span<float> all = x.span<float>();
    return {all.begin(), all.end()};
}

// The last queries of a sequence of T tokens over its keys and values, in rows and in pages that are NaN until they are
// written.
struct Attended {
    const Kernels& kernels;
    Arena memory;
    AttentionShape shape;
    int64_t T, past = 0;  // queries from `past` on
    Dtype dtype;
    Tensor q, k, v, out, lse;
    std::vector<int32_t> pages;
    KvPages cache;

    Attended(const Kernels& table, AttentionShape s, int64_t tokens, Dtype type)
        : kernels(table), memory(table), shape(s), T(tokens), dtype(type) {
        Random random(4);
        int64_t dim = s.heads * s.head_dim, kv_dim = s.kv_heads * s.head_dim;
        q = memory.tensor(Dtype::f32, {T, dim}), out = memory.tensor(Dtype::f32, {T, dim});
        k = memory.tensor(Dtype::f32, {T, kv_dim}), v = memory.tensor(Dtype::f32, {T, kv_dim});
        lse = memory.tensor(Dtype::f32, {T, s.heads});
        for (Tensor x : {q, k, v})
            for (float& value : x.span<float>()) value = random.normal();
        pages.resize(static_cast<size_t>(pages_for(T)));
        std::iota(pages.rbegin(), pages.rend(), 1);
        int64_t bytes = kernels.page_bytes(shape, dtype);
        Tensor pool = memory.tensor(Dtype::u8, {bytes * (static_cast<int64_t>(pages.size()) + 1)});
        std::memset(pool.data, 0xff, static_cast<size_t>(pool.bytes()));
        cache = {static_cast<std::byte*>(pool.data), bytes, dtype};
    }

    // Over rows, which are rounded as in the cache.
    std::vector<float> over_rows() {
        for (Tensor x : {k, v})
            if (dtype == Dtype::bf16)
                for (float& value : x.span<float>()) value = static_cast<float>(bf16(value));
        AttentionSpan span{.first = past, .n = T - past, .keys = T, .k = k.as<float>(), .v = v.as<float>()};
        kernels.attention({}, out, lse, q, {&span, 1}, shape);
        return floats_of(out.slice(past, T - past));
    }
    std::vector<float> over_pages(int64_t chunk) {
        AttentionSpan before{.first = 0, .n = past, .keys = past, .cache = cache, .pages = pages};
        kernels.append_kv({}, k, v, {&before, 1}, shape);
        for (int64_t first = past; first < T; first += chunk) {
            int64_t n = std::min(chunk, T - first);
            AttentionSpan span{.first = first, .n = n, .keys = first + n, .cache = cache, .pages = pages};
            kernels.append_kv({}, k, v, {&span, 1}, shape);
            kernels.attention({}, out, lse, q, {&span, 1}, shape);
        }
        return floats_of(out.slice(past, T - past));
    }
};

TEST(KvPages, AreAsPreciseAsRowsOfTheirTypeInEveryTableShapeAndChunking) {
    for (const Kernels* table : test_tables())
        for (AttentionShape shape :
             {AttentionShape{6, 2, 20}, {4, 4, 64}, {8, 1, 6}, {3, 1, 130}, {2, 1, 100}, {2, 2, 52}, {1, 1, 256}})
            for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
                Attended attended(*table, shape, 140, dtype);
                attended.past = 50;
                std::vector<float> expected = attended.over_rows();
                for (int64_t chunk : {1, 7, 90}) {
                    Attended other(*table, shape, 140, dtype);
                    other.past = 50;
                    EXPECT_EQ(other.over_pages(chunk), expected)
                        << table->name << " " << shape.heads << " heads of " << shape.head_dim << ", "
                        << info(dtype).name << " in chunks of " << chunk;
                }
            }
}

TEST(KvPages, HoldMoreThanOneSegmentOfKeys) {
    for (const Kernels* table : test_tables())
        for (Dtype dtype : {Dtype::f32, Dtype::bf16}) {
            Attended attended(*table, {4, 2, 8}, 2100, dtype);
            attended.past = 2040;
            std::vector<float> expected = attended.over_rows();
            EXPECT_EQ(attended.over_pages(25), expected) << table->name << " " << info(dtype).name;
        }
}

TEST(KvPages, OfBf16TakeHalfTheMemory) {
    AttentionShape shape{32, 8, 64};
    for (const Kernels* table : test_tables()) {
        EXPECT_EQ(table->page_bytes(shape, Dtype::f32), 2 * 64 * 8 * 64 * 4) << table->name;
        EXPECT_EQ(table->page_bytes(shape, Dtype::bf16), 2 * 64 * 8 * 64 * 2) << table->name;
    }
}

}  // namespace
}  // namespace puna
