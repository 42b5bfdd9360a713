#include "tokenizer/tokenizer_json.h"

#include "core/error.h"
#include "core/json.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/split.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace puna {

namespace {

using Kind = JsonEvent::Kind;

// Where an event is: the key of the top object, and the key below it where that matters.
enum class Place { elsewhere, added_tokens, pre_tokenizer, model };
enum class Field { other, type, vocab, merges, ignore_merges, must_be_off, id, content, pattern, use_regex, behavior };

struct KnownField {
    Place place;
    std::string_view key;
    Field field;
};
constexpr KnownField known_fields[] = {
    {Place::added_tokens, "id", Field::id},
    {Place::added_tokens, "content", Field::content},
    {Place::pre_tokenizer, "type", Field::type},
    {Place::pre_tokenizer, "Regex", Field::pattern},
    {Place::pre_tokenizer, "String", Field::pattern},
    {Place::pre_tokenizer, "use_regex", Field::use_regex},
    {Place::pre_tokenizer, "behavior", Field::behavior},
    {Place::pre_tokenizer, "add_prefix_space", Field::must_be_off},
    {Place::pre_tokenizer, "invert", Field::must_be_off},
    {Place::model, "type", Field::type},
    {Place::model, "vocab", Field::vocab},
    {Place::model, "merges", Field::merges},
    {Place::model, "ignore_merges", Field::ignore_merges},
    {Place::model, "dropout", Field::must_be_off},
    {Place::model, "unk_token", Field::must_be_off},
    {Place::model, "continuing_subword_prefix", Field::must_be_off},
    {Place::model, "end_of_word_suffix", Field::must_be_off},
    {Place::model, "byte_fallback", Field::must_be_off},
};

Field find_field(Place place, std::string_view key) {
    const auto* at = std::find_if(std::begin(known_fields), std::end(known_fields),
                                  [&](const KnownField& known) { return known.place == place && known.key == key; });
    return at == std::end(known_fields) ? Field::other : at->field;
}

Place find_place(std::string_view key) {
    if (key == "added_tokens") return Place::added_tokens;
    if (key == "pre_tokenizer") return Place::pre_tokenizer;
    return key == "model" ? Place::model : Place::elsewhere;
}

// One walk over the text: refuses what we do not read and hands tokens, merges and added tokens to the sink.
template <class Sink>
class Walk {
 public:
    Walk(std::string_view path, Sink& sink) : path_(path), sink_(sink) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 0) return expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
        if (event.depth == 1) return on_top(event);
        switch (place_) {
            case Place::added_tokens:
                return on_added(event);
            case Place::pre_tokenizer:
                return on_pre_tokenizer(event);
            case Place::model:
                return on_model(event);
            case Place::elsewhere:
                return;
        }
    }

    void finish() const {
        if (!found_[0]) fail("{}: has no vocabulary (model.vocab): this is no tokenizer of the BPE kind", path_);
        if (!found_[1])
            fail("{}: no pattern says how text is split (pre_tokenizer): only Llama 3's is known here", path_);
        if (!found_[2]) fail("{}: pre_tokenizer does not say `use_regex: false`: text would be split twice", path_);
    }
    bool whole_pieces() const { return whole_pieces_; }

 private:
    [[noreturn]] void refuse(const JsonEvent& event, std::string_view what) const {
        fail("{}: {} (at byte {})", path_, what, event.position);
    }
    void expect(const JsonEvent& event, bool holds) const {
        if (!holds) refuse(event, "not what a tokenizer.json has here: the file is damaged or of another kind");
    }
    static bool is_off(const JsonEvent& event) {
        return event.kind == Kind::null || (event.kind == Kind::boolean && event.integer_value == 0) ||
               (event.kind == Kind::string && event.text.empty());
    }

    void on_top(const JsonEvent& event) {
        field_ = Field::other;
        if (event.kind == Kind::key) {
            place_ = find_place(event.text);
            normalizer_ = event.text == "normalizer";
        } else if (event.kind == Kind::null) {
            return;
        } else if (normalizer_) {
            refuse(event, "text is normalized before it is encoded, which is not done here");
        } else if (place_ == Place::added_tokens) {
            expect(event, event.kind == Kind::begin_array || event.kind == Kind::end_array);
        }
    }

    void on_added(const JsonEvent& event) {
        if (event.depth == 2) {
            expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
            if (event.kind == Kind::end_object) {
                expect(event, id_ >= 0 && !left_.empty());
                sink_.added(left_, id_);
            }
            id_ = -1;
            left_.clear();
        } else if (event.depth == 3 && event.kind == Kind::key) {
            field_ = find_field(place_, event.text);
        } else if (event.depth == 3 && field_ == Field::id) {
            expect(event, event.kind == Kind::integer);
            id_ = event.integer_value;
        } else if (event.depth == 3 && field_ == Field::content) {
            expect(event, event.kind == Kind::string);
            left_ = event.text;
        }
    }

    void on_pre_tokenizer(const JsonEvent& event) {
        if (event.kind == Kind::key) {
            field_ = find_field(place_, event.text);
            return;
        }
        if (field_ == Field::type && event.text != "Sequence" && event.text != "Split" && event.text != "ByteLevel") {
            refuse(event, fmt::format("a pre-tokenizer '{}', which is not known here", printable(event.text)));
        } else if (field_ == Field::pattern) {
            if (event.text != llama3_pattern)
                refuse(event, fmt::format("text is split by '{}', not by Llama 3's pattern", printable(event.text)));
            found_[1] = true;
        } else if (field_ == Field::use_regex) {
            if (!is_off(event)) refuse(event, "text is split by GPT-2's pattern (use_regex), not by Llama 3's");
            found_[2] = true;
        } else if (field_ == Field::behavior && event.text != "Isolated") {
            refuse(event, fmt::format("pieces are split '{}', not 'Isolated'", printable(event.text)));
        } else if (field_ == Field::must_be_off && !is_off(event)) {
            refuse(event, "a pre-tokenizer that adds a space or inverts its pattern, which is not done here");
        }
        field_ = Field::other;
    }

    void on_model(const JsonEvent& event) {
        if (event.depth == 2) return on_model_field(event);
        if (field_ == Field::vocab) {
            if (event.kind == Kind::key) {
                left_ = event.text;
            } else {
                expect(event, event.kind == Kind::integer);
                sink_.token(left_, event.integer_value);
            }
        } else if (field_ == Field::merges) {
            event.depth == 3 ? on_merge(event) : on_half(event);
        }
    }

    void on_model_field(const JsonEvent& event) {
        if (event.kind == Kind::key) {
            field_ = find_field(place_, event.text);
        } else if (field_ == Field::type && event.text != "BPE") {
            refuse(event, fmt::format("a tokenizer of the kind '{}': only BPE is read here", printable(event.text)));
        } else if (field_ == Field::vocab) {
            expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
            found_[0] = true;
        } else if (field_ == Field::merges) {
            expect(event, event.kind == Kind::begin_array || event.kind == Kind::end_array);
        } else if (field_ == Field::ignore_merges) {
            expect(event, event.kind == Kind::boolean);
            whole_pieces_ = event.integer_value != 0;
        } else if (field_ == Field::must_be_off && !is_off(event)) {
            refuse(event, "a BPE with dropout, an unknown token, affixes or byte fallback, which is not read here");
        }
    }

    void on_merge(const JsonEvent& event) {  // "left right", or the array around both
        if (event.kind == Kind::begin_array) {
            halves_ = 0;
        } else if (event.kind == Kind::end_array) {
            expect(event, halves_ == 2);
            sink_.merge(left_, right_);
        } else {
            size_t space = event.text.find(' ');
            expect(event, event.kind == Kind::string && space != event.text.npos);
            sink_.merge(event.text.substr(0, space), event.text.substr(space + 1));
        }
    }

    void on_half(const JsonEvent& event) {
        expect(event, event.kind == Kind::string && event.depth == 4 && halves_ < 2);
        (halves_++ == 0 ? left_ : right_) = event.text;
    }

    std::string_view path_;
    Sink& sink_;
    Place place_ = Place::elsewhere;
    bool normalizer_ = false;  // the key before was
    Field field_ = Field::other;
    std::array<bool, 3> found_{};  // vocabulary, pattern, use_regex
    bool whole_pieces_ = false;
    int64_t id_ = -1;
    int halves_ = 0;
    std::string left_, right_;  // also a token and the content of an added token
};

