#include "data/loader.h"
#include "chat/template_files.h"

#include "data/set_writer.h"
#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace puna {

namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

struct TestDocument {
    std::vector<int32_t> ids;
    std::vector<uint8_t> loss_mask = {};
};

// Writes a set of the given documents.
void write_set(const fs::path& folder, const std::vector<TestDocument>& documents) {
    SetWriter writer(folder, small_tokenizer(), llama3_chat_template(small_tokenizer()),
                     {.conversations = !documents[0].loss_mask.empty()});
    for (const TestDocument& document : documents) writer.add(document.ids, document.loss_mask, 0, 0);
    writer.finish({{"by hand"}});
}

// Many documents of text, or of conversations.
void pack_many(const PackFolder& folder, bool conversations) {
    std::string lines;
    for (int i = 0; i < 1500; ++i) {
        std::string text = some_text(i, 1 + i % 7);
        text = text.substr(0, text.find('\n'));
        lines +=
            conversations
                ? fmt::format(
                      R"({{"messages": [{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "{}"}}]}})",
                      i, text)
                : fmt::format(R"({{"text": "{} {}"}})", i, text);
        lines += '\n';
    }
    folder.pack(folder.write("x.jsonl", lines));
}

void expect_same(const TrainingRows& a, const TrainingRows& b) {
    EXPECT_EQ(a.tokens, b.tokens);
    EXPECT_EQ(a.targets, b.targets);
    EXPECT_EQ(a.starts, b.starts);
    EXPECT_EQ(a.trained, b.trained);
    EXPECT_EQ(a.bytes, b.bytes);
}

void append(TrainingRows& rows, const TrainingRows& more) {
    for (int64_t start : more.starts) rows.starts.push_back(start + static_cast<int64_t>(rows.tokens.size()));
    rows.tokens.insert(rows.tokens.end(), more.tokens.begin(), more.tokens.end());
    rows.targets.insert(rows.targets.end(), more.targets.begin(), more.targets.end());
    rows.trained += more.trained;
    rows.bytes += more.bytes;
}

std::multiset<std::vector<int32_t>> rows_of_epoch(const Loader& loader, int64_t epoch) {
    std::multiset<std::vector<int32_t>> rows;
    for (int64_t i = 0; i < loader.rows_per_epoch(); ++i)
        rows.insert(loader.read(epoch * loader.rows_per_epoch() + i, 1).tokens);
    return rows;
}

std::vector<std::vector<int32_t>> first_rows(const Loader& loader, int64_t first, int64_t n) {
    std::vector<std::vector<int32_t>> rows;
    for (int64_t i = first; i < first + n; ++i) rows.push_back(loader.read(i, 1).tokens);
    return rows;
}

int64_t kilobytes(const std::string& what) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(what + ":")) return std::stoll(line.substr(what.size() + 1));
    return -1;
}

// A set of `shards` sparse files of 256 MB, 1,000 documents each, that use almost no disk space.
void write_sparse_set(const fs::path& folder, bool conversations, int64_t shards) {
    write_set(folder, {conversations ? TestDocument{{1, 2}, {0, 1}} : TestDocument{{1, 2}}});
    SetIndex index = ShardSet(folder).index();
    constexpr int64_t tokens = 128 << 20, documents = 1000;
    std::vector<uint64_t> ends;
    for (int64_t d = 1; d <= documents; ++d) ends.push_back(static_cast<uint64_t>(d * tokens / documents));
    index.documents = documents * shards;
    index.tokens = tokens * shards;
    index.shards.assign(static_cast<size_t>(shards), {documents, tokens, 0});
    for (int64_t i = 0; i < shards; ++i) {
        ShardHeader header{.vocabulary = static_cast<uint32_t>(index.vocabulary),
                           .token_bytes = 2,
                           .masked = conversations,
                           .documents = static_cast<uint64_t>(documents),
                           .tokens = static_cast<uint64_t>(tokens),
                           .tokenizer = index.tokenizer};
        fs::path path = folder / shard_name(static_cast<size_t>(i));
        std::ofstream file(path, std::ios::binary | std::ios::trunc);
        file.write(reinterpret_cast<const char*>(&header), sizeof header);
        file.write(reinterpret_cast<const char*>(ends.data()), static_cast<std::streamsize>(ends.size() * 8));
        file.close();
        fs::resize_file(path, sizeof header + documents * 8 + tokens * 2 + (conversations ? tokens / 8 : 0));
    }
    write_file(folder / "index.json", set_index_json(index));
}

}  // namespace

