#include "train/card.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "train/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

SetIndex write_set(const std::filesystem::path& folder, int sources, bool conversations) {
    SetIndex index{.vocabulary = 300,
                   .tokenizer = 0x39eb51c14400bc8c,
                   .documents = 290,
                   .tokens = 19464,
                   .trained = 19000,
                   .bytes = 39554};
    index.conversations = conversations;
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

// The card of a two-layer model that was trained from another, so that the recipe's shape is ignored.
std::string card_of(const TestFolder& folder, int sources, const std::string& name = "out",
                    bool conversations = false) {
    SetIndex index = write_set(folder / "stories", sources, conversations);
    write_set(folder / "stories/validation", 1, conversations);
    make_folder(folder / name);
    write_file(folder / name / "metrics.jsonl", to_line(StepMetrics{1, 3, 1e-3, 1, 500, 2, 1.25}) + "\n");
    write_file(folder / name / "timing.jsonl", to_line(StepTiming{1, 90, 48'000, 0.456}) + "\n");
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
    write_card((folder / name).string() + "/", {.recipe = recipe,
                                                .config = config,
                                                .data = index,
                                                .changes = {"from step 1 on: steps = 3 instead of 2"},
                                                .kernels = "scalar"});
    return read_text(folder / name / "README.md");
}

TEST(Card, ShowsTheShapeOfTheModelNotOfTheRecipe) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_THAT(card, AllOf(HasSubstr("# out\n"), HasSubstr(": 2 layers, hidden size 32")));
    EXPECT_THAT(card,
                HasSubstr("dim = 32\nlayers = 2\nheads = 4\nkv_heads = 2\nffn = 64\ncontext = 64\ntied = true\n"));
    Recipe again;
    size_t begin = card.find("```toml\n") + 8;
    parse_recipe(again, std::string_view(card).substr(begin, card.rfind("```") - begin), "the card");
    EXPECT_EQ(again.dim, 32);
    EXPECT_THAT(card, AllOf(HasSubstr("\nsteps = "), Not(HasSubstr("\nepochs = ")))) << "puna train rejects both";
}

TEST(Card, ListsTheBaseModelAndTheData) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_THAT(card,
                StartsWith("---\nlibrary_name: transformers\npipeline_tag: text-generation\nbase_model: \"base\"\n"));
    EXPECT_THAT(card, HasSubstr("- initial weights: the model `base`\n"));
    EXPECT_THAT(card, HasSubstr("Changed during the run:\n\n- from step 1 on: steps = 3 instead of 2\n"));
    EXPECT_THAT(card, HasSubstr("- training set: `stories`, 290 documents, 19,464 tokens, 39.6 kB of text\n"
                                "  - `text0.txt` (XXH3 404001801dcede3e): 7 documents, 70 tokens, 1.5 kB\n"));
    EXPECT_THAT(card, HasSubstr("validation set: `stories/validation`, 290 documents"));
    EXPECT_THAT(card, HasSubstr("tokenizer.json XXH3 39eb51c14400bc8c"));
    EXPECT_THAT(card, AllOf(Not(HasSubstr(folder.path().string())), Not(HasSubstr("/somewhere"))));
    TestFolder many;
    std::string of_many = card_of(many, 21);
    EXPECT_THAT(of_many, AllOf(HasSubstr("- 21 sources, listed in its sources.jsonl"), Not(HasSubstr("text20.txt"))));
}

TEST(Card, ShowsHowToUseTheModel) {
    TestFolder folder;
    std::string text = card_of(folder, 1);
    EXPECT_THAT(text, AllOf(HasSubstr("not trained on conversations"), HasSubstr("puna generate ./out \"Once"),
                            HasSubstr("from_pretrained(\"./out\")"), Not(HasSubstr("chat"))));
    write_file(folder / "out/chat_template.jinja", "x");
    EXPECT_THAT(card_of(folder, 1), AllOf(HasSubstr("puna chat ./out\n"), HasSubstr("apply_chat_template(messages")));
}

TEST(Card, CommandsTakeAnyFolderName) {
    TestFolder folder;
    std::string card = card_of(folder, 1, "my \"mod'el", true);
    EXPECT_THAT(card, HasSubstr("\npuna chat './my \"mod'\\''el'\n"));
    EXPECT_THAT(card, HasSubstr("from_pretrained(\"./my \\\"mod'el\")\n"));
}

TEST(Card, CountsConversations) {
    TestFolder folder;
    std::string card = card_of(folder, 1, "out", true);
    EXPECT_THAT(card, HasSubstr("- training set: `stories`, 290 conversations, 19,464 tokens, 39.6 kB of text\n"
                                "  - `text0.txt` (XXH3 404001801dcede3e): 7 conversations, "));
    EXPECT_THAT(card, Not(HasSubstr("290 documents")));
}

TEST(Card, ShowsTheMetrics) {
    TestFolder folder;
    std::string card = card_of(folder, 1);
    EXPECT_THAT(card, AllOf(HasSubstr("1 step on 500 trained tokens"), HasSubstr("final training loss: 3.0000 nats")));
    EXPECT_THAT(
        card,
        HasSubstr(
            "- validation: 2.0000 nats per token, 1.2500 bits per byte, on at most its first 64 rows of 512 tokens"));
    EXPECT_THAT(card,
                AllOf(HasSubstr("- time: 1 min 30 s in steps"),
                      HasSubstr("median 48000 tokens per second, 45.6 % of the machine's bf16 peak; kernels: scalar")));
    EXPECT_THAT(
        card, HasSubstr("Weights are stored as bf16; the validation below was computed with the recipe's type, bf16."));
}

TEST(Card, PublicNameIsTheLastPathComponent) {
    EXPECT_EQ(public_name("/home/someone/stories"), "stories");
    EXPECT_EQ(public_name("packed/stories/"), "stories");
    EXPECT_EQ(public_name("packed/stories/validation"), "stories/validation");
    EXPECT_EQ(public_name("packed/../stories/."), "stories");
    EXPECT_EQ(public_name("/home/someone/my-model/checkpoints/step-00000050"), "my-model");
    EXPECT_EQ(public_name("/home/someone/.cache/huggingface/hub/models--meta-llama--Llama-3.2-1B/snapshots/4e20de36"),
              "meta-llama/Llama-3.2-1B");
    EXPECT_EQ(public_name("hub/models--gpt2/snapshots/607a30d7/"), "gpt2");
}

}  // namespace
}  // namespace puna
