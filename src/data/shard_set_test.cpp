#include "data/shard_set.h"

#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace puna {

namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

void replace_bytes(const fs::path& path, size_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

template <class T>
std::string as_bytes(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

// A packed set of five documents in one shard.
class PackedSet : public PackFolder {
 public:
    PackedSet() {
        std::string text;
        for (int i = 0; i < 5; ++i) text += some_text(i, 10 + i) + "<|endoftext|>\n";
        pack(write("x.txt", text));
    }
    fs::path shard() const { return fs::path(packed()) / "00000.tokens"; }

    // Opens the set and reads everything.
    std::string error() const {
        return error_of([&] {
            ShardSet set(packed());
            std::vector<int32_t> ids(static_cast<size_t>(set.index().tokens));
            set.read(0, ids);
            set.documents_between(0, set.index().tokens);
            for (const Shard& shard : set.shards())
                for (int64_t t = 0; t < shard.tokens(); ++t) shard.document_at(t);
        });
    }
};

void expect_one_line(const std::string& message, std::string_view place, std::string_view reason) {
    EXPECT_THAT(message, HasSubstr(place));
    EXPECT_THAT(message, HasSubstr(reason));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
}

}  // namespace

TEST(ShardSet, ReadsAcrossShards) {
    PackFolder folder;
    std::string text;
    for (int i = 0; i < 40; ++i) text += some_text(i, 3000) + "<|endoftext|>\n";
    folder.pack(folder.write("x.txt", text), {.shard_megabytes = 1});
    ShardSet set(folder.packed());
    ASSERT_GT(set.shards().size(), 2u);
    std::vector<int32_t> all(static_cast<size_t>(set.index().tokens));
    set.read(0, all);
    std::vector<int64_t> begins = set.documents_between(0, set.index().tokens);
    EXPECT_EQ(begins.size(), 40u);
    for (int64_t begin : begins) EXPECT_EQ(all[static_cast<size_t>(begin)], small_tokenizer().begin_of_text());

    int64_t boundary = set.shards()[0].tokens();
    std::vector<int32_t> some(20);
    set.read(boundary - 10, some);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + boundary - 10));
    EXPECT_EQ(set.documents_between(boundary, boundary + 1), std::vector<int64_t>{boundary});
    EXPECT_TRUE(set.documents_between(boundary + 1, boundary + 5).empty());
    for (int64_t t = 0; t < 3000; t += 7) {
        int64_t document = set.shards()[0].document_at(t);
        EXPECT_LE(set.shards()[0].document_begin(document), t);
        EXPECT_GT(set.shards()[0].document_end(document), t);
    }
}

TEST(ShardSet, TheIndexRoundTrips) {
    SetIndex index{.conversations = true,
                   .vocabulary = 7,
                   .tokenizer = 0xfedcba9876543210,
                   .documents = 3,
                   .tokens = 10,
                   .trained = 4,
                   .bytes = 50,
                   .shards = {{1, 4, 1}, {2, 6, 0xffffffffffffffff}}};
    std::string text = set_index_json(index);
    EXPECT_EQ(set_index_json(parse_set_index(text, "index.json")), text);
}

TEST(ShardSet, EveryFlippedHeaderBitIsDetected) {
    PackedSet set;
    ASSERT_EQ(set.error(), "no error");
    std::string header = read_text(set.shard()).substr(0, sizeof(ShardHeader));
    for (size_t bit = 0; bit < header.size() * 8; ++bit) {
        std::string damaged = header;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        replace_bytes(set.shard(), 0, damaged);
        std::string message = set.error();
        ASSERT_NE(message, "no error") << bit;
        expect_one_line(message, "00000.tokens", "pack");
    }
}

TEST(ShardSet, AShardOfTheWrongSizeIsDetected) {
    PackedSet set;
    auto size = fs::file_size(set.shard());
    for (auto wrong : {size + 1, size - 1, size / 2, uintmax_t{64}, uintmax_t{63}, uintmax_t{0}}) {
        fs::resize_file(set.shard(), wrong);
        expect_one_line(set.error(), "00000.tokens", "pack it again");
        EXPECT_EQ(error_kind_of([&] { ShardSet(set.packed()); }), ErrorKind::damaged);
    }
    fs::remove(set.shard());
    expect_one_line(set.error(), "00000.tokens", "cannot open: No such file or directory");
}