TEST(Loader, TextIsSplitEveryLengthTokens) {
    TestFolder folder;
    write_set(folder.path(), {{{1, 2, 3}}, {{4, 5, 6, 7, 8}}, {{9, 10}}});
    Loader loader(folder.path(), {.length = 4, .shuffle = false});
    ASSERT_EQ(loader.rows_per_epoch(), 3);
    int32_t pad = small_tokenizer().padding();
    TrainingRows rows = loader.read(0, 3);
    EXPECT_EQ(rows.tokens, (std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, pad, pad}));
    EXPECT_EQ(rows.targets, (std::vector<int32_t>{2, 3, -1, 5, 6, 7, 8, -1, 10, -1, -1, -1}));
    EXPECT_EQ(rows.starts, (std::vector<int64_t>{0, 3, 4, 8, 10}));
    EXPECT_EQ(rows.trained, 7);
    EXPECT_EQ(rows.bytes, 7);  // ids below 256 are single bytes
}

TEST(Loader, FindsIdsBeyondAModelsVocabulary) {
    TestFolder folder;
    write_set(folder.path(), {{{1, 2, 3}}, {{4, 359, 6}}});
    Loader loader(folder.path(), {.length = 4});
    int32_t pad = small_tokenizer().padding();
    ASSERT_LT(pad, 359);
    EXPECT_EQ(loader.find_id_from(359), 359);
    EXPECT_EQ(loader.find_id_from(360), std::nullopt);
    EXPECT_EQ(loader.find_id_from(pad), pad) << "the padding token";
}

TEST(Loader, ConversationsArePackedWithoutSplitting) {
    TestFolder folder;
    write_set(folder.path(),
              {{{1, 2, 3}, {0, 1, 1}}, {{4, 5, 6, 7, 8, 9, 10}, {0, 0, 1, 1, 1, 1, 1}}, {{11, 12}, {0, 1}}});
    Loader loader(folder.path(), {.length = 6, .shuffle = false});
    int32_t pad = small_tokenizer().padding();
    ASSERT_EQ(loader.rows_per_epoch(), 2);
    TrainingRows rows = loader.read(0, 2);
    EXPECT_EQ(rows.tokens, (std::vector<int32_t>{4, 5, 6, 7, 8, 9, 1, 2, 3, 11, 12, pad}));
    EXPECT_EQ(rows.targets, (std::vector<int32_t>{-1, 6, 7, 8, 9, 10, 2, 3, -1, 12, -1, -1}));
    EXPECT_EQ(rows.starts, (std::vector<int64_t>{0, 6, 9, 11}));
    EXPECT_EQ(loader.truncated(), 1);
}

TEST(Loader, AnEpochCoversEveryByteOnce) {
    PackFolder folder;
    pack_many(folder, false);
    Loader loader(folder.packed(), {.length = 33, .seed = 4});
    TrainingRows rows = loader.read(loader.rows_per_epoch(), loader.rows_per_epoch());
    EXPECT_EQ(rows.trained, loader.set().index().trained);
    EXPECT_EQ(rows.bytes, loader.set().index().bytes);
}

TEST(Loader, AnEpochOfConversationsCoversEachAnswerOnceWithLittlePadding) {
    PackFolder folder;
    pack_many(folder, true);
    Loader loader(folder.packed(), {.length = 200, .seed = 4});
    TrainingRows rows = loader.read(0, loader.rows_per_epoch());
    EXPECT_EQ(loader.truncated(), 0);
    EXPECT_EQ(rows.trained, loader.set().index().trained);
    EXPECT_LT(rows.tokens.size(), static_cast<size_t>(loader.set().index().tokens) * 6 / 5);
    for (size_t i = 0; i < rows.tokens.size(); i += 200) EXPECT_EQ(rows.tokens[i], small_tokenizer().begin_of_text());
}

