#include "tokenizer/gguf_vocabulary.h"

#include "core/error.h"
#include "core/utf8.h"
#include "files/byte_cursor.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/token_roles.h"

#include <cmath>

namespace puna {

namespace {

constexpr std::string_view tokens_key = "tokenizer.ggml.tokens", types_key = "tokenizer.ggml.token_type",
                           scores_key = "tokenizer.ggml.scores", merges_key = "tokenizer.ggml.merges",
                           pattern_key = "tokenizer.ggml.pre";

enum class TokenType : int32_t { normal = 1, unknown, control, user_defined, unused, byte };

// Where a token goes.
enum class Part : uint8_t { none, text, added, control, byte };

template <class T>
T element(const GgufValue& value, size_t index) {
    return number_at<T>(value.bytes.subspan(index * sizeof(T)));
}

class GgufVocabularyReader {
 public:
    explicit GgufVocabularyReader(const GgufFile& file) : file_(file) {}

    Vocabulary read() {
        vocabulary_.kind = read_kind();
        read_tokens();
        vocabulary_.kind == VocabularyKind::sentencepiece ? read_rules() : read_pattern();
        read_merges();
        read_roles();
        return std::move(vocabulary_);
    }

 private:
    template <class... Args>
    [[noreturn]] void reject(std::string_view key, fmt::format_string<Args...> format, Args&&... args) const {
        fail(ErrorKind::damaged, "{}: key '{}' {}", file_.path().string(), key,
             fmt::format(format, std::forward<Args>(args)...));
    }

    const GgufValue* find_array(std::string_view key, std::initializer_list<GgufType> types,
                                std::string_view expected) const {
        const GgufValue* value = file_.find_value(key);
        bool expected_type =
            value && value->is_array && std::find(types.begin(), types.end(), value->type) != types.end();
        if (value && !expected_type) reject(key, "has the type {}, expected {}", value->type_name(), expected);
        return value;
    }
    const GgufValue& need(const GgufValue* value, std::string_view key) const {
        if (!value)
            fail(ErrorKind::damaged, "{}: has no key '{}': convert the model again", file_.path().string(), key);
        return *value;
    }
    // One value for each token.
    void expect_length(const GgufValue& value, std::string_view key) const {
        if (value.count != tokens_->count) reject(key, "has {} values for {} tokens", value.count, tokens_->count);
    }

    // Calls on_text(index, text) for each.
    template <class F>
    static void for_each_text(const GgufValue& array, F on_text) {
        ByteCursor cursor(array.bytes);
        for (int64_t i = 0; i < array.count; ++i) {
            std::string_view text = *cursor.text(*cursor.number<uint64_t>());
            on_text(static_cast<int32_t>(i), text);
        }
    }

    VocabularyKind read_kind() const {
        constexpr std::string_view key = "tokenizer.ggml.model";
        std::optional<std::string_view> name = file_.text(key);
        if (name == "gpt2") return VocabularyKind::byte_bpe;
        if (name == "llama") return VocabularyKind::sentencepiece;
        if (!name)
            fail(ErrorKind::not_found, "{}: has no key '{}': it contains no tokenizer", file_.path().string(), key);
        fail(ErrorKind::unsupported,
             "{}: key '{}' is '{}'; supported are gpt2 (byte-level BPE) and llama (SentencePiece)",
             file_.path().string(), key, printable(*name));
    }

    void read_rules() {
        SentencePieceRules& rules = vocabulary_.sentencepiece;
        bool prefix = file_.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
        rules.prefix = prefix ? SpacePrefix::segments : SpacePrefix::none;
        rules.drop_prefix = prefix;
        rules.remove_extra_spaces = file_.boolean("tokenizer.ggml.remove_extra_whitespaces").value_or(false);
        vocabulary_.whole_pieces = false;
        begins_text_ = true;
        read_scores();
    }

