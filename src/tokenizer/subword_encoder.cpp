#include "tokenizer/subword_encoder.h"

#include "core/error.h"
#include "tokenizer/byte_bpe.h"
#include "tokenizer/sentencepiece.h"

namespace puna {

namespace {

constexpr SubwordKind kinds[] = {
    {VocabularyKind::byte_bpe, "byte-level BPE", prepare_byte_bpe, byte_bpe_safe_cut, make_byte_bpe_encoder},
    {VocabularyKind::sentencepiece, "SentencePiece BPE", prepare_sentencepiece, sentencepiece_safe_cut,
     make_sentencepiece_encoder},
};

}  // namespace

const SubwordKind& kind_of(const Vocabulary& vocabulary) {
    const SubwordKind& kind = kinds[static_cast<size_t>(vocabulary.kind)];
    check(kind.kind == vocabulary.kind, "the table of kinds is not in the order of the enum");
    return kind;
}

std::string_view split_name(const Vocabulary& vocabulary) {
    return vocabulary.kind == VocabularyKind::byte_bpe ? info(vocabulary.split).name : "none";
}

}  // namespace puna
