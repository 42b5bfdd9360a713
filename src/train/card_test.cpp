#include "train/card.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "train/metrics.h"

#include <gtest/gtest.h>

namespace puna {
namespace {

SetIndex write_set(const std::filesystem::path& folder, int sources) {
    SetIndex index{.vocabulary = 300,
                   .tokenizer = 0x39eb51c14400bc8c,
                   .documents = 290,
                   .tokens = 19464,
                   .trained = 19000,
                   .bytes = 39554};
    index.shards = {{290, 19464, 1}};
    make_folder(folder);
    write_file(folder / "index.json", set_index_json(index));
    std::string lines;
    for (int i = 0; i < sources; ++i)
        lines += fmt::format(
            "{{\"name\":\"/somewhere/"
            "text{}.txt\",\"hash\":\"404001801dcede3e\",\"documents\":7,\"tokens\":70,\"bytes\":1500}}\n",
            i);
    write_file(folder / "sources.jsonl", lines);
    return index;
}

// The card of a model of two layers that was trained from another, which the recipe's shape says nothing of.
std::string card_of(const TestFolder& folder, int sources) {
    SetIndex index = write_set(folder / "stories", sources);
    write_set(folder / "stories/validation", 1);
    make_folder(folder / "out");
    write_file(folder / "out/metrics.jsonl", to_line(StepMetrics{1, 3, 1e-3, 1, 500, 2, 1.25}) + "\n");
    write_file(folder / "out/timing.jsonl", to_line(StepTiming{1, 90, 48'000, 0.456}) + "\n");
    Recipe recipe;
    recipe.data = (folder / "stories").string();
    recipe.validation = (folder / "stories/validation").string();
    recipe.from = (folder / "base/").string();
    Config config{.dim = 32,
                  .layers = 2,
                  .heads = 4,
                  .kv_heads = 2,
                  .head_dim = 8,
                  .ffn = 64,
                  .vocabulary = 300,
                  .context = 64,
                  .tied = true};
    write_card((folder / "out").string() + "/", recipe, config, index, {"from step 1 on: steps = 3 instead of 2"});
    return read_text(folder / "out/README.md");
}

bool says(const std::string& card, std::string_view what) { return card.find(what) != card.npos; }

TEST(Card, HasTheShapeOfTheModelAndNotOfTheRecipe) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_TRUE(says(card, "# out\n") && says(card, ": 2 layers of 32 numbers"));
    EXPECT_TRUE(says(card, "dim = 32\nlayers = 2\nheads = 4\nkv_heads = 2\nffn = 64\ncontext = 64\ntied = true\n"));
    Recipe again;
    size_t begin = card.find("```toml\n") + 8;
    parse_recipe(again, std::string_view(card).substr(begin, card.rfind("```") - begin), "the card");
    EXPECT_EQ(again.dim, 32);
}

TEST(Card, NamesWhatTheModelWasMadeOf) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_TRUE(card.starts_with("---\nlibrary_name: transformers\n"));
    EXPECT_TRUE(says(card, "- from: the model `base`\n"));
    EXPECT_TRUE(says(card, "It was changed on the way:\n\n- from step 1 on: steps = 3 instead of 2\n"));
    EXPECT_TRUE(says(card,
                     "- training set: `stories`, 290 documents, 19464 tokens, 39.6 kB of text\n"
                     "  - `text0.txt` (XXH3 404001801dcede3e): 7 documents, 70 tokens, 1.5 kB\n"));
    EXPECT_TRUE(says(card, "validation set: `stories/validation`, 290 documents"));
    EXPECT_TRUE(says(card, "XXH3 39eb51c14400bc8c of its tokenizer.json"));
    EXPECT_FALSE(says(card, folder.path().string()) || says(card, "/somewhere"));
    TestFolder many;
    std::string of_many = card_of(many, 21);
    EXPECT_TRUE(says(of_many, "- 21 sources, listed in its sources.jsonl") && !says(of_many, "text20.txt"));
}

TEST(Card, SaysWhatWasMeasured) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_TRUE(says(card, "1 steps on 500 trained tokens") && says(card, "at the end: 3.0000 nats"));
    EXPECT_TRUE(says(
        card, "- validation: 2.0000 nats a token, 1.2500 bits a byte, on at most its first 64 rows of 512 tokens"));
    EXPECT_TRUE(says(card, "- time: 1 min 30 s in steps") &&
                says(card, "median 48000 tokens a second, 45.6 % of the machine's bf16 peak"));
    EXPECT_TRUE(
        says(card, "Weights are stored as bf16; the validation below was computed with the recipe's type, bf16."));
}

TEST(Card, KnowsAFolderByItsLastName) {
    EXPECT_EQ(public_name("/home/someone/stories"), "stories");
    EXPECT_EQ(public_name("packed/stories/"), "stories");
    EXPECT_EQ(public_name("packed/stories/validation"), "stories/validation");
    EXPECT_EQ(public_name("packed/../stories/."), "stories");
}

}  // namespace
}  // namespace puna
