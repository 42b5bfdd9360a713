#include "tokenizer/gguf_vocabulary.h"

#include "core/error.h"
#include "core/utf8.h"
#include "files/byte_cursor.h"
#include "tokenizer/gguf_vocabulary_keys.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/token_roles.h"

#include <cmath>

namespace puna {

namespace {

// Where a token goes; one may be both added and of text.
struct Parts {
    bool text = false, added = false, control = false, byte = false;
};

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
        is_byte_level() ? read_pattern() : read_rules();
        if (const GgufValue* scores = file_.find_value(gguf_keys::scores)) expect_length(*scores, gguf_keys::scores);
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

    bool is_byte_level() const { return vocabulary_.kind == VocabularyKind::byte_bpe; }

    VocabularyKind read_kind() const {
        constexpr std::string_view key = gguf_keys::model;
        std::optional<std::string_view> name = file_.text(key);
        if (name == "gpt2") return VocabularyKind::byte_bpe;
        if (name == "llama") return VocabularyKind::sentencepiece;
        if (!name && file_.find_value(gguf_keys::tokens))
            fail(ErrorKind::damaged, "{}: has tokens but no key '{}': convert the model again", file_.path().string(),
                 key);
        if (!name)
            fail(ErrorKind::not_found, "{}: has no key '{}': it contains no tokenizer", file_.path().string(), key);
        fail(ErrorKind::unsupported,
             "{}: key '{}' is '{}'; supported are gpt2 (byte-level BPE) and llama (SentencePiece)",
             file_.path().string(), key, printable(*name));
    }

    void read_rules() {
        SentencePieceRules& rules = vocabulary_.sentencepiece;
        bool prefix = file_.boolean(gguf_keys::space_prefix).value_or(true);
        rules.prefix = prefix ? SpacePrefix::segments : SpacePrefix::none;
        if (prefix && file_.boolean(gguf_keys::prefix_of_text_only).value_or(false)) rules.prefix = SpacePrefix::text;
        rules.prefix_unless_space = file_.boolean(gguf_keys::prefix_unless_space).value_or(false);
        rules.separate_spaces = file_.boolean(gguf_keys::separate_spaces).value_or(false);
        rules.drop_prefix = file_.boolean(gguf_keys::drop_prefix).value_or(prefix);
        rules.fuse_unknown = file_.boolean(gguf_keys::fuse_unknown).value_or(true);
        rules.remove_extra_spaces = file_.boolean(gguf_keys::remove_extra_spaces).value_or(false);
        vocabulary_.whole_pieces = file_.boolean(gguf_keys::whole_pieces).value_or(false);
        begins_text_ = true;
        read_scores();
    }

    void read_pattern() {
        std::optional<std::string_view> name = file_.text(gguf_keys::pattern);
        // Converted before the key existed: the control tokens say which one it is.
        if ((!name || name == "default") && has_llama3_controls(vocabulary_))
            name = info(SplitPattern::llama3).gguf_names[0].name;
        const SplitPatternInfo* pattern = name ? find_gguf_pattern(*name) : nullptr;
        if (!pattern) fail_pattern(name);
        const GgufPatternName& known = *find_gguf_name(*pattern, *name);
        vocabulary_.split = pattern->pattern;
        vocabulary_.whole_pieces = file_.boolean(gguf_keys::whole_pieces).value_or(known.whole_pieces);
        begins_text_ = known.begins_text;
    }
    [[noreturn]] void fail_pattern(std::optional<std::string_view> name) const {
        std::string names;
        for (const SplitPatternInfo& pattern : split_patterns())
            names += fmt::format(", {}", pattern.gguf_names[0].name);
        fail(ErrorKind::unsupported,
             "{}: key '{}' {}: text would be split differently from what the model has learned; supported are {}",
             file_.path().string(), gguf_keys::pattern, name ? fmt::format("is '{}'", printable(*name)) : "is missing",
             names.substr(2));
    }

