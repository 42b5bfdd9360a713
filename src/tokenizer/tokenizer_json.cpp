#include "tokenizer/tokenizer_json.h"

#include "core/error.h"
#include "core/json.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/tokenizer_json_settings.h"
#include "tokenizer/tokenizer_json_survey.h"

#include <algorithm>

namespace puna {

namespace {

using Kind = JsonEvent::Kind;

std::vector<int32_t> sorted(std::vector<int32_t> ids) {
    if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

struct AddedEntry {
    std::string content;
    int64_t id = -1;
    AddedToken flags;
};

// Calls on_entry for each of added_tokens.
template <class F>
class AddedTokensReader {
 public:
    AddedTokensReader(std::string_view path, F on_entry) : path_(path), on_entry_(on_entry) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 1) return on_item(event);
        if (event.depth != 2) return;
        if (event.kind != Kind::key) return on_value(event);
        field_ = event.text;
        bool known = std::find(std::begin(fields), std::end(fields), field_) != std::end(fields);
        bool is_new = !known || std::find(seen_.begin(), seen_.end(), field_) == seen_.end();
        if (!is_new) reject(fmt::format("has '{}' twice", field_));
        if (known) seen_.push_back(field_);
    }

 private:
    static constexpr std::string_view fields[] = {"id",     "content", "special",   "single_word",
                                                  "lstrip", "rstrip",  "normalized"};

    [[noreturn]] void reject(std::string_view what) const {
        fail(ErrorKind::damaged, "{}: added_tokens[{}] {}", path_, index_, what);
    }

    void on_item(const JsonEvent& event) {
        if (event.kind == Kind::begin_object) {
            entry_ = {};
            seen_.clear();
        } else if (event.kind == Kind::end_object) {
            if (entry_.content.empty()) reject("has no content");
            if (entry_.id < 0 || entry_.id >= max_token_ids)
                reject(fmt::format("('{}') has id {}, ids are 0 to {}", printable(entry_.content), entry_.id,
                                   max_token_ids - 1));
            on_entry_(entry_);
            ++index_;
        } else {
            reject("must be an object");
        }
    }

    void on_value(const JsonEvent& event) {
        AddedToken& flags = entry_.flags;
        bool* flag = field_ == "special"       ? &flags.control
                     : field_ == "single_word" ? &flags.single_word
                     : field_ == "lstrip"      ? &flags.lstrip
                     : field_ == "rstrip"      ? &flags.rstrip
                     : field_ == "normalized"  ? &flags.normalized
                                               : nullptr;
        if (flag) {
            if (event.kind != Kind::boolean && event.kind != Kind::null)
                reject(fmt::format("must have true or false as '{}'", field_));
            *flag = event.integer_value != 0;
        } else if (field_ == "id") {
            if (event.kind != Kind::integer) reject("must have an integer as 'id'");
            entry_.id = event.integer_value;
        } else if (field_ == "content") {
            if (event.kind != Kind::string) reject("must have a string as 'content'");
            entry_.content = event.text;
        }
    }

    std::string_view path_;
    F on_entry_;
    size_t index_ = 0;
    std::string field_;
    std::vector<std::string> seen_;  // fields of the entry
    AddedEntry entry_;
};

class VocabularyReader {
 public:
    VocabularyReader(std::string_view text, std::string_view path)
        : path_(path), survey_(survey_tokenizer_json(text, path)) {
        if (text.size() >= (1u << 31))
            fail(ErrorKind::too_large, "{}: a tokenizer of {} bytes is too large", path, text.size());
    }

    Vocabulary read() {
        TokenizerJsonSettings settings = read_settings(survey_, path_);
        vocabulary_.kind = settings.kind;
        vocabulary_.split = settings.split;
        vocabulary_.sentencepiece = std::move(settings.rules);
        vocabulary_.whole_pieces = survey_.ignore_merges;
        read_added_tokens();
        read_vocab();
        if (!is_byte_level()) read_rules();
        read_merges();
        vocabulary_.begin_of_text = read_post_processor(survey_.post_processor, path_, vocabulary_);
        return std::move(vocabulary_);
    }

 private:
    bool is_byte_level() const { return vocabulary_.kind == VocabularyKind::byte_bpe; }

    void check_length(std::string_view token, std::string_view spelled) const {
        if (token.size() > max_token_bytes)
            fail(ErrorKind::damaged, "{}: token '{}' has {} bytes, at most {} are supported", path_, printable(spelled),
                 token.size(), max_token_bytes);
    }
    void set_token(TokenTable& table, int32_t id, std::string_view token, std::string_view spelled) const {
        if (!table.set(id, token))
            fail(ErrorKind::damaged, "{}: duplicate token '{}' or id {}", path_, printable(spelled), id);
    }

    template <class F>
    void for_each_added(F on_entry) const {
        if (survey_.added_tokens.empty()) return;
        AddedTokensReader<F> reader(path_, on_entry);
        read_json(survey_.added_tokens, path_, [&reader](const JsonEvent& event) { reader.on_event(event); });
    }

    void read_added_tokens() {
        std::vector<int32_t> ids;
        size_t bytes = 0;
        for_each_added([&](const AddedEntry& entry) {
            ids.push_back(static_cast<int32_t>(entry.id));
            bytes += entry.content.size();
        });
        vocabulary_.added = TokenTable(sorted(std::move(ids)), bytes);
        vocabulary_.added_tokens.resize(vocabulary_.added.size());
        for_each_added([this](const AddedEntry& entry) {
            auto id = static_cast<int32_t>(entry.id);
            if (vocabulary_.added.find(entry.content) == id) return;  // a duplicate entry
            check_length(entry.content, entry.content);
            set_token(vocabulary_.added, id, entry.content, entry.content);
            vocabulary_.added_tokens[*vocabulary_.added.index_of(id)] = entry.flags;
        });
    }

