// core/json_document.h — a small JSON file as a tree of values that are converted only when they are asked for.
//
//   JsonDocument config(R"({"hidden_size": 64, "rope": {"factor": "x"}})", "config.json");
//   int64_t dim = config.root().integer("hidden_size", 4096);            // 4096 if it is absent or null
//   double factor = config.root().need("rope").need("factor").number();  // Error: config.json: 'rope.factor' must be ...
//
// Unused fields may hold anything that is valid JSON: numbers beyond a double, lone surrogates, repeated names. Errors
// name the path of the value. The text must outlive the document, the document its nodes. For texts of any size see
// core/json.h.
#pragma once
#include "core/error.h"
#include "core/file_kind.h"
#include "core/json.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class JsonNode;
struct JsonMember;

// Of members with one name. Which of them counts differs between parsers: here the last, as in Python's json.
enum class JsonNames : uint8_t {
    any,        // may be there twice
    one_value,  // asking for one that is there twice with two values is an error
    unique,     // asking for one that is there twice is an error
};

struct JsonLimits {
    size_t bytes = 64 << 20, values = 1'000'000;
    int depth = 64;                                 // what is nested deeper must be valid; asking for it is an error
    int nesting = std::numeric_limits<int>::max();  // what is nested deeper is an error
    std::string_view remedy = {};                   // see read_json
    JsonNames names = JsonNames::any;
};

// Of the small files of a model, which others read too: Python's json stops at about this depth.
inline constexpr JsonLimits model_json_limits{.nesting = 1000, .remedy = copy_again, .names = JsonNames::one_value};

class JsonDocument {
 public:
    // where: begins every message. Throws Error for invalid JSON, and for more bytes or values than the limits.
    JsonDocument(std::string_view text, std::string_view where, const JsonLimits& limits = {});
    JsonDocument(const JsonDocument&) = delete;

    JsonNode root() const;

 private:
    friend JsonNode;

    // A key or a value. The children of an object (key, value, key, ...) or array follow it.
    struct Node {
        uint32_t begin, end;  // of its source text
        uint32_t next;        // the first node after it and its children
        JsonEvent::Kind kind;
        bool escaped;   // a key or string with escapes
        bool too_deep;  // an object or array whose children are not stored
    };
    void add(const JsonEvent& event);
    std::string_view raw(const Node& node) const { return text_.substr(node.begin, node.end - node.begin); }

    std::string_view text_;
    std::string where_;
    JsonLimits limits_;
    size_t values_ = 0;
    std::vector<Node> nodes_;
    std::vector<uint32_t> open_;  // while it is read: the enclosing objects and arrays
};

// A value of a document; cheap to copy.
class JsonNode {
 public:
    bool is_object() const { return node().kind == JsonEvent::begin_object; }
    bool is_array() const { return node().kind == JsonEvent::begin_array; }
    bool is_string() const { return node().kind == JsonEvent::string; }
    bool is_number() const { return node().kind == JsonEvent::number || node().kind == JsonEvent::integer; }
    bool is_whole_number() const;  // an integer, even one beyond 64 bits
    bool is_boolean() const { return node().kind == JsonEvent::boolean; }
    bool is_null() const { return node().kind == JsonEvent::null; }

    // Throw Error for values of another kind. integer: of 64 bits, without fraction and exponent; number: finite; text:
    // without lone surrogates.
    int64_t integer() const;
    double number() const;
    bool boolean() const;
    std::string text() const;
    std::vector<JsonNode> items() const;
    std::vector<JsonMember> members() const;  // in their order, with all of a repeated name
    // At the place of the first of a repeated name, with the value of the last (see JsonNames).
    std::vector<JsonMember> unique_members() const;

    std::optional<int64_t> try_integer() const;  // none where integer() throws

    // A member of an object; of a repeated name the last (see JsonNames). find: none if it is absent or null;
    // find_any: also null; need: throws Error if it is absent or null. All throw Error if this is no object.
    std::optional<JsonNode> find(std::string_view name) const;
    std::optional<JsonNode> find_any(std::string_view name) const;
    JsonNode need(std::string_view name) const;

    // A member, converted; the fallback if it is absent or null.
    int64_t integer(std::string_view name, int64_t fallback) const;
    int64_t count(std::string_view name) const;  // at least 0; 0 if it is absent or null
    double number(std::string_view name, double fallback) const;
    bool boolean(std::string_view name, bool fallback) const;
    std::string text(std::string_view name, std::string_view fallback) const;

    std::string_view raw() const { return document_->raw(node()); }  // the source text
    size_t position() const { return node().begin; }                 // in bytes, in the document
    std::string path() const;                                        // "messages[2].content"; empty for the root
    std::string place() const;                                       // for messages: "config.json", "config.json: rope"
    // Throws Error "config.json: 'rope.factor' must be positive" for the problem "must be positive": damaged.
    [[noreturn]] void reject(std::string_view problem) const;
    // The same of the value of a field (core/fields.h): the Error has its name.
    [[noreturn]] void reject_field(std::string_view field, std::string_view problem, ErrorKind kind) const;

 private:
    friend JsonDocument;
    JsonNode(const JsonDocument* document, uint32_t index) : document_(document), index_(index) {}

    const JsonDocument::Node& node() const { return document_->nodes_[index_]; }
    void expect_object() const;
    void check_repeated(std::string_view name, JsonNode first, JsonNode second) const;
    std::string path_of(std::string_view name) const;  // of a member
    template <class F>
    void for_each_child(F on_child) const;

    const JsonDocument* document_;
    uint32_t index_;
};

struct JsonMember {
    std::string name;
    JsonNode value;
};

}  // namespace puna