    void read_pattern() {
        std::optional<std::string_view> name = file_.text(pattern_key);
        // Converted before the key existed: the control tokens say which one it is.
        if ((!name || name == "default") && has_llama3_controls(vocabulary_))
            name = info(SplitPattern::llama3).gguf_names[0].name;
        const SplitPatternInfo* pattern = name ? find_gguf_pattern(*name) : nullptr;
        if (!pattern) fail_pattern(name);
        const GgufPatternName& known = *find_gguf_name(*pattern, *name);
        vocabulary_.split = pattern->pattern;
        vocabulary_.whole_pieces = known.whole_pieces;
        begins_text_ = known.begins_text;
    }
    [[noreturn]] void fail_pattern(std::optional<std::string_view> name) const {
        std::string names;
        for (const SplitPatternInfo& pattern : split_patterns())
            fmt::format_to(std::back_inserter(names), ", {}", pattern.gguf_names[0].name);
        fail(ErrorKind::unsupported,
             "{}: key '{}' {}: text would be split differently from what the model has learned; supported are {}",
             file_.path().string(), pattern_key, name ? fmt::format("is '{}'", printable(*name)) : "is missing",
             names.substr(2));
    }

    void read_tokens() {
        tokens_ = &need(find_array(tokens_key, {GgufType::text}, "array of string"), tokens_key);
        if (tokens_->count > max_token_ids)
            reject(tokens_key, "has {} tokens, at most {} are supported", tokens_->count, max_token_ids);
        types_ = find_array(types_key, {GgufType::i32, GgufType::u32}, "array of i32");
        if (types_) expect_length(*types_, types_key);
        std::vector<Part> parts(static_cast<size_t>(tokens_->count));
        std::vector<int32_t> text_ids, added_ids, byte_ids;
        size_t text_bytes = 0, added_bytes = 0;
        for_each_text(*tokens_, [&](int32_t id, std::string_view spelled) {
            Part part = parts[static_cast<size_t>(id)] = part_of(id, spelled);
            if (part == Part::text) text_ids.push_back(id), text_bytes += spelled.size();
            if (part == Part::added || part == Part::control) added_ids.push_back(id), added_bytes += spelled.size();
            if (part == Part::byte) byte_ids.push_back(id);
        });
        vocabulary_.tokens = TokenTable(std::move(text_ids), text_bytes);
        vocabulary_.added = TokenTable(std::move(added_ids), added_bytes);
        vocabulary_.added_tokens.resize(vocabulary_.added.size());
        vocabulary_.sentencepiece.bytes = TokenTable(std::move(byte_ids), 256);
        for_each_text(*tokens_, [&](int32_t id, std::string_view spelled) {
            add_token(id, spelled, parts[static_cast<size_t>(id)]);
        });
    }

    TokenType type_of(int32_t id, std::string_view spelled) const {
        if (!types_)
            return vocabulary_.kind == VocabularyKind::sentencepiece && byte_of_name(spelled) ? TokenType::byte
                                                                                              : TokenType::normal;
        int32_t type = element<int32_t>(*types_, static_cast<size_t>(id));
        if (type < static_cast<int32_t>(TokenType::normal) || type > static_cast<int32_t>(TokenType::byte))
            reject(types_key, "has the unknown type {} for token {}", type, id);
        return static_cast<TokenType>(type);
    }

    Part part_of(int32_t id, std::string_view spelled) const {
        if (find_utf8_errors(spelled).count > 0)
            reject(tokens_key, "has a token that is not UTF-8: {} is '{}'", id, printable(spelled));
        if (spelled.size() > 4 * max_token_bytes) reject(tokens_key, "has a token of {} bytes: {}", spelled.size(), id);
        if (spelled.empty() || (spelled.starts_with("[PAD") && spelled == fmt::format("[PAD{}]", id)))
            return Part::none;
        switch (type_of(id, spelled)) {
            case TokenType::unknown:
            case TokenType::control:
                return Part::control;
            case TokenType::user_defined:
                return Part::added;
            case TokenType::byte:
                if (vocabulary_.kind == VocabularyKind::byte_bpe) break;
                if (!byte_of_name(spelled))
                    reject(tokens_key, "has '{}' as the byte token {}, expected a name as <0x0A>", printable(spelled),
                           id);
                return Part::byte;
            default:
                break;
        }
        // A converter's mistake: it can only be a token that is never produced by merging.
        return unspell_token(vocabulary_, spelled) ? Part::text : Part::control;
    }