    void read_tokens() {
        tokens_ = &need(find_array(gguf_keys::tokens, {GgufType::text}, "array of string"), gguf_keys::tokens);
        if (tokens_->count > max_token_ids)
            reject(gguf_keys::tokens, "has {} tokens, at most {} are supported", tokens_->count, max_token_ids);
        types_ = find_array(gguf_keys::token_types, {GgufType::i32, GgufType::u32}, "array of i32");
        flags_ = find_array(gguf_keys::token_flags, {GgufType::u8}, "array of u8");
        expect_length(need(types_, gguf_keys::token_types), gguf_keys::token_types);
        if (flags_) expect_length(*flags_, gguf_keys::token_flags);
        std::vector<Parts> parts(static_cast<size_t>(tokens_->count));
        std::vector<int32_t> text_ids, added_ids, byte_ids;
        size_t text_bytes = 0, added_bytes = 0;
        for_each_text(*tokens_, [&](int32_t id, std::string_view spelled) {
            Parts of_id = parts[static_cast<size_t>(id)] = parts_of(id, spelled);
            if (of_id.text) text_ids.push_back(id), text_bytes += spelled.size();
            if (of_id.added) added_ids.push_back(id), added_bytes += spelled.size();
            if (of_id.byte) byte_ids.push_back(id);
        });
        vocabulary_.tokens = TokenTable(std::move(text_ids), text_bytes);
        vocabulary_.added = TokenTable(std::move(added_ids), added_bytes);
        vocabulary_.added_tokens.resize(vocabulary_.added.size());
        vocabulary_.sentencepiece.bytes = TokenTable(std::move(byte_ids), 256);
        for_each_text(*tokens_, [&](int32_t id, std::string_view spelled) {
            add_token(id, spelled, parts[static_cast<size_t>(id)]);
        });
    }

    GgufTokenType type_of(int32_t id) const {
        int32_t type = element<int32_t>(*types_, static_cast<size_t>(id));
        if (type < static_cast<int32_t>(GgufTokenType::normal) || type > static_cast<int32_t>(GgufTokenType::byte))
            reject(gguf_keys::token_types, "has the unknown type {} for token {}", type, id);
        return static_cast<GgufTokenType>(type);
    }

    uint8_t flags_of(int32_t id) const {
        return flags_ ? element<uint8_t>(*flags_, static_cast<size_t>(id)) : uint8_t{0};
    }

    Parts parts_of(int32_t id, std::string_view spelled) const {
        if (find_utf8_errors(spelled).count > 0)
            reject(gguf_keys::tokens, "has a token that is not UTF-8: {} is '{}'", id, printable(spelled));
        if (spelled.size() > 4 * max_token_bytes)
            reject(gguf_keys::tokens, "has a token of {} bytes: {}", spelled.size(), id);
        bool is_padding = spelled.starts_with("[PAD") && spelled == fmt::format("[PAD{}]", id);
        if (spelled.empty() || is_padding) return {};
        switch (type_of(id)) {
            case GgufTokenType::unknown:
            case GgufTokenType::control:
                return {.added = true, .control = true};
            case GgufTokenType::user_defined:
                if (flags_of(id) & gguf_flags::found_by_merging) return {.text = true};
                return {.text = (flags_of(id) & gguf_flags::also_merged) != 0, .added = true};
            case GgufTokenType::byte:
                if (is_byte_level()) break;
                if (!byte_of_name(spelled))
                    reject(gguf_keys::tokens, "has '{}' as the byte token {}, expected a name as <0x0A>",
                           printable(spelled), id);
                return {.byte = true};
            default:
                break;
        }
        // A converter's mistake, which nothing can be merged to.
        bool is_mistaken = is_turn_end_name(spelled) || !unspell_token(vocabulary_, spelled);
        if (is_mistaken) return {.added = true, .control = true};
        return {.text = true};
    }

    void add_token(int32_t id, std::string_view spelled, Parts parts) {
        SentencePieceRules& rules = vocabulary_.sentencepiece;
        if (parts.byte) set_token(rules.bytes, id, std::string(1, static_cast<char>(*byte_of_name(spelled))), spelled);
        if (parts.text) {
            std::optional<std::string> token = unspell_token(vocabulary_, spelled);
            if (!token)
                reject(gguf_keys::tokens, "has '{}', which is not in byte-level encoding: {}", printable(spelled), id);
            set_token(vocabulary_.tokens, id, *token, spelled);
        }
        if (parts.text && !parts.added && !is_byte_level()) {
            if (type_of(id) == GgufTokenType::unused) rules.unused.push_back(id);
            if (type_of(id) == GgufTokenType::user_defined) rules.user_defined.push_back(id);
        }
        if (!parts.added) return;
        set_token(vocabulary_.added, id, is_byte_level() ? std::string(spelled) : unspell_spaces(spelled), spelled);
        uint8_t flags = flags_of(id);
        vocabulary_.added_tokens[*vocabulary_.added.index_of(id)] = {
            .control = parts.control,
            .single_word = (flags & gguf_flags::single_word) != 0,
            .lstrip = (flags & gguf_flags::lstrip) != 0,
            .rstrip = (flags & gguf_flags::rstrip) != 0,
            .normalized = (flags & gguf_flags::normalized) != 0};
    }
    void set_token(TokenTable& table, int32_t id, std::string_view token, std::string_view spelled) const {
        if (token.size() > max_token_bytes)
            reject(gguf_keys::tokens, "has a token of {} bytes, at most {} are supported: {}", token.size(),
                   max_token_bytes, id);
        if (!table.set(id, token))
            reject(gguf_keys::tokens, "has the token '{}' twice: {} and {}", printable(spelled),
                   table.find(token).value_or(-1), id);
    }

