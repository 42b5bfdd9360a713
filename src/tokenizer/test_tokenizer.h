// tokenizer/test_tokenizer.h — for tests: a small tokenizer, and Llama 3's where ../shared has it.
#pragma once
#include "core/test_error.h"
#include "tokenizer/files.h"
#include "tokenizer/train.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace puna {

inline const std::filesystem::path shared_tokenizer = "../shared/data/tokenizer/llama3/tokenizer.model";

inline bool has_llama3() { return std::filesystem::exists(shared_tokenizer); }

inline const Tokenizer& llama3() {
    static const Tokenizer tokenizer = load_tokenizer(shared_tokenizer);
    return tokenizer;
}

inline constexpr std::string_view small_text =
    "The cat sat on the mat, and the dog sat by the door. The cat didn't say a word; the dog didn't either.\n"
    "Then the door opened: \"Who's there?\" said the cat. \"It's only the wind,\" the dog said, \"only the wind.\"\n\n"
    "In 1999 there were 12345 cats and 67890 dogs in the town, and they'd all sat on mats. Größe, naïve, 東京.\n";

// 360 tokens.
inline const Tokenizer& small_tokenizer() {
    static const Tokenizer tokenizer = [] {
        PieceCounter counter;
        counter.add(small_text);
        return train_tokenizer(counter, {.vocabulary = 360});
    }();
    return tokenizer;
}

}  // namespace puna
