// Llama 3's tokenizer against the reference implementation, which runs if ../shared exists.
#include "core/atomic_file.h"
#include "core/json.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/merge.h"
#include "tokenizer/test_tokenizer.h"
#include "tokenizer/test_unicode.h"

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace puna {
namespace {

class Llama3 : public testing::Test {
 protected:
    void SetUp() override {
        if (!has_llama3()) GTEST_SKIP() << shared_tokenizer.string() << " is missing";
    }
};

std::vector<int32_t> run_oracle(const std::filesystem::path& text) {
    std::string command = fmt::format("/usr/bin/python3 ../shared/oracle/tokenizer_reference.py {} < {}",
                                      shared_tokenizer.string(), text.string());
    std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string output;
    std::array<char, 1 << 16> buffer;
    while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) output.append(buffer.data(), n);
    std::vector<int32_t> ids;
    for (const char *at = output.data(), *end = at + output.size(); at < end; ++at) {
        int32_t id = -1;
        at = std::from_chars(at, end, id).ptr;
        ids.push_back(id);
    }
    return ids;
}

TEST_F(Llama3, EncodesTheKnownCases) {
    std::string json = read_text("../shared/data/tokenizer/llama3/cases_47.json"), text;
    std::vector<int32_t> ids;
    int cases = 0;
    read_json(json, "cases_47.json", [&](const JsonEvent& event) {
        if (event.kind == JsonEvent::begin_object) ids.clear();
        if (event.kind == JsonEvent::string) text = event.text;
        if (event.kind == JsonEvent::integer) ids.push_back(static_cast<int32_t>(event.integer_value));
        if (event.kind != JsonEvent::end_object) return;
        EXPECT_EQ(llama3().encode(text), ids) << text;
        EXPECT_EQ(llama3().decode(ids), text);
        ++cases;
    });
    EXPECT_EQ(cases, 47);
}

TEST_F(Llama3, MatchesTheReferenceForWholeFiles) {
    for (const char* name : {"war_and_peace.txt", "tinystories.txt", "tinyshakespeare.txt", "children_stories.txt"}) {
        std::filesystem::path path = std::filesystem::path("../shared/data/text") / name;
        std::string text = read_text(path);
        std::vector<int32_t> ids = llama3().encode(text);
        EXPECT_TRUE(ids == run_oracle(path)) << name;
        EXPECT_TRUE(llama3().decode(ids) == text) << name;
        if (name == std::string_view("war_and_peace.txt")) {
            EXPECT_EQ(ids.size(), 760'377u);
        }
    }
}

TEST_F(Llama3, MatchesTheReferenceForRandomUnicode) {
    TestFolder folder;
    std::string text = random_unicode(2024, 400'000);
    write_file(folder / "random.txt", text);
    std::vector<int32_t> ids = llama3().encode(text);
    EXPECT_TRUE(ids == run_oracle(folder / "random.txt"));
    EXPECT_TRUE(llama3().decode(ids) == text);
}

TEST_F(Llama3, HasTokensThatNoMergesProduce) {
    Vocabulary vocabulary = llama3().vocabulary();
    vocabulary.whole_pieces = false;
    Tokenizer merging(std::move(vocabulary));
    Merger whole(llama3().vocabulary()), merged(merging.vocabulary());
    int unreached = 0;
    for (int32_t id : llama3().vocabulary().tokens.ids()) {
        std::vector<int32_t> ids, pieces;
        whole.append(ids, llama3().bytes(id));
        merged.append(pieces, llama3().bytes(id));
        EXPECT_EQ(ids, std::vector<int32_t>{id});
        unreached += pieces != ids;
    }
    EXPECT_EQ(unreached, 588);
    EXPECT_EQ(llama3().encode(" vi\u1ec7c"), std::vector<int32_t>{100769});
}

TEST_F(Llama3, KnowsItsControlTokens) {
    EXPECT_EQ(llama3().size(), 128'256);
    EXPECT_EQ(llama3().begin_of_text(), 128'000);
    EXPECT_EQ(llama3().stop_ids(), (std::vector<int32_t>{128'001, 128'008, 128'009}));
    EXPECT_EQ(llama3().bytes(128'004), "<|finetune_right_pad_id|>");
    EXPECT_EQ(llama3().bytes(128'010), "<|python_tag|>");
    EXPECT_EQ(llama3().bytes(128'255), "<|reserved_special_token_247|>");
}

}  // namespace
}  // namespace puna
