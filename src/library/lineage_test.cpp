#include "library/lineage.h"

#include "core/atomic_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "library/gguf_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CardMetadata card(std::string_view text) { return parse_card(text, "README.md"); }

TEST(Card, HasLicenseAndBases) {
    CardMetadata one =
        card("---\nlicense: llama3.2\nbase_model: meta-llama/Llama-3.2-1B\ntags:\n- a\n---\n# Model\nlicense: none\n");
    EXPECT_EQ(one.license, "llama3.2");
    EXPECT_THAT(one.base_models, ElementsAre("meta-llama/Llama-3.2-1B"));
    CardMetadata two = card(
        "---\r\nbase_model:\r\n- a/b\r\n- \"c/d\"\r\nbase_model_relation: merge\r\nlicense: other\r\nlicense_name: "
        "mine\r\n---\r\n");
    EXPECT_THAT(two.base_models, ElementsAre("a/b", "c/d"));
    EXPECT_EQ(two.relation, "merge");
    EXPECT_EQ(two.license, "mine");
}

TEST(Card, OtherFieldsMayHoldAnything) {
    CardMetadata read = card(
        "---\nmodel-index:\n- name: x\n  results: [{license: no, base_model: [no]}]\nlicense: mit\n? [a, b]\n: c\n"
        "x: &anchor\n  license: no\ny: *anchor\nbase_model: [a/b, {no: no}, [no], e/f]\n---\n");
    EXPECT_EQ(read.license, "mit");
    EXPECT_THAT(read.base_models, ElementsAre("a/b", "e/f"));
}

TEST(Card, WithoutFieldsIsEmpty) {
    for (const char* text : {"", "# Title\n", "---\n---\n", "---\nlicense: mit\n", "--- \nlicense: mit\n---\n",
                             "---\n- a\n- b\n---\n", "---\njust text\n---\n"})
        EXPECT_EQ(card(text).license, "") << text;
    EXPECT_THAT(error_of([] { card("---\nlicense: [\n---\n"); }), HasSubstr("README.md: not valid YAML in line"));
    TestFolder folder;
    write_file(folder / "README.md", "---\nlicense: [\n---\n");
    EXPECT_EQ(read_card(folder / "README.md").license, "");
    EXPECT_EQ(read_card(folder / "none").license, "");
}

TEST(Lineage, IsATreeOfBases) {
    std::map<std::string, CardMetadata> cards{{"q/gguf", {"", {"o/tuned"}, "quantized"}},
                                              {"o/tuned", {"", {"m/base", "m/other"}, ""}}};
    FindCard find = [&](const std::string& name) -> std::optional<CardMetadata> {
        return cards.contains(name) ? std::optional(cards[name]) : std::nullopt;
    };
    EXPECT_EQ(to_text(trace_lineage("mine", {"", {"q/gguf"}, "finetune"}, find)),
              "mine\n"
              "`-- fine-tuned from q/gguf (here)\n"
              "    `-- quantized from o/tuned (here)\n"
              "        |-- merged from m/base\n"
              "        `-- merged from m/other\n");
    EXPECT_EQ(to_text(trace_lineage("alone", {}, find)), "alone\n");
}

TEST(Lineage, CirclesEnd) {
    FindCard find = [](const std::string& name) {
        return std::optional<CardMetadata>({"", {name == "a/a" ? "b/b" : "a/a"}, ""});
    };
    EXPECT_EQ(to_text(trace_lineage("a/a", {"", {"b/b"}, ""}, find)),
              "a/a\n"
              "`-- made from b/b (here)\n"
              "    `-- made from a/a (here) (see above)\n");
    int64_t made = 0;
    FindCard endless = [&](const std::string&) {
        return std::optional<CardMetadata>({"", {fmt::format("o/{}", ++made), fmt::format("o/{}", ++made)}, ""});
    };
    trace_lineage("o/n", {"", {"o/x"}, ""}, endless);
    EXPECT_LT(made, 2000);
}

TEST(Lineage, IsReadFromTheModelAndTheCache) {
    TestFolder folder;
    HubCache cache(folder / "cache");
    CachedRepository base = cache.repository("o/base");
    base.create();
    std::string commit(40, 'a');
    std::filesystem::create_directories(base.snapshot(commit));
    base.write_ref("main", commit);
    write_file(base.snapshot(commit) / "README.md", "---\nbase_model: o/root\nbase_model_relation: finetune\n---\n");
    std::filesystem::create_directory(folder / "mine");
    write_file(folder / "mine/README.md", "---\nbase_model: o/base\n---\n");
    write_file(folder / "mine/model.gguf", "");
    std::string tree = "mine\n`-- made from o/base (here)\n    `-- fine-tuned from o/root\n";
    EXPECT_EQ(to_text(trace_lineage(folder / "mine", cache)), tree);
    EXPECT_EQ(to_text(trace_lineage(folder / "mine/", cache)), tree);
    EXPECT_EQ(to_text(trace_lineage(base.snapshot(commit), cache)), "o/base\n`-- fine-tuned from o/root\n");
}

TEST(Lineage, IsWrittenIntoGgufFilesAndCards) {
    TestFolder folder;
    CardMetadata written{"llama3.2", {"o/base", "mine"}, "merge"};
    GgufMetadata metadata;
    metadata.add("general.architecture", "llama");
    add_card(metadata, written);
    float numbers[32] = {};
    GgufWriter writer(folder / "m.gguf", metadata, {{"x", Dtype::f32, {32}}});
    writer.write(Tensor(numbers, Dtype::f32, {32}));
    writer.commit();
    EXPECT_EQ(GgufFile(folder / "m.gguf").text("general.base_model.0.organization"), "o");
    EXPECT_EQ(card_of_model(folder / "m.gguf").license, "llama3.2");
    std::string tree = "|-- merged from o/base\n`-- merged from mine\n";
    HubCache cache(folder / "cache");
    EXPECT_EQ(to_text(trace_lineage(folder / "m.gguf", cache)), "m.gguf\n" + tree);
    std::filesystem::create_directory(folder / "m");
    write_file(folder / "m/README.md", card_text("m", written));
    EXPECT_EQ(card_of_model(folder / "m").license, "llama3.2");
    EXPECT_EQ(to_text(trace_lineage(folder / "m", cache)), "m\n" + tree);
}

TEST(Lineage, OfACopyNamesTheModel) {
    TestFolder folder;
    std::filesystem::create_directory(folder / "mine");
    write_file(folder / "mine/README.md", "---\nlicense: mit\nbase_model: o/base\n---\n");
    EXPECT_EQ(card_of_copy(folder / "mine").base_models, std::vector<std::string>{"o/base"}) << "the same model";
    CardMetadata quantized = card_of_copy(folder / "mine", "quantized");
    EXPECT_EQ(quantized.base_models, std::vector<std::string>{"mine"});
    EXPECT_EQ(quantized.relation, "quantized");
    EXPECT_EQ(quantized.license, "mit");
    CachedRepository cached = HubCache(folder / "cache").repository("o/n");
    EXPECT_EQ(card_of_copy(cached.snapshot(std::string(40, 'a'))).base_models, std::vector<std::string>{"o/n"});
}

}  // namespace
}  // namespace puna