TEST(Loader, EachEpochIsADifferentPermutationOfTheRows) {
    for (bool conversations : {false, true}) {
        PackFolder folder;
        pack_many(folder, conversations);
        Loader loader(folder.packed(), {.length = 64, .seed = 1}), other(folder.packed(), {.length = 64, .seed = 2});
        Loader plain(folder.packed(), {.length = 64, .shuffle = false});
        int64_t n = loader.rows_per_epoch();
        auto rows = rows_of_epoch(plain, 0);
        EXPECT_EQ(rows_of_epoch(loader, 0), rows);
        EXPECT_EQ(rows_of_epoch(loader, 1), rows);
        EXPECT_EQ(rows_of_epoch(other, 0), rows);
        EXPECT_NE(first_rows(loader, 0, 20), first_rows(loader, n, 20));
        EXPECT_NE(first_rows(loader, 0, 20), first_rows(other, 0, 20));
        EXPECT_EQ(first_rows(plain, 0, 20), first_rows(plain, n, 20));
    }
}

TEST(Loader, RowsDependOnlyOnTheirPosition) {
    for (bool conversations : {false, true}) {
        PackFolder folder;
        pack_many(folder, conversations);
        LoaderOptions options{.length = 50, .seed = 3};
        Loader loader(folder.packed(), options);
        int64_t n = loader.rows_per_epoch() * 2 + 5;
        TrainingRows whole = loader.read(0, n), steps;
        for (int64_t at = 0; at < n;) {
            int64_t count = std::min(n - at, 1 + at % 131);
            append(steps, Loader(folder.packed(), options).read(at, count));  // as after a restart
            at += count;
        }
        expect_same(steps, whole);
    }
}

TEST(Loader, AnyNumberOfRanksReadsTheSameRows) {
    PackFolder folder;
    pack_many(folder, false);
    Loader loader(folder.packed(), {.length = 32, .seed = 3});
    constexpr int64_t step = 12;  // rows per step, over all ranks
    for (int64_t ranks : {1, 2, 3}) {
        TrainingRows together;
        for (int64_t s = 0; s < 10; ++s) {
            for (int64_t rank = 0; rank < ranks; ++rank) {
                Loader own(folder.packed(), {.length = 32, .seed = 3});
                append(together, own.read(s * step + rank * step / ranks, step / ranks));
            }
        }
        expect_same(together, loader.read(0, 10 * step));
    }
}

TEST(Loader, OpeningTwentyGigabytesTakesLittleMemory) {
    for (bool conversations : {false, true}) {
        TestFolder folder;
        write_sparse_set(folder.path(), conversations, 80);
        EXPECT_GT(ShardSet(folder.path()).index().tokens * 2, int64_t{20} * 1000 * 1000 * 1000);
        pid_t child = ::fork();  // it has no thread pool and needs none: each shard is one block
        if (child == 0) {
            rlim_t limit =
                static_cast<rlim_t>(kilobytes("VmData") + 50 * 1024) * 1024;  // for the child's own allocations
            rlimit data{limit, limit};
            if (::setrlimit(RLIMIT_DATA, &data) != 0) ::_exit(2);
            Loader loader(folder.path(), {.length = 4096, .seed = 1});
            TrainingRows rows = loader.read(loader.rows_per_epoch() / 2, 100);
            ::_exit(rows.tokens.size() == 409600 ? 0 : 1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0) << (conversations ? "conversations" : "text");
    }
}

TEST(Loader, ErrorsAreOneLine) {
    PackFolder folder;
    folder.pack(folder.write("x.txt", "a cat"));
    EXPECT_THAT(error_of([&] { Loader loader(folder.packed(), {.length = 0}); }),
                HasSubstr("cannot use rows of 0 tokens"));
    fs::path tokenizer = fs::path(folder.packed()) / "tokenizer.json";
    write_file(tokenizer, read_text(tokenizer) + "\n");
    EXPECT_THAT(error_of([&] { Loader loader(folder.packed(), {}); }),
                HasSubstr("is not the tokenizer that the set was packed with"));
    fs::remove(tokenizer);
    EXPECT_NE(error_of([&] { Loader loader(folder.packed(), {}); }), "no error");
    EXPECT_THAT(error_of([&] { Loader loader(folder / "nowhere", {}); }), HasSubstr("no such folder"));
}

}  // namespace puna