// Returns whether a piece that is a token is taken whole.
template <class Sink>
bool walk(std::string_view text, std::string_view path, Sink& sink) {
    Walk<Sink> walk(path, sink);
    read_json(text, path, [&walk](const JsonEvent& event) { walk.on_event(event); });
    walk.finish();
    return walk.whole_pieces();
}

struct Counter {
    size_t tokens = 0, token_bytes = 0, added_tokens = 0, added_bytes = 0, merges = 0;

    void token(std::string_view spelled, int64_t) {
        ++tokens;
        for (char c : spelled) token_bytes += (c & 0xc0) != 0x80;  // a character for each byte
    }
    void added(std::string_view content, int64_t) {
        ++added_tokens;
        added_bytes += content.size();
    }
    void merge(std::string_view, std::string_view) { ++merges; }
};

void check_length(std::string_view token, std::string_view spelled, std::string_view path) {
    if (token.size() > longest_token)
        fail("{}: token '{}' has {} bytes: more than {} are not read here", path, printable(spelled), token.size(),
             longest_token);
}

std::string bytes_of(std::string_view spelled, std::string_view path) {
    std::optional<std::string> bytes = read_spelled_bytes(spelled);
    if (!bytes)
        fail("{}: token '{}' is not spelled byte by byte: only byte-level BPE is read here", path, printable(spelled));
    check_length(*bytes, spelled, path);
    return *std::move(bytes);
}