TEST(ShardSet, AShardThatBecomesShorterIsDetectedOnReading) {
    PackedSet set;
    ShardSet opened(set.packed());
    std::vector<int32_t> ids(4);
    opened.read(0, ids);
    fs::resize_file(set.shard(), fs::file_size(set.shard()) - 1);
    expect_one_line(error_of([&] { opened.read(0, ids); }), set.shard().string(), "became shorter");
}

TEST(ShardSet, DamagedDocumentsAreDetectedOnReading) {
    PackedSet set;
    std::string table = read_text(set.shard()).substr(sizeof(ShardHeader), 5 * 8);
    for (uint64_t wrong : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, ~uint64_t{0}, uint64_t{100000}}) {
        for (size_t document : {1u, 2u, 4u}) {
            replace_bytes(set.shard(), sizeof(ShardHeader), table);
            replace_bytes(set.shard(), sizeof(ShardHeader) + document * 8, as_bytes(wrong));
            expect_one_line(set.error(), "00000.tokens", "is damaged: pack it again");
        }
    }
}

TEST(ShardSet, AnIdOutsideTheVocabularyIsDetectedOnReading) {
    PackedSet set;
    replace_bytes(set.shard(), sizeof(ShardHeader) + 5 * 8 + 2 * 17, as_bytes(uint16_t{360}));
    expect_one_line(set.error(), "00000.tokens", "token 17 has id 360, but the vocabulary size is 360");
}

TEST(ShardSet, VerifyDetectsAnyChangedByte) {
    PackedSet set;
    auto size = fs::file_size(set.shard());
    std::string last = read_text(set.shard()).substr(size - 2);
    replace_bytes(set.shard(), size - 2,
                  last == as_bytes(uint16_t{65}) ? as_bytes(uint16_t{66}) : as_bytes(uint16_t{65}));
    EXPECT_EQ(set.error(), "no error");
    expect_one_line(error_of([&] { ShardSet(set.packed()).verify([](int64_t) {}); }), "00000.tokens", "hash mismatch");
}

TEST(ShardSet, ADamagedIndexIsAnErrorOrHarmless) {
    PackedSet set;
    fs::path path = fs::path(set.packed()) / "index.json";
    std::string good = read_text(path);
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string damaged = good;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        std::ofstream(path) << damaged;
        std::string message = set.error();  // a Bug would fail the test
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    }
    for (size_t size = 0; size + 2 < good.size(); ++size) {
        std::ofstream(path) << good.substr(0, size);
        EXPECT_NE(set.error(), "no error") << size;
    }
}

TEST(ShardSet, AnInconsistentIndexIsRejected) {
    std::string good =
        set_index_json({.vocabulary = 7, .tokenizer = 1, .documents = 1, .tokens = 4, .shards = {{1, 4, 1}}});
    auto error_after = [&](std::string_view from, std::string_view to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        return error_of([&] { parse_set_index(text, "index.json"); });
    };
    EXPECT_EQ(error_of([&] { parse_set_index(good, "index.json"); }), "no error");
    expect_one_line(error_after("\"version\": 1", "\"version\": 2"), "index.json",
                    "has format version 2, this program reads version 1");
    expect_one_line(error_after("\"text\"", "\"pictures\""), "index.json", "'contents' must be text or conversations");
    expect_one_line(error_after("\"documents\": 1", "\"documents\": 2"), "index.json",
                    "do not add up to 4 tokens in 2 documents");
    expect_one_line(error_after("\"tokens\": 4", "\"tokens\": -4"), "index.json", "'tokens' is -4");
    expect_one_line(error_after("\"trained\": 0", "\"trained\": 5"), "index.json", "pack the set again");
    expect_one_line(error_after("0000000000000001", "1"), "index.json", "is not a hash");
    expect_one_line(error_after("{\"documents\": 1, \"tokens\": 4, \"hash\": \"0000000000000001\"}", ""), "index.json",
                    "pack the set again");
}

TEST(ShardSet, OtherFoldersAreRejected) {
    TestFolder folder;
    expect_one_line(error_of([] { ShardSet set("no/such"); }), "no/such", "no such folder");
    expect_one_line(error_of([&] { ShardSet set(folder.path()); }), "puna-test", "has no index.json");
}

}  // namespace puna
