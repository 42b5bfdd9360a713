#include "tokenizer/tokenizer_json_survey.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/json.h"
#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <iterator>

namespace puna {

namespace {

using Kind = JsonEvent::Kind;

enum class Type : uint8_t { any, list, object, flag, text, off };

struct Field {
    std::string_view name;
    Type type;
};
constexpr Field top_fields[] = {{"added_tokens", Type::list},  {"normalizer", Type::any}, {"pre_tokenizer", Type::any},
                                {"post_processor", Type::any}, {"decoder", Type::any},    {"model", Type::object}};
// Dropout and the affixes would change ids; they must not be set.
constexpr Field model_fields[] = {{"type", Type::text},
                                  {"vocab", Type::object},
                                  {"merges", Type::list},
                                  {"unk_token", Type::text},
                                  {"fuse_unk", Type::flag},
                                  {"byte_fallback", Type::flag},
                                  {"ignore_merges", Type::flag},
                                  {"dropout", Type::off},
                                  {"continuing_subword_prefix", Type::off},
                                  {"end_of_word_suffix", Type::off}};

template <size_t n>
size_t index_of(const Field (&fields)[n], std::string_view name) {
    return static_cast<size_t>(std::find_if(fields, fields + n, [name](const Field& f) { return f.name == name; }) -
                               fields);
}

bool is_off(const JsonEvent& event) {
    bool zero = (event.kind == Kind::integer || event.kind == Kind::number) && event.number_value == 0;
    bool no = event.kind == Kind::boolean && event.integer_value == 0;
    return zero || no || event.kind == Kind::null || (event.kind == Kind::string && event.text.empty());
}

bool is_end(const JsonEvent& event) { return event.kind == Kind::end_object || event.kind == Kind::end_array; }

class SurveyReader {
 public:
    SurveyReader(std::string_view path, TokenizerJsonSurvey& survey) : path_(path), survey_(survey) {}

    void on_event(const JsonEvent& event) {
        if (event.depth > max_nesting)
            fail(ErrorKind::damaged, "{}: nested too deep at byte {}: more than {} levels", path_, event.position,
                 max_nesting);
        switch (event.depth) {
            case 0:
                if (event.kind != Kind::begin_object && event.kind != Kind::end_object)
                    fail(ErrorKind::damaged, "{}: is not a JSON object, so not a tokenizer.json", path_);
                return;
            case 1:
                return event.kind == Kind::key ? on_top_key(event.text) : on_value(top_fields, top_, event);
            case 2:
                if (!in_model()) return;
                return event.kind == Kind::key ? on_model_key(event.text) : on_value(model_fields, model_, event);
            case 3:
                return in_model() ? on_model_item(event) : void();
            default:
                return;
        }
    }

    void finish() const {
        if (survey_.vocab.empty())
            fail(ErrorKind::damaged, "{}: has no vocabulary (model.vocab); this is not a BPE tokenizer", path_);
    }

 private:
    static constexpr size_t tops = std::size(top_fields), models = std::size(model_fields);
    static constexpr size_t max_fields = 64;  // of the file, and of the model
    static constexpr int max_nesting = 128;   // as Hugging Face's tokenizers

    bool in_model() const { return top_ < tops && top_fields[top_].name == "model"; }
    std::string name_of(const Field* fields, size_t field) const {
        return fmt::format("{}{}", fields == model_fields ? "model." : "", fields[field].name);
    }

    void on_top_key(std::string_view name) {
        top_ = index_of(top_fields, name);
        model_ = models;
        expect_first(top_seen_, std::string(name));
    }
    void on_model_key(std::string_view name) {
        model_ = index_of(model_fields, name);
        expect_first(model_seen_, fmt::format("model.{}", name));
    }
    void expect_first(std::vector<std::string>& seen, std::string name) const {
        if (std::find(seen.begin(), seen.end(), name) != seen.end())
            fail(ErrorKind::damaged, "{}: '{}' is there twice: readers differ in which one counts", path_,
                 printable(name));
        if (seen.size() == max_fields) fail(ErrorKind::damaged, "{}: has more than {} fields", path_, max_fields);
        seen.push_back(std::move(name));
    }

