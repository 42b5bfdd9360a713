// tokenizer/tokenizer_json_walk.h — one walk over a tokenizer.json: refuses what would change ids and is not done here,
// and hands what a vocabulary is made of to a sink. Only for tokenizer/tokenizer_json.cpp.
//
//   struct Sink {
//       void token(std::string_view spelled, int64_t id);                               // of model.vocab
//       void added(std::string_view content, int64_t id, const AddedToken& token);      // of added_tokens
//       void merge(std::string_view left, std::string_view right);                      // of model.merges
//   };
//   bool whole_pieces = walk_tokenizer_json(text, path, sink);
#pragma once
#include "core/error.h"
#include "core/json.h"
#include "tokenizer/split.h"
#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>

namespace puna {

template <class Sink>
class TokenizerJsonWalk {
 public:
    TokenizerJsonWalk(std::string_view path, Sink& sink) : path_(path), sink_(sink) {}

    void on_event(const JsonEvent& event) {
        if (event.depth == 0) return expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
        if (event.depth == 1) return on_top(event);
        switch (place_) {
            case Place::added_tokens:
                return on_added(event);
            case Place::normalizer:
                return on_normalizer(event);
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
    using Kind = JsonEvent::Kind;

    // Where an event is: the key of the top object, and the key below it where that matters.
    enum class Place { elsewhere, added_tokens, normalizer, pre_tokenizer, model };
    enum class Field {
        other,
        type,
        vocab,
        merges,
        ignore_merges,
        must_be_off,
        id,
        content,
        special,
        single_word,
        lstrip,
        rstrip,
        normalized,
        pattern,
        use_regex,
        behavior
    };

    // An unknown token and byte fallback are for bytes without a token of their own, which no tokenizer here lacks.
    struct KnownField {
        Place place;
        std::string_view key;
        Field field;
    };
    static constexpr KnownField known_fields[] = {
        {Place::added_tokens, "id", Field::id},
        {Place::added_tokens, "content", Field::content},
        {Place::added_tokens, "special", Field::special},
        {Place::added_tokens, "single_word", Field::single_word},
        {Place::added_tokens, "lstrip", Field::lstrip},
        {Place::added_tokens, "rstrip", Field::rstrip},
        {Place::added_tokens, "normalized", Field::normalized},
        {Place::normalizer, "type", Field::type},
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
        {Place::model, "continuing_subword_prefix", Field::must_be_off},
        {Place::model, "end_of_word_suffix", Field::must_be_off},
    };

    void find_field(std::string_view key) {
        const auto* at = std::find_if(std::begin(known_fields), std::end(known_fields), [&](const KnownField& known) {
            return known.place == place_ && known.key == key;
        });
        bool known = at != std::end(known_fields);
        field_ = known ? at->field : Field::other;
        key_ = known ? at->key : std::string_view();
    }

    static Place find_place(std::string_view key) {
        if (key == "added_tokens") return Place::added_tokens;
        if (key == "normalizer") return Place::normalizer;
        if (key == "pre_tokenizer") return Place::pre_tokenizer;
        return key == "model" ? Place::model : Place::elsewhere;
    }

    [[noreturn]] void refuse(const JsonEvent& event, std::string_view what) const {
        fail("{}: {} (at byte {})", path_, what, event.position);
    }
    void expect(const JsonEvent& event, bool holds) const {
        if (!holds) refuse(event, "not what a tokenizer.json has here: the file is damaged or of another kind");
    }
    static bool is_off(const JsonEvent& event) {
        bool zero = (event.kind == Kind::integer || event.kind == Kind::number) && event.number_value == 0;
        return zero || event.kind == Kind::null || (event.kind == Kind::boolean && event.integer_value == 0) ||
               (event.kind == Kind::string && event.text.empty());
    }
    void expect_off(const JsonEvent& event) const {
        if (!is_off(event))
            refuse(event, fmt::format("'{}' is set, which would change ids and is not supported", key_));
    }

    void on_top(const JsonEvent& event) {
        field_ = Field::other;
        if (event.kind == Kind::key) {
            place_ = find_place(event.text);
        } else if (place_ == Place::normalizer) {
            on_normalizer_itself(event);
        } else if (place_ == Place::added_tokens && event.kind != Kind::null) {
            expect(event, event.kind == Kind::begin_array || event.kind == Kind::end_array);
        }
    }

    // Nothing but a sequence of nothing leaves text as it is.
    void on_normalizer_itself(const JsonEvent& event) {
        if (event.kind == Kind::null || event.kind == Kind::begin_object) return;
        if (event.kind != Kind::end_object || !is_sequence_)
            refuse(event, "text is normalized before it is encoded, which is not done here");
    }
    void on_normalizer(const JsonEvent& event) {
        if (event.kind == Kind::key) return find_field(event.text);
        if (field_ == Field::type && event.text != "Sequence")
            refuse(event, fmt::format("text is normalized by '{}' before it is encoded, which is not done here",
                                      printable(event.text)));
        if (field_ == Field::type) is_sequence_ = true;
        field_ = Field::other;
    }

    void on_added(const JsonEvent& event) {
        if (event.depth == 2) {
            expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
            if (event.kind == Kind::end_object) {
                expect(event, id_ >= 0 && !left_.empty());
                sink_.added(left_, id_, added_);
            }
            id_ = -1;
            left_.clear();
            added_ = {};
        } else if (event.depth == 3) {
            event.kind == Kind::key ? find_field(event.text) : on_added_field(event);
        }
    }

    void on_added_field(const JsonEvent& event) {
        bool* flag = field_ == Field::special       ? &added_.control
                     : field_ == Field::single_word ? &added_.single_word
                     : field_ == Field::lstrip      ? &added_.lstrip
                     : field_ == Field::rstrip      ? &added_.rstrip
                     : field_ == Field::normalized  ? &added_.normalized
                                                    : nullptr;
        if (flag) {
            expect(event, event.kind == Kind::boolean || event.kind == Kind::null);
            *flag = event.integer_value != 0;
        } else if (field_ == Field::id) {
            expect(event, event.kind == Kind::integer);
            id_ = event.integer_value;
        } else if (field_ == Field::content) {
            expect(event, event.kind == Kind::string);
            left_ = event.text;
        }
    }

    void on_pre_tokenizer(const JsonEvent& event) {
        if (event.kind == Kind::key) return find_field(event.text);
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
        } else if (field_ == Field::must_be_off) {
            expect_off(event);
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
            find_field(event.text);
        } else if (field_ == Field::type && event.kind != Kind::null && event.text != "BPE") {
            refuse(event, fmt::format("a tokenizer of the kind '{}': only BPE is read here", printable(event.text)));
        } else if (field_ == Field::vocab) {
            expect(event, event.kind == Kind::begin_object || event.kind == Kind::end_object);
            found_[0] = true;
        } else if (field_ == Field::merges) {
            expect(event, event.kind == Kind::begin_array || event.kind == Kind::end_array);
        } else if (field_ == Field::ignore_merges) {
            expect(event, event.kind == Kind::boolean || event.kind == Kind::null);
            whole_pieces_ = event.integer_value != 0;
        } else if (field_ == Field::must_be_off) {
            expect_off(event);
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
    Field field_ = Field::other;
    std::string_view key_;         // of field_
    std::array<bool, 3> found_{};  // vocabulary, pattern, use_regex
    bool is_sequence_ = false;     // the normalizer
    bool whole_pieces_ = false;
    int64_t id_ = -1;
    int halves_ = 0;
    AddedToken added_;
    std::string left_, right_;  // also a token and the content of an added token
};

// Returns whether a piece that is a token is taken whole.
template <class Sink>
bool walk_tokenizer_json(std::string_view text, std::string_view path, Sink& sink) {
    TokenizerJsonWalk<Sink> walk(path, sink);
    read_json(text, path, [&walk](const JsonEvent& event) { walk.on_event(event); });
    walk.finish();
    return walk.whole_pieces();
}

}  // namespace puna
