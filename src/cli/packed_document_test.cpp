#include "cli/packed_document.h"

#include "core/json_document.h"
#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {
namespace {

constexpr LossMarks brackets{"[[", "]]"};

class PackedDocuments : public testing::Test {
 protected:
    PackedDocument read(const std::string& name, std::string_view content, int64_t max_tokens = 1000) {
        folder_.pack(folder_.write(name, content));
        return read_document(ShardSet(folder_.packed()).shards()[0], 0, small_tokenizer(), max_tokens);
    }

    PackFolder folder_;
};

constexpr std::string_view chat =
    R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"},)"
    R"( {"role": "user", "content": "so?"}, {"role": "assistant", "content": "no", "weight": 0}]})";

TEST_F(PackedDocuments, WhatIsInTheLossIsBetweenMarks) {
    PackedDocument document = read("x.jsonl", chat);
    EXPECT_EQ(text_of(document, small_tokenizer(), brackets),
              "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n[[yes<|eot_id|>]]"
              "<|start_header_id|>user<|end_header_id|>\n\nso?<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\nno<|eot_id|>");
    std::string colored = text_of(document, small_tokenizer(), {"<loss>", "</loss>", "<dim>", "</dim>"});
    EXPECT_TRUE(colored.starts_with("<dim><|begin_of_text|>") && colored.ends_with("</dim>")) << colored;
}

TEST_F(PackedDocuments, TheHeadingCountsTokensByRole) {
    PackedDocument document = read("x.jsonl", chat);
    ASSERT_EQ(document.roles.size(), 2u);
    EXPECT_EQ(document.roles[0].role, "user");
    EXPECT_EQ(document.roles[1].role, "assistant");
    EXPECT_EQ(document.roles[0].tokens + document.roles[1].tokens, document.tokens - 1) << "all but begin_of_text";
    EXPECT_EQ(heading_of(document), fmt::format("{} tokens, {} in the loss; user {}, assistant {}", document.tokens,
                                                document.trained, document.roles[0].tokens, document.roles[1].tokens));
}

TEST_F(PackedDocuments, JsonHasTheIdsAndTheMask) {
    PackedDocument document = read("x.jsonl", chat);
    std::string text = document_json(document, small_tokenizer()).text();
    JsonDocument json(text, "json");
    EXPECT_EQ(std::ssize(json.root().need("ids").items()), document.tokens);
    int64_t in_loss = 0;
    for (const JsonNode& bit : json.root().need("loss_mask").items()) in_loss += bit.integer();
    EXPECT_EQ(in_loss, document.trained);
    EXPECT_GT(in_loss, 1);
    EXPECT_EQ(json.root().need("roles").need("user").integer(), document.roles[0].tokens);
}

TEST_F(PackedDocuments, OnlyTheFirstTokensAreShownAndAllAreCounted) {
    PackedDocument all = read("x.jsonl", chat);
    std::filesystem::remove_all(folder_.packed());
    PackedDocument some = read("x.jsonl", chat, 4);
    EXPECT_EQ(some.ids.size(), 4u);
    EXPECT_EQ(heading_of(some), heading_of(all));
}

TEST_F(PackedDocuments, ATextHasNoMarks) {
    PackedDocument document = read("x.txt", "a cat");
    EXPECT_EQ(text_of(document, small_tokenizer(), brackets), "<|begin_of_text|>a cat<|end_of_text|>");
    EXPECT_EQ(heading_of(document), fmt::format("{} tokens", document.tokens));
    EXPECT_THAT(document_json(document, small_tokenizer()).text(), testing::Not(testing::HasSubstr("loss_mask")));
}

TEST_F(PackedDocuments, OnlyTheMarksMayWriteEscapeSequences) {
    PackedDocument document = read("x.jsonl", R"({"messages": [{"role": "assistant", "content": "a\u001b[31mb"}]})");
    std::string text = text_of(document, small_tokenizer(), {"\x1b[32m", "\x1b[0m"}, true);
    EXPECT_THAT(text, testing::HasSubstr("\x1b[32ma\ufffd[31mb<|eot_id|>\x1b[0m"));
}

}  // namespace
}  // namespace puna
