#include "tokenizer/tokenizer_json.h"

#include "core/error.h"
#include "core/json_document.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/merge_list.h"
#include "tokenizer/tokenizer_json_walk.h"

#include <algorithm>

namespace puna {

namespace {

struct Counter {
    std::string_view path;
    std::vector<int32_t> ids, added_ids;
    std::string_view post_processor_json;
    size_t token_bytes = 0, added_bytes = 0, merges = 0;

    void token(std::string_view spelled, int64_t id) {
        ids.push_back(check_id(spelled, id));
        for (char c : spelled) token_bytes += (c & 0xc0) != 0x80;  // one character per byte
    }
    void added(std::string_view content, int64_t id, const AddedToken&) {
        added_ids.push_back(check_id(content, id));
        added_bytes += content.size();
    }
    void merge(std::string_view, std::string_view) { ++merges; }
    void post_processor(std::string_view json) { post_processor_json = json; }

 private:
    int32_t check_id(std::string_view token, int64_t id) const {
        if (id < 0 || id >= max_token_ids)
            fail("{}: token '{}' has id {}, ids are 0 to {}", path, printable(token), id, max_token_ids - 1);
        return static_cast<int32_t>(id);
    }
};

std::vector<int32_t> sorted(std::vector<int32_t> ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

void check_length(std::string_view token, std::string_view spelled, std::string_view path) {
    if (token.size() > max_token_bytes)
        fail("{}: token '{}' has {} bytes, at most {} are supported", path, printable(spelled), token.size(),
             max_token_bytes);
}

std::string bytes_of(std::string_view spelled, std::string_view path) {
    std::optional<std::string> bytes = unicode_to_bytes(spelled);
    if (!bytes)
        fail("{}: token '{}' is not in byte-level encoding; only byte-level BPE is supported", path,
             printable(spelled));
    check_length(*bytes, spelled, path);
    return *std::move(bytes);
}

void set_token(TokenTable& table, int32_t id, std::string_view token, std::string_view spelled, std::string_view path) {
    if (!table.set(id, token)) fail("{}: duplicate token '{}' or id {}", path, printable(spelled), id);
}

struct AddedFiller {
    Vocabulary& vocabulary;
    std::string_view path;

    void token(std::string_view, int64_t) {}
    void added(std::string_view content, int64_t wide_id, const AddedToken& token) {
        auto id = static_cast<int32_t>(wide_id);
        if (vocabulary.added.find(content) == id) return;  // a duplicate entry
        check_length(content, content, path);
        set_token(vocabulary.added, id, content, content, path);
        vocabulary.added_tokens[*vocabulary.added.index_of(id)] = token;
    }
    void merge(std::string_view, std::string_view) {}
    void post_processor(std::string_view) {}
};

// Runs after AddedFiller: an added token that is also in model.vocab is one token, and byte-pair encoding produces it
// only if it is not a control token.
struct TextFiller {
    Vocabulary& vocabulary;
    std::string_view path;

    void token(std::string_view spelled, int64_t wide_id) {
        auto id = static_cast<int32_t>(wide_id);
        std::optional<std::string> bytes = unicode_to_bytes(spelled);
        if (is_added(spelled, bytes, id) && (!bytes || vocabulary.token_kind(id) == TokenKind::control)) return;
        set_token(vocabulary.tokens, id, bytes_of(spelled, path), spelled, path);
    }
    void added(std::string_view, int64_t, const AddedToken&) {}
    void merge(std::string_view, std::string_view) {}
    void post_processor(std::string_view) {}

 private:
    bool is_added(std::string_view spelled, const std::optional<std::string>& bytes, int32_t id) const {
        // Equal spellings can be different bytes: "ü" in the vocabulary is the byte 0xfc.
        bool same_bytes = !bytes || *bytes == spelled;
        std::optional<int32_t> added = same_bytes ? vocabulary.added.find(spelled) : std::nullopt;
        if (added && *added != id)
            fail("{}: token '{}' has id {} in model.vocab and {} in added_tokens; they must agree", path,
                 printable(spelled), id, *added);
        // An added token may be given as the vocabulary spells it, "Ġthe": that text is the token too.
        bool is_spelling = vocabulary.added[id] == spelled && vocabulary.token_kind(id) == TokenKind::added;
        if (!added && !is_spelling && !vocabulary.added[id].empty())
            fail("{}: duplicate token '{}' or id {}", path, printable(spelled), id);
        return added.has_value();
    }
};

struct MergeFiller {
    MergeReader& reader;

    void token(std::string_view, int64_t) {}
    void added(std::string_view, int64_t, const AddedToken&) {}
    void merge(std::string_view left, std::string_view right) { reader.add(left, right); }
    void post_processor(std::string_view) {}
};

// Reads the token that a post-processor puts before a text: {"SpecialToken": {"id": "<s>"}} is the first piece of the
// template for single texts, and {"<s>": {"ids": [1]}} one of its special_tokens.
class PostProcessor {
 public:
    PostProcessor(const Vocabulary& vocabulary, std::string_view path) : vocabulary_(vocabulary), path_(path) {}

    // No id: the template puts none. Unset: there is no template.
    std::optional<TextToken> read(JsonNode processor, int depth = 0) const {
        std::optional<JsonNode> type = member(processor, "type");
        if (!type || type->raw() == "\"ByteLevel\"") return {};
        if (type->raw() == "\"TemplateProcessing\"") return read_template(processor);
        if (type->raw() != "\"Sequence\"")
            return problem("is of the type {}, which is not supported", printable(type->raw()));
        std::optional<TextToken> found;
        for (JsonNode one : items(member(processor, "processors"))) {
            if (depth == max_depth) fail("{}: post_processor: sequences nest more than {} deep", path_, max_depth);
            if (std::optional<TextToken> token = read(one, depth + 1)) found = token;
        }
        return found;
    }

 private:
    TextToken read_template(JsonNode processor) const {
        std::vector<std::string> before;  // the text
        bool in_front = true;
        for (JsonNode piece : items(member(processor, "single"))) {
            std::optional<JsonNode> name = member(member(piece, "SpecialToken"), "id");
            in_front = in_front && name && name->is_string();
            if (in_front) before.push_back(name->text());
        }
        if (before.empty()) return {};
        if (before.size() > 1) return problem("puts {} tokens before a text, which is not supported", before.size());
        std::vector<JsonNode> ids = items(member(member(member(processor, "special_tokens"), before[0]), "ids"));
        if (ids.size() > 1) return problem("puts {} tokens before a text, which is not supported", ids.size());
        std::optional<int64_t> id = ids.empty() ? std::nullopt : ids[0].try_integer();
        if (std::optional<int32_t> known = vocabulary_.find_id(id.value_or(-1))) return {.id = known};
        return problem("begins with '{}', which is not a token", printable(before[0]));
    }

    // None, or no items, for values of other kinds.
    static std::optional<JsonNode> member(std::optional<JsonNode> object, std::string_view name) {
        return object && object->is_object() ? object->find(name) : std::nullopt;
    }
    static std::vector<JsonNode> items(std::optional<JsonNode> list) {
        return list && list->is_array() ? list->items() : std::vector<JsonNode>();
    }
    template <class... Args>
    TextToken problem(fmt::format_string<Args...> format, Args&&... args) const {
        return {.problem =
                    fmt::format("{}: post_processor ", path_) + fmt::format(format, std::forward<Args>(args)...)};
    }

    static constexpr int max_depth = 8;
    const Vocabulary& vocabulary_;
    std::string_view path_;
};

}  // namespace

Vocabulary parse_tokenizer_json(std::string_view text, std::string_view path) {
    Counter counter{path, {}, {}};
    Vocabulary vocabulary;
    vocabulary.whole_pieces = walk_tokenizer_json(text, path, counter);
    if (text.size() >= (1u << 31)) fail("{}: a tokenizer of {} bytes is too large", path, text.size());
    vocabulary.added = TokenTable(sorted(std::move(counter.added_ids)), counter.added_bytes);
    vocabulary.added_tokens.resize(vocabulary.added.size());
    AddedFiller added_filler{vocabulary, path};
    walk_tokenizer_json(text, path, added_filler);
    vocabulary.tokens = TokenTable(sorted(std::move(counter.ids)), counter.token_bytes);
    TextFiller text_filler{vocabulary, path};
    walk_tokenizer_json(text, path, text_filler);
    MergeReader merges(vocabulary, counter.merges, path);
    MergeFiller merge_filler{merges};
    walk_tokenizer_json(text, path, merge_filler);
    merges.finish();
    if (!counter.post_processor_json.empty()) {
        JsonDocument processor(counter.post_processor_json, fmt::format("{}: post_processor", path));
        vocabulary.begin_of_text = PostProcessor(vocabulary, path).read(processor.root());
    }
    return vocabulary;
}

}  // namespace puna
