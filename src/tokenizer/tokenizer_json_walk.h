// tokenizer/tokenizer_json_walk.h — walks over a tokenizer.json: rejects unsupported settings that would change ids and
// passes the vocabulary's parts to a sink. Internal to tokenizer/tokenizer_json.cpp.
//
//   struct Sink {
//       void token(std::string_view spelled, int64_t id) {}                           // of model.vocab
//       void added(std::string_view content, int64_t id, const AddedToken& token) {}  // of added_tokens
//       void merge(std::string_view left, std::string_view right) {}                  // of model.merges
//       void post_processor(std::string_view json) {}                                 // if it is an object
//   } sink;
//   bool whole_pieces = walk_tokenizer_json(text, path, sink);
#pragma once
#include "core/error.h"
#include "core/file_kind.h"
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
        switch (section_) {
            case Section::added_tokens:
                return on_added(event);
            case Section::normalizer:
                return on_normalizer(event);
            case Section::pre_tokenizer:
                return on_pre_tokenizer(event);
            case Section::model:
                return on_model(event);
            case Section::post_processor:
            case Section::elsewhere:
                return;
        }
    }

    void finish() const {
        if (!found_[0]) fail("{}: has no vocabulary (model.vocab); this is not a BPE tokenizer", path_);
        if (!found_[1]) fail("{}: pre_tokenizer has no split pattern; only Llama 3's pattern is supported", path_);
        if (!found_[2]) fail("{}: pre_tokenizer lacks `use_regex: false`, so text would be split twice", path_);
    }
    bool whole_pieces() const { return whole_pieces_; }

 private:
    using Kind = JsonEvent::Kind;

    // Where an event is: the top-level key, and the field below it.
    enum class Section { elsewhere, added_tokens, normalizer, pre_tokenizer, model, post_processor };
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

    // unk_token and byte_fallback are ignored: they matter only for bytes without a token, and Tokenizer requires all
    // 256.
    struct KnownField {
        Section section;
        std::string_view key;
        Field field;
    };
    static constexpr KnownField known_fields[] = {
        {Section::added_tokens, "id", Field::id},
        {Section::added_tokens, "content", Field::content},
        {Section::added_tokens, "special", Field::special},
        {Section::added_tokens, "single_word", Field::single_word},
        {Section::added_tokens, "lstrip", Field::lstrip},
        {Section::added_tokens, "rstrip", Field::rstrip},
        {Section::added_tokens, "normalized", Field::normalized},
        {Section::normalizer, "type", Field::type},
        {Section::pre_tokenizer, "type", Field::type},
        {Section::pre_tokenizer, "Regex", Field::pattern},
        {Section::pre_tokenizer, "use_regex", Field::use_regex},
        {Section::pre_tokenizer, "behavior", Field::behavior},
        {Section::pre_tokenizer, "add_prefix_space", Field::must_be_off},
        {Section::pre_tokenizer, "invert", Field::must_be_off},
        {Section::model, "type", Field::type},
        {Section::model, "vocab", Field::vocab},
        {Section::model, "merges", Field::merges},
        {Section::model, "ignore_merges", Field::ignore_merges},
        {Section::model, "dropout", Field::must_be_off},
        {Section::model, "continuing_subword_prefix", Field::must_be_off},
        {Section::model, "end_of_word_suffix", Field::must_be_off},
    };

    void find_field(std::string_view key) {
        const auto* at = std::find_if(std::begin(known_fields), std::end(known_fields), [&](const KnownField& known) {
            return known.section == section_ && known.key == key;
        });
        bool known = at != std::end(known_fields);
        field_ = known ? at->field : Field::other;
        key_ = known ? at->key : std::string_view();
    }

    static Section find_section(std::string_view key) {
        if (key == "added_tokens") return Section::added_tokens;
        if (key == "normalizer") return Section::normalizer;
        if (key == "pre_tokenizer") return Section::pre_tokenizer;
        if (key == "post_processor") return Section::post_processor;
        return key == "model" ? Section::model : Section::elsewhere;
    }

    [[noreturn]] void reject(const JsonEvent& event, std::string_view what) const {
        fail("{}: {} (at byte {})", path_, what, event.position);
    }
    void expect(const JsonEvent& event, bool holds) const {
        if (!holds) reject(event, "unexpected value; the file is damaged or not a tokenizer.json");
    }
    static bool is_off(const JsonEvent& event) {
        bool zero = (event.kind == Kind::integer || event.kind == Kind::number) && event.number_value == 0;
        return zero || event.kind == Kind::null || (event.kind == Kind::boolean && event.integer_value == 0) ||
               (event.kind == Kind::string && event.text.empty());
    }
    void expect_off(const JsonEvent& event) const {
        if (!is_off(event))
            reject(event, fmt::format("'{}' is set, which would change ids and is not supported", key_));
    }

    void on_top(const JsonEvent& event) {
        field_ = Field::other;
        if (event.kind == Kind::key) {
            section_ = find_section(event.text);
        } else if (section_ == Section::normalizer) {
            on_normalizer_value(event);
        } else if (section_ == Section::post_processor && event.kind == Kind::begin_object) {
            object_ = event.raw.data();
        } else if (section_ == Section::post_processor && event.kind == Kind::end_object) {
            sink_.post_processor({object_, static_cast<size_t>(event.raw.data() + 1 - object_)});
        } else if (section_ == Section::added_tokens && event.kind != Kind::null) {
            expect(event, event.kind == Kind::begin_array || event.kind == Kind::end_array);
        }
    }

    // The only normalizer object that leaves text unchanged is an empty Sequence.
    void on_normalizer_value(const JsonEvent& event) {
        if (event.kind == Kind::null || event.kind == Kind::begin_object) return;
        if (event.kind != Kind::end_object || !is_sequence_) reject(event, "has a normalizer, which is not supported");
    }
    void on_normalizer(const JsonEvent& event) {
        if (event.kind == Kind::key) return find_field(event.text);
        if (field_ == Field::type && event.text != "Sequence")
            reject(event, fmt::format("has the normalizer '{}', which is not supported", printable(event.text)));
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
        if (field_ == Field::type) {
            on_pre_tokenizer_type(event);
        } else if (field_ == Field::pattern) {
            if (event.text != llama3_pattern)
                reject(event,
                       fmt::format("has the split pattern '{}', only Llama 3's is supported", printable(event.text)));
            found_[1] = true;
        } else if (field_ == Field::use_regex) {
            if (!is_off(event)) reject(event, "use_regex splits text by GPT-2's pattern, only Llama 3's is supported");
            found_[2] = true;
        } else if (field_ == Field::behavior && event.text != "Isolated") {
            reject(event,
                   fmt::format("has the split behavior '{}', only 'Isolated' is supported", printable(event.text)));
        } else if (field_ == Field::must_be_off) {
            expect_off(event);
        }
        field_ = Field::other;
    }

    // The only supported sequence is Split, ByteLevel, however nested.
    void on_pre_tokenizer_type(const JsonEvent& event) {
        if (event.text == "Sequence") return;
        if (event.text != "Split" && event.text != "ByteLevel")
            reject(event, fmt::format("has the pre-tokenizer '{}', which is not supported", printable(event.text)));
        if (pre_tokenizers_ == 2 || (event.text == "Split") != (pre_tokenizers_ == 0))
            reject(event, "has other pre-tokenizers than Split and ByteLevel, in this order, which is not supported");
        ++pre_tokenizers_;
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
            reject(event, fmt::format("has the model type '{}', only BPE is supported", printable(event.text)));
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

    void on_merge(const JsonEvent& event) {  // "left right", or an array of both
        if (event.kind == Kind::begin_array) {
            halves_ = 0;
        } else if (event.kind == Kind::end_array) {
            expect(event, halves_ == 2);
            sink_.merge(left_, right_);
        } else {
            size_t space = event.text.find(' ');
            if (event.text.starts_with("#version")) return;  // the first line of a merges.txt
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
    Section section_ = Section::elsewhere;
    Field field_ = Field::other;
    std::string_view key_;         // of field_
    std::array<bool, 3> found_{};  // vocabulary, pattern, use_regex
    bool is_sequence_ = false;     // the normalizer
    bool whole_pieces_ = false;
    const char* object_ = nullptr;  // where the post-processor begins
    int64_t id_ = -1;
    int halves_ = 0, pre_tokenizers_ = 0;
    AddedToken added_;
    std::string left_, right_;  // halves of a merge; left_ is also the current token or added token
};

// Returns `ignore_merges`: whether a piece that is a token is encoded as it.
template <class Sink>
bool walk_tokenizer_json(std::string_view text, std::string_view path, Sink& sink) {
    TokenizerJsonWalk<Sink> walk(path, sink);
    read_json(
        text, path, [&walk](const JsonEvent& event) { walk.on_event(event); }, copy_again);
    walk.finish();
    return walk.whole_pieces();
}

}  // namespace puna