    template <size_t n>
    void on_value(const Field (&fields)[n], size_t field, const JsonEvent& event) {
        if (field == n) return;
        if (!is_end(event) && !has_type(fields[field].type, event)) fail_type(fields, field, event);
        if (!is_end(event)) begin_ = event.raw.data();
        bool whole = event.kind != Kind::begin_object && event.kind != Kind::begin_array && event.kind != Kind::null;
        if (!whole) return;
        std::string_view json(begin_, static_cast<size_t>(event.raw.data() + event.raw.size() - begin_));
        store(fields[field].name, json, event);
    }

    static bool has_type(Type type, const JsonEvent& event) {
        if (event.kind == Kind::null) return true;
        switch (type) {
            case Type::any:
                return true;
            case Type::list:
                return event.kind == Kind::begin_array;
            case Type::object:
                return event.kind == Kind::begin_object;
            case Type::flag:
                return event.kind == Kind::boolean;
            case Type::text:
                return event.kind == Kind::string;
            case Type::off:
                return is_off(event);
        }
        return false;
    }
    [[noreturn]] void fail_type(const Field* fields, size_t field, const JsonEvent& event) const {
        constexpr std::string_view expected[] = {"", "a list", "an object", "true or false", "a string"};
        std::string name = name_of(fields, field);
        if (fields[field].type == Type::off)
            fail(ErrorKind::unsupported, "{}: '{}' is set, which would change ids and is not supported", path_, name);
        fail(ErrorKind::damaged, "{}: '{}' must be {}, not {}", path_, name,
             expected[static_cast<size_t>(fields[field].type)], printable(event.raw, 40));
    }

    void store(std::string_view name, std::string_view json, const JsonEvent& event) {
        struct Part {
            std::string_view name;
            std::string_view TokenizerJsonSurvey::*part;
        };
        constexpr Part parts[] = {{"added_tokens", &TokenizerJsonSurvey::added_tokens},
                                  {"normalizer", &TokenizerJsonSurvey::normalizer},
                                  {"pre_tokenizer", &TokenizerJsonSurvey::pre_tokenizer},
                                  {"post_processor", &TokenizerJsonSurvey::post_processor},
                                  {"decoder", &TokenizerJsonSurvey::decoder},
                                  {"vocab", &TokenizerJsonSurvey::vocab},
                                  {"merges", &TokenizerJsonSurvey::merges}};
        for (const Part& part : parts)
            if (part.name == name) survey_.*part.part = json;
        if (name == "unk_token") survey_.unk_token = std::string(event.text);
        if (name == "fuse_unk") survey_.fuse_unk = event.integer_value != 0;
        if (name == "byte_fallback") survey_.byte_fallback = event.integer_value != 0;
        if (name == "ignore_merges") survey_.ignore_merges = event.integer_value != 0;
        if (name == "type" && event.text != "BPE")
            fail(ErrorKind::unsupported, "{}: has the model type '{}', only BPE is supported", path_,
                 printable(event.text));
    }

    void on_model_item(const JsonEvent& event) {
        if (model_ == models) return;
        if (model_fields[model_].name == "vocab") on_vocab(event);
        if (model_fields[model_].name == "merges") survey_.merge_count += !is_end(event);
    }

    void on_vocab(const JsonEvent& event) {
        if (event.kind == Kind::key) {
            survey_.vocab_bytes += event.text.size();
            for (char c : event.text) survey_.vocab_characters += (c & 0xc0) != 0x80;
            last_ = event.raw;
            return;
        }
        if (event.kind != Kind::integer || event.integer_value < 0 || event.integer_value >= max_token_ids)
            fail(ErrorKind::damaged, "{}: model.vocab: token {} has id {}, ids are 0 to {}", path_, printable(last_),
                 printable(event.raw, 40), max_token_ids - 1);
        survey_.ids.push_back(static_cast<int32_t>(event.integer_value));
    }

    std::string_view path_;
    TokenizerJsonSurvey& survey_;
    size_t top_ = tops, model_ = models;  // the current field
    std::vector<std::string> top_seen_, model_seen_;
    const char* begin_ = nullptr;  // of the current value
    std::string_view last_;        // key of vocab
};

}  // namespace

TokenizerJsonSurvey survey_tokenizer_json(std::string_view text, std::string_view path) {
    TokenizerJsonSurvey survey;
    SurveyReader reader(path, survey);
    read_json(
        text, path, [&reader](const JsonEvent& event) { reader.on_event(event); }, copy_again);
    reader.finish();
    return survey;
}

}  // namespace puna
