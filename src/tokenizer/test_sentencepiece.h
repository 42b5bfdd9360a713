// tokenizer/test_sentencepiece.h — for tests: small SentencePiece models, trained by the library that ours is compared
// with.
//
//   std::string model = train_sentencepiece("--vocab_size=400 --byte_fallback=true");       // the bytes of its file
#pragma once
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "tokenizer/test_tokenizer.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <string>
#include <vector>

namespace puna {

// As Llama 1 and 2's.
inline constexpr const char* llama_options =
    "--vocab_size=420 --byte_fallback=true --remove_extra_whitespaces=false --split_digits=true "
    "--allow_whitespace_only_pieces=true";

inline std::string train_sentencepiece(const std::string& options) {
    TestFolder folder;
    std::string text(small_text);
    for (int i = 0; i < 3; ++i) text += text;
    write_file(folder / "text.txt", text + "def f(x):\n    return x + 1\n        # spaces\n");
    std::string all = fmt::format(
        "--input={} --model_prefix={} --model_type=bpe --normalization_rule_name=identity --minloglevel=3 {}",
        (folder / "text.txt").string(), (folder / "m").string(), options);
    check(sentencepiece::SentencePieceTrainer::Train(all).ok(), "sentencepiece: cannot train with {}", options);
    return read_text(folder / "m.model");
}

// The library's answers.
class SentencePieceOracle {
 public:
    explicit SentencePieceOracle(const std::string& model) {
        check(processor_.LoadFromSerializedProto(model).ok(), "sentencepiece: cannot load the model");
    }
    std::vector<int32_t> encode(const std::string& text) const { return processor_.EncodeAsIds(text); }
    std::string decode(const std::vector<int32_t>& ids) const { return processor_.DecodeIds(ids); }
    int32_t unknown() const { return processor_.unk_id(); }

 private:
    sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace puna
