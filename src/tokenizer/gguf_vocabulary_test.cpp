#include "tokenizer/gguf_vocabulary.h"

#include "core/json.h"
#include "core/mapped_file.h"
#include "tokenizer/decode_stream.h"
#include "tokenizer/test_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace puna {
namespace {

namespace fs = std::filesystem;

const fs::path derivatives = "../shared/derivatives/gguf_vocab";

struct VocabularyCase {
    std::string vocabulary, text;
    std::vector<int32_t> ids;
};

std::vector<VocabularyCase> read_cases() {
    std::vector<VocabularyCase> cases;
    std::string json = read_text(derivatives / "cases.jsonl");
    for (size_t at = 0, end; at < json.size(); at = end + 1) {
        end = std::min(json.find('\n', at), json.size());
        VocabularyCase& one = cases.emplace_back();
        std::string key;
        read_json(std::string_view(json).substr(at, end - at), "cases.jsonl", [&](const JsonEvent& event) {
            if (event.kind == JsonEvent::key) key = event.text;
            if (event.kind == JsonEvent::string && key == "vocab") one.vocabulary = event.text;
            if (event.kind == JsonEvent::string && key == "text") one.text = event.text;
            if (event.kind == JsonEvent::integer && key == "ids")
                one.ids.push_back(static_cast<int32_t>(event.integer_value));
        });
    }
    return cases;
}

fs::path gguf_of(const std::string& vocabulary) { return derivatives / ("ggml-vocab-" + vocabulary + ".gguf"); }

Tokenizer load(const fs::path& path) {
    GgufFile file(path);
    return Tokenizer(parse_gguf_vocabulary(file), path.string());
}

TEST(GgufVocabulary, GivesTheKnownIdsOfEachVocabularyOfSharedDerivatives) {
    if (!fs::exists(derivatives)) GTEST_SKIP() << "../shared/derivatives is missing";
    std::map<std::string, Tokenizer> tokenizers;
    int checked = 0;
    for (const VocabularyCase& one : read_cases()) {
        if (!fs::exists(gguf_of(one.vocabulary))) continue;
        auto known = tokenizers.find(one.vocabulary);
        if (known == tokenizers.end()) known = tokenizers.emplace(one.vocabulary, load(gguf_of(one.vocabulary))).first;
        EXPECT_EQ(known->second.encode(one.text), one.ids) << one.vocabulary << ": " << one.text;
        EXPECT_EQ(known->second.decode(one.ids), one.text) << one.vocabulary;
        ++checked;
    }
    EXPECT_GE(checked, 94);
}

}  // namespace
}  // namespace puna
