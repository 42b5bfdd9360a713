// cli/packed_document.h — a document of a set as a person or a script sees it: its text, and what of it is in the loss.
//
//   PackedDocument document = read_document(set.shards()[0], 0, tokenizer, 300);
//   fmt::print("{}\n", text_of(document, tokenizer, {.begin = "[[", .end = "]]"}));
//
// Where the chat template writes Llama 3's headers, it also counts the tokens of each role.
#pragma once
#include "core/json_text.h"
#include "data/shard.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct RoleTokens {
    std::string role;
    int64_t tokens = 0;  // of its turns, headers included
};

struct PackedDocument {
    std::vector<int32_t> ids;         // the first ones
    std::vector<uint8_t> loss_mask;   // one per id of a conversation; empty for a text
    int64_t tokens = 0, trained = 0;  // of the whole document; trained: in the loss
    std::vector<RoleTokens> roles;    // in the order in which they speak
};

PackedDocument read_document(const Shard& shard, int64_t document, const Tokenizer& tokenizer, int64_t max_tokens);

// What surrounds text in the loss, and what surrounds the rest.
struct LossMarks {
    std::string_view begin, end;
    std::string_view context_begin = {}, context_end = {};
};

// for_terminal: with escape sequences in the marks only.
std::string text_of(const PackedDocument& document, const Tokenizer& tokenizer, const LossMarks& marks,
                    bool for_terminal = false);

std::string heading_of(const PackedDocument& document);  // "52 tokens, 7 in the loss; system 27, user 12, assistant 13"
JsonObject document_json(const PackedDocument& document, const Tokenizer& tokenizer);

}  // namespace puna