    void add_token(int32_t id, std::string_view spelled, Part part) {
        if (part == Part::none) return;
        bool is_added = part == Part::added || part == Part::control;
        std::string bytes =
            part == Part::byte ? std::string(1, static_cast<char>(*byte_of_name(spelled)))
            : is_added ? (vocabulary_.kind == VocabularyKind::byte_bpe ? std::string(spelled) : unspell_spaces(spelled))
                       : *unspell_token(vocabulary_, spelled);
        if (bytes.size() > max_token_bytes)
            reject(tokens_key, "has a token of {} bytes, at most {} are supported: {}", bytes.size(), max_token_bytes,
                   id);
        TokenTable& table = part == Part::byte ? vocabulary_.sentencepiece.bytes
                            : is_added         ? vocabulary_.added
                                               : vocabulary_.tokens;
        if (!table.set(id, bytes))
            reject(tokens_key, "has the token '{}' twice: {} and {}", printable(spelled), *table.find(bytes), id);
        if (is_added) vocabulary_.added_tokens[*vocabulary_.added.index_of(id)].control = part == Part::control;
        if (part == Part::text && vocabulary_.kind == VocabularyKind::sentencepiece &&
            type_of(id, spelled) == TokenType::unused)
            vocabulary_.sentencepiece.unused.push_back(id);
    }

    void read_scores() {
        const GgufValue& scores =
            need(find_array(scores_key, {GgufType::f32, GgufType::i32}, "array of f32"), scores_key);
        expect_length(scores, scores_key);
        std::vector<float>& values = vocabulary_.sentencepiece.scores;
        values.reserve(static_cast<size_t>(scores.count));
        for (size_t id = 0; id < static_cast<size_t>(scores.count); ++id) {
            float score = scores.type == GgufType::f32 ? element<float>(scores, id)
                                                       : static_cast<float>(element<int32_t>(scores, id));
            if (std::isnan(score)) reject(scores_key, "has no number for token {}", id);
            values.push_back(score);
        }
    }

    void read_merges() {
        const GgufValue* array = find_array(merges_key, {GgufType::text}, "array of string");
        if (vocabulary_.kind == VocabularyKind::byte_bpe) need(array, merges_key);
        if (!array) return;
        std::string where = fmt::format("{}: key '{}'", file_.path().string(), merges_key);
        MergeReader merges(vocabulary_, static_cast<size_t>(array->count), where);
        for_each_text(*array, [&](int32_t, std::string_view pair) {
            size_t space = pair.find(' ', 1);
            if (space == pair.npos)
                reject(merges_key, "has '{}', expected two tokens with a space between", printable(pair));
            merges.add(pair.substr(0, space), pair.substr(space + 1));
        });
        merges.finish();
    }

    // An id that the vocabulary must have.
    std::optional<int32_t> token(std::string_view name) const {
        std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
        std::optional<int64_t> id = file_.integer(key);
        if (!id) return {};
        std::optional<int32_t> known = vocabulary_.find_id(*id);
        if (!known) reject(key, "is {}, which is not a token of the {} in {}", *id, tokens_->count, tokens_key);
        return known;
    }

    void read_roles() {
        std::optional<int32_t> bos = token("bos"), eos = token("eos");
        bool begins_text = file_.boolean("tokenizer.ggml.add_bos_token").value_or(begins_text_ && bos);
        if (begins_text && !bos)
            reject("tokenizer.ggml.add_bos_token", "is true, but there is no tokenizer.ggml.bos_token_id");
        vocabulary_.begin_of_text = begins_text ? TextToken{.id = bos} : TextToken{};
        vocabulary_.named = {.bos = bos, .eos = eos, .eot = token("eot"), .eom = token("eom"), .pad = token("padding")};
        vocabulary_.sentencepiece.unknown = token("unknown");
    }

    const GgufFile& file_;
    Vocabulary vocabulary_;
    const GgufValue* tokens_ = nullptr;
    const GgufValue* types_ = nullptr;
    bool begins_text_ = false;
};

}  // namespace

Vocabulary parse_gguf_vocabulary(const GgufFile& file) { return GgufVocabularyReader(file).read(); }

}  // namespace puna
