// data/test_text.h — for tests: generated text, and a folder where inputs are written and packed.
#pragma once
#include "chat/template_files.h"
#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"
#include "data/pack.h"
#include "data/shard_set.h"
#include "tokenizer/chat_template_files.h"
#include "tokenizer/files.h"
#include "tokenizer/test_tokenizer.h"

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <vector>

namespace puna {

// n sentences; different seeds give different text.
inline std::string some_text(int seed, int n) {
    constexpr std::string_view words[] = {"the",   "cat",   "dog", "house", "was", "went",
                                          "small", "happy", "and", "to",    "a",   "river"};
    std::string text;
    unsigned state = static_cast<unsigned>(seed) * 2654435761u + 1;
    for (int i = 0; i < n * 6; ++i) {
        state = state * 1664525u + 1013904223u;
        text += words[(state >> 16) % std::size(words)];
        text += i % 6 == 5 ? ".\n" : " ";
    }
    return text;
}

inline std::vector<int32_t> ids_of(const Shard& shard, int64_t document) {
    int64_t begin = shard.document_begin(document);
    std::vector<int32_t> ids(static_cast<size_t>(shard.document_end(document) - begin));
    shard.read(begin, ids);
    return ids;
}

// The documents of a set as text, control tokens included.
inline std::vector<std::string> texts_of(const std::filesystem::path& folder) {
    ShardSet set(folder);
    std::vector<std::string> texts;
    for (const Shard& shard : set.shards())
        for (int64_t d = 0; d < shard.documents(); ++d) texts.push_back(small_tokenizer().decode(ids_of(shard, d)));
    return texts;
}

// A temporary folder with a tokenizer, where tests write inputs and pack them.
class PackFolder : public TestFolder {
 public:
    PackFolder() {
        save_tokenizer(small_tokenizer(), *this / "tokenizer");
        save_chat_template(llama3_chat_template(small_tokenizer()), small_tokenizer(), *this / "tokenizer");
    }

    std::string write(const std::string& name, std::string_view text) const {
        write_file(*this / name, text);
        return (*this / name).string();
    }
    std::string packed() const { return (*this / "packed").string(); }

    PackResult pack(const std::string& input, PackOptions options = {}) const {
        if (options.inputs.empty()) options.inputs = {input};
        if (options.output.empty()) options.output = packed();
        Tokenizer tokenizer = load_tokenizer(*this / "tokenizer");
        return puna::pack(options, tokenizer, find_chat_template(*this / "tokenizer", tokenizer));
    }
};

}  // namespace puna