    void read_scores() {
        const GgufValue& scores =
            need(find_array(gguf_keys::scores, {GgufType::f32, GgufType::i32}, "array of f32"), gguf_keys::scores);
        expect_length(scores, gguf_keys::scores);
        std::vector<float>& values = vocabulary_.sentencepiece.scores;
        values.reserve(static_cast<size_t>(scores.count));
        for (size_t id = 0; id < static_cast<size_t>(scores.count); ++id) {
            float score = scores.type == GgufType::f32 ? element<float>(scores, id)
                                                       : static_cast<float>(element<int32_t>(scores, id));
            if (std::isnan(score)) reject(gguf_keys::scores, "has no number for token {}", id);
            values.push_back(score);
        }
    }

    void read_merges() {
        const GgufValue* array = find_array(gguf_keys::merges, {GgufType::text}, "array of string");
        if (is_byte_level()) need(array, gguf_keys::merges);
        if (!array) return;
        std::string where = fmt::format("{}: key '{}'", file_.path().string(), gguf_keys::merges);
        MergeReader merges(vocabulary_, static_cast<size_t>(array->count), where);
        for_each_text(*array, [&](int32_t, std::string_view pair) {
            size_t space = pair.find(' ', 1);
            if (space == pair.npos)
                reject(gguf_keys::merges, "has '{}', expected two tokens with a space between", printable(pair));
            merges.add(pair.substr(0, space), pair.substr(space + 1));
        });
        merges.finish();
    }

    // An id that the vocabulary must have.
    int32_t known_token(std::string_view key, int64_t id) const {
        std::optional<int32_t> known = vocabulary_.find_id(id);
        if (!known) reject(key, "is {}, which is not one of the {} tokens", id, tokens_->count);
        return *known;
    }
    std::optional<int32_t> token(std::string_view key) const {
        std::optional<int64_t> id = file_.integer(key);
        return id && !is_no_token(*id) ? std::optional(known_token(key, *id)) : std::nullopt;
    }
    std::vector<int32_t> token_list(std::string_view key) const {
        const GgufValue* array = find_array(key, {GgufType::i32, GgufType::u32}, "array of i32");
        std::vector<int32_t> ids;
        for (size_t i = 0; array && i < static_cast<size_t>(array->count); ++i)
            ids.push_back(known_token(key, element<int32_t>(*array, i)));
        return ids;
    }

    void read_roles() {
        TokenRoles& named = vocabulary_.named;
        named = {.bos = token(gguf_keys::bos),
                 .eos = token(gguf_keys::eos),
                 .eot = token(gguf_keys::eot),
                 .eom = token(gguf_keys::eom),
                 .pad = token(gguf_keys::padding),
                 .ends = token_list(gguf_keys::ends)};
        std::optional<int32_t> unknown = token(gguf_keys::unknown);
        if (!is_byte_level()) {
            // llama.cpp's defaults, by name.
            if (!named.bos) named.bos = vocabulary_.added.find("<s>");
            if (!named.eos) named.eos = vocabulary_.added.find("</s>");
            vocabulary_.sentencepiece.unknown = unknown ? unknown : vocabulary_.added.find("<unk>");
        }
        bool begins_text = file_.boolean(gguf_keys::begins_text).value_or(begins_text_ && named.bos);
        if (begins_text && !named.bos) reject(gguf_keys::begins_text, "is true, but there is no {}", gguf_keys::bos);
        vocabulary_.begin_of_text = begins_text ? TextToken{.id = named.bos} : TextToken{};
    }

    const GgufFile& file_;
    Vocabulary vocabulary_;
    const GgufValue* tokens_ = nullptr;
    const GgufValue* types_ = nullptr;
    const GgufValue* flags_ = nullptr;
    bool begins_text_ = false;
};

}  // namespace

Vocabulary parse_gguf_vocabulary(const GgufFile& file) { return GgufVocabularyReader(file).read(); }

}  // namespace puna