struct TokenFiller {
    Vocabulary& vocabulary;
    std::string_view path;

    void token(std::string_view spelled, int64_t id) {
        set(vocabulary.tokens, id, bytes_of(spelled, path), spelled, 0);
    }
    void added(std::string_view content, int64_t id) {
        check_length(content, content, path);
        set(vocabulary.controls, id, content, content, vocabulary.tokens.size());
    }
    void merge(std::string_view, std::string_view) {}

 private:
    void set(TokenTable& table, int64_t id, std::string_view token, std::string_view spelled, int32_t first) const {
        if (id < first || id >= first + int64_t{table.size()})
            fail("{}: token '{}' has the id {}, where ids from {} to {} were due", path, printable(spelled), id, first,
                 first + int64_t{table.size()} - 1);
        if (!table.set(static_cast<int32_t>(id - first), token))
            fail("{}: token '{}' or its id {} is there twice", path, printable(spelled), id);
    }
};

// Calls on_split(left, right, joined) for each way to make a token of two others, by the joined token's id.
template <class F>
void for_each_split(const TokenTable& tokens, F on_split) {
    for (int32_t joined = 0; joined < tokens.size(); ++joined) {
        std::string_view token = tokens[joined];
        for (size_t cut = 1; cut < token.size(); ++cut) {
            std::optional<int32_t> left = tokens.find(token.substr(0, cut));
            std::optional<int32_t> right = left ? tokens.find(token.substr(cut)) : std::nullopt;
            if (right) on_split(*left, *right, joined);
        }
    }
}

struct MergeFiller {
    Vocabulary& vocabulary;
    std::string_view path;
    int32_t last = 0;
    bool by_joined_id = true;

    void token(std::string_view, int64_t) {}
    void added(std::string_view, int64_t) {}
    void merge(std::string_view left, std::string_view right) {
        int32_t left_id = find(left), right_id = find(right);
        std::string both(vocabulary.tokens[left_id]);
        std::optional<int32_t> joined = vocabulary.tokens.find(both += vocabulary.tokens[right_id]);
        if (!joined) fail("{}: '{}' and '{}' are merged, but make no token", path, printable(left), printable(right));
        if (!vocabulary.merges->add(left_id, right_id))
            fail("{}: '{}' and '{}' are merged twice", path, printable(left), printable(right));
        by_joined_id = by_joined_id && *joined >= last;
        last = *joined;
    }

 private:
    int32_t find(std::string_view spelled) const {
        std::optional<int32_t> id = vocabulary.tokens.find(bytes_of(spelled, path));
        if (!id) fail("{}: '{}' is merged, but is no token", path, printable(spelled));
        return *id;
    }
};

void read_merges(Vocabulary& vocabulary, size_t count, std::string_view text, std::string_view path) {
    size_t splits = 0;
    for_each_split(vocabulary.tokens, [&splits](int32_t, int32_t, int32_t) { ++splits; });
    if (count > splits)
        fail("{}: {} merges, but its tokens can be made of two others in {} ways only: the file is damaged", path,
             count, splits);
    vocabulary.merges.emplace(count);
    MergeFiller filler{vocabulary, path};
    walk(text, path, filler);
    if (count == splits && filler.by_joined_id) vocabulary.merges.reset();
}

}  // namespace

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path) {
    Counter counter;
    Vocabulary vocabulary;
    vocabulary.whole_pieces = walk(text, path, counter);
    if (text.size() >= (1u << 31)) fail("{}: a tokenizer of {} bytes is too large", path, text.size());
    vocabulary.tokens = TokenTable(counter.tokens, counter.token_bytes);
    vocabulary.controls = TokenTable(counter.added_tokens, counter.added_bytes);
    TokenFiller filler{vocabulary, path};
    walk(text, path, filler);
    read_merges(vocabulary, counter.merges, text, path);
    vocabulary.chat_format = vocabulary.controls.find("<|eom_id|>") ? ChatFormat::llama3_1 : ChatFormat::llama3;
    return vocabulary;
}

}  // namespace puna