    // An added token that is also in model.vocab is one token, and merging produces it only if it is no control token.
    void read_vocab() {
        size_t bytes = is_byte_level() ? survey_.vocab_characters : survey_.vocab_bytes;  // one character is one byte
        std::vector<int32_t> byte_ids;
        if (!is_byte_level() && survey_.byte_fallback)
            for_each_token([&](std::string_view spelled, int32_t id) {
                if (byte_of_name(spelled)) byte_ids.push_back(id);
            });
        vocabulary_.sentencepiece.bytes = TokenTable(sorted(std::move(byte_ids)), 256);
        vocabulary_.tokens = TokenTable(sorted(std::move(survey_.ids)), bytes);
        for_each_token([this](std::string_view spelled, int32_t id) { add_token(spelled, id); });
    }
    template <class F>
    void for_each_token(F on_token) const {
        std::string spelled;
        read_json(survey_.vocab, path_, [&](const JsonEvent& event) {
            if (event.kind == Kind::key) spelled = event.text;
            if (event.kind == Kind::integer) on_token(spelled, static_cast<int32_t>(event.integer_value));
        });
    }

    void add_token(std::string_view spelled, int32_t id) {
        std::optional<std::string> token = unspell_token(vocabulary_, spelled);
        bool added = is_added(spelled, token, id);
        if (added && (!token || vocabulary_.token_kind(id) == TokenKind::control)) return;
        std::optional<unsigned char> byte =
            vocabulary_.sentencepiece.bytes.size() > 0 ? byte_of_name(spelled) : std::nullopt;
        if (byte)
            return set_token(vocabulary_.sentencepiece.bytes, id, std::string(1, static_cast<char>(*byte)), spelled);
        if (!token)
            fail(ErrorKind::unsupported, "{}: token '{}' is not in byte-level encoding", path_, printable(spelled));
        check_length(*token, spelled);
        set_token(vocabulary_.tokens, id, *token, spelled);
    }

    bool is_added(std::string_view spelled, const std::optional<std::string>& token, int32_t id) const {
        // Equal spellings can be different bytes: "ü" in the vocabulary is the byte 0xfc.
        bool same_bytes = !is_byte_level() || !token || *token == spelled;
        std::optional<int32_t> added = same_bytes ? vocabulary_.added.find(spelled) : std::nullopt;
        if (added && *added != id)
            fail(ErrorKind::damaged, "{}: token '{}' has id {} in model.vocab and {} in added_tokens; they must agree",
                 path_, printable(spelled), id, *added);
        // An added token may be given as the vocabulary spells it, "Ġthe": that text is the token too.
        bool is_spelling = vocabulary_.added[id] == spelled && vocabulary_.token_kind(id) == TokenKind::added;
        if (!added && !is_spelling && !vocabulary_.added[id].empty())
            fail(ErrorKind::damaged, "{}: duplicate token '{}' or id {}", path_, printable(spelled), id);
        return added.has_value();
    }

    void read_rules() {
        SentencePieceRules& rules = vocabulary_.sentencepiece;
        rules.fuse_unknown = survey_.fuse_unk;
        if (!survey_.unk_token) return;
        rules.unknown = vocabulary_.added.find(*survey_.unk_token);
        if (!rules.unknown) rules.unknown = vocabulary_.tokens.find(unspell_spaces(*survey_.unk_token));
        if (!rules.unknown)
            fail(ErrorKind::damaged, "{}: model.unk_token is '{}', which is not a token", path_,
                 printable(*survey_.unk_token));
    }

    void read_merges() {
        std::string where = fmt::format("{}: model.merges", path_);
        MergeReader merges(vocabulary_, survey_.merge_count, where);
        if (survey_.merges.empty()) fail(ErrorKind::damaged, "{} is missing: {}", where, copy_again);
        std::string left;
        size_t halves = 0;
        read_json(survey_.merges, path_, [&](const JsonEvent& event) {
            if (event.depth == 1 && event.kind == Kind::string) return add_merge(merges, event.text, where);
            if (event.depth == 1 && event.kind == Kind::begin_array) return void(halves = 0);
            if (event.depth == 1 && event.kind == Kind::end_array && halves == 2) return;
            if (event.depth == 0) return;
            if (event.depth != 2 || event.kind != Kind::string || halves == 2) fail_merge(where, event.raw);
            if (halves++ == 0) return void(left = event.text);
            merges.add(left, event.text);
        });
        merges.finish();
    }
    // "left right"
    static void add_merge(MergeReader& merges, std::string_view pair, std::string_view where) {
        if (pair.starts_with("#version")) return;  // the first line of a merges.txt
        size_t space = pair.find(' ');
        if (space == pair.npos) fail_merge(where, pair);
        merges.add(pair.substr(0, space), pair.substr(space + 1));
    }
    [[noreturn]] static void fail_merge(std::string_view where, std::string_view found) {
        fail(ErrorKind::damaged, "{}: each must be \"left right\" or a list of both, not {}", where,
             printable(found, 40));
    }

    std::string_view path_;
    TokenizerJsonSurvey survey_;
    Vocabulary vocabulary_;
};

}  // namespace

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path) {
    return VocabularyReader(text, path).read();
}

}  // namespace puna
