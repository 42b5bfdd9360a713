#include "tokenizer/subword_encoder.h"

#include "core/error.h"
#include "tokenizer/byte_bpe.h"
#include "tokenizer/split.h"

namespace puna {

namespace {

constexpr SubwordKind kinds[] = {
    {VocabularyKind::byte_bpe, "byte-level BPE", "Llama 3", check_byte_bpe, safe_cut, make_byte_bpe_encoder},
};

}  // namespace

const SubwordKind& kind_of(const Vocabulary& vocabulary) {
    for (const SubwordKind& kind : kinds)
        if (kind.kind == vocabulary.kind) return kind;
    fail("SentencePiece vocabularies are not supported, only {} is", kinds[0].name);
}

}  // namespace puna
