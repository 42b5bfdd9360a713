#include "core/json_document.h"

#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

namespace puna {

namespace {

struct Decoded {
    std::string text;
    bool has_lone_surrogate;
};

// quoted: the source text of a key or string.
Decoded decode(std::string_view quoted) {
    Decoded decoded;
    read_json(quoted, "", [&](const JsonEvent& event) {
        decoded = {std::string(event.text), event.has_lone_surrogate};
    });
    return decoded;
}

}  // namespace

JsonDocument::JsonDocument(std::string_view text, std::string_view where, const JsonLimits& limits)
    : text_(text), where_(where), limits_(limits) {
    size_t max_bytes = std::min<size_t>(limits.bytes, std::numeric_limits<uint32_t>::max());
    if (text.size() > max_bytes)
        fail(ErrorKind::too_large, "{}: {} bytes are too many, at most {} are read", where, text.size(), max_bytes);
    read_json(
        text, where, [this](const JsonEvent& event) { add(event); }, limits.remedy);
}

void JsonDocument::add(const JsonEvent& event) {
    if (event.depth > limits_.nesting)
        fail(ErrorKind::damaged, "{}: nested too deep at byte {}: more than {} levels", where_, event.position,
             limits_.nesting);
    if (event.depth > limits_.depth) return;
    uint32_t index = static_cast<uint32_t>(nodes_.size()), end = static_cast<uint32_t>(event.position);
    if (event.kind == JsonEvent::end_object || event.kind == JsonEvent::end_array) {
        Node& closed = nodes_[open_.back()];
        closed.end = end;
        closed.next = index;
        return open_.pop_back();
    }
    if (event.kind != JsonEvent::key && ++values_ > limits_.values)
        fail(ErrorKind::too_large, "{}: has more than {} values", where_, limits_.values);
    bool quoted = event.kind == JsonEvent::key || event.kind == JsonEvent::string;
    bool nests = event.kind == JsonEvent::begin_object || event.kind == JsonEvent::begin_array;
    nodes_.push_back({.begin = end - static_cast<uint32_t>(event.raw.size()),
                      .end = end,
                      .next = index + 1,
                      .kind = event.kind,
                      .escaped = quoted && event.text.size() + 2 < event.raw.size(),
                      .too_deep = nests && event.depth == limits_.depth});
    if (nests) open_.push_back(index);
}

JsonNode JsonDocument::root() const { return {this, 0}; }

bool JsonNode::is_whole_number() const {
    return is_number() && raw().find_first_not_of("-0123456789") == std::string_view::npos;
}

int64_t JsonNode::integer() const {
    std::string_view digits = raw();
    if (node().kind == JsonEvent::number && is_whole_number())
        reject(fmt::format("is {}, which does not fit in 64 bits", printable(digits)));
    std::optional<int64_t> value = try_integer();
    if (!value) reject("must be an integer");
    return *value;
}

std::optional<int64_t> JsonNode::try_integer() const {
    std::string_view digits = raw();
    int64_t value = 0;
    if (node().kind != JsonEvent::integer) return {};
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

double JsonNode::number() const {
    if (!is_number()) reject("must be a number");
    double value = 0;
    read_json(raw(), "", [&](const JsonEvent& event) { value = event.number_value; });
    if (!std::isfinite(value)) reject(fmt::format("is out of range: {}", printable(raw())));
    return value;
}

bool JsonNode::boolean() const {
    if (!is_boolean()) reject("must be true or false");
    return raw() == "true";
}

std::string JsonNode::text() const {
    if (!is_string()) reject("must be a string");
    Decoded decoded = decode(raw());
    if (decoded.has_lone_surrogate)
        reject("contains a lone surrogate (\\ud800 to \\udfff), which is not a character: remove it or write its pair");
    return std::move(decoded.text);
}

// Calls on_child(key, value) for the values of an object, on_child(value, value) for those of an array.
template <class F>
void JsonNode::for_each_child(F on_child) const {
    if (node().too_deep) reject(fmt::format("is nested too deep: more than {} levels", document_->limits_.depth));
    uint32_t end = node().next, key = is_object() ? 1 : 0;
    for (uint32_t at = index_ + 1; at < end; at = document_->nodes_[at + key].next)
        on_child(JsonNode(document_, at), JsonNode(document_, at + key));
}

std::vector<JsonNode> JsonNode::items() const {
    if (!is_array()) reject("must be a list");
    std::vector<JsonNode> list;
    for_each_child([&](JsonNode, JsonNode item) { list.push_back(item); });
    return list;
}

std::vector<JsonMember> JsonNode::members() const {
    expect_object();
    std::vector<JsonMember> list;
    for_each_child([&](JsonNode key, JsonNode value) { list.push_back({decode(key.raw()).text, value}); });
    return list;
}

std::vector<JsonMember> JsonNode::unique_members() const {
    std::vector<JsonMember> unique;
    std::unordered_map<std::string, size_t> place_of;
    for (JsonMember& member : members()) {
        auto [at, is_new] = place_of.try_emplace(member.name, unique.size());
        if (is_new) {
            unique.push_back(std::move(member));
            continue;
        }
        JsonNode& known = unique[at->second].value;
        check_repeated(member.name, known, member.value);
        known = member.value;
    }
    return unique;
}

void JsonNode::expect_object() const {
    if (!is_object()) reject(index_ == 0 ? "not a JSON object" : "must be an object");
}

void JsonNode::check_repeated(std::string_view name, JsonNode first, JsonNode second) const {
    JsonNames names = document_->limits_.names;
    if (names == JsonNames::any || (names == JsonNames::one_value && first.raw() == second.raw())) return;
    fail(ErrorKind::damaged, "{}: duplicate field '{}': keep one", document_->where_, path_of(name));
}

std::optional<JsonNode> JsonNode::find_any(std::string_view name) const {
    expect_object();
    std::optional<JsonNode> found;
    for_each_child([&](JsonNode key, JsonNode value) {
        std::string_view quoted = key.raw(), verbatim = quoted.substr(1, quoted.size() - 2);
        if (key.node().escaped ? decode(quoted).text != name : verbatim != name) return;
        if (found) check_repeated(name, *found, value);
        found = value;
    });
    return found;
}

std::optional<JsonNode> JsonNode::find(std::string_view name) const {
    std::optional<JsonNode> found = find_any(name);
    return found && !found->is_null() ? found : std::nullopt;
}

JsonNode JsonNode::need(std::string_view name) const {
    if (std::optional<JsonNode> found = find(name)) return *found;
    fail(ErrorKind::damaged, "{}: '{}' is missing", document_->where_, path_of(name));
}

int64_t JsonNode::integer(std::string_view name, int64_t fallback) const {
    std::optional<JsonNode> value = find(name);
    return value ? value->integer() : fallback;
}

int64_t JsonNode::count(std::string_view name) const {
    int64_t value = integer(name, 0);
    if (value < 0) need(name).reject(fmt::format("is {}; it must be at least 0", value));
    return value;
}

double JsonNode::number(std::string_view name, double fallback) const {
    std::optional<JsonNode> value = find(name);
    return value ? value->number() : fallback;
}

bool JsonNode::boolean(std::string_view name, bool fallback) const {
    std::optional<JsonNode> value = find(name);
    return value ? value->boolean() : fallback;
}

std::string JsonNode::text(std::string_view name, std::string_view fallback) const {
    std::optional<JsonNode> value = find(name);
    return value ? value->text() : std::string(fallback);
}

std::string JsonNode::place() const {
    std::string own = path();
    return document_->where_ + (own.empty() ? "" : ": ") + own;
}

void JsonNode::reject(std::string_view problem) const {
    std::string own = path();
    fail(ErrorKind::damaged, "{}: {}{}", document_->where_, own.empty() ? "" : fmt::format("'{}' ", own), problem);
}

void JsonNode::reject_field(std::string_view field, std::string_view problem, ErrorKind kind) const {
    std::string begin = fmt::format("{}: '{}", document_->where_, path());
    check(begin.ends_with(field), "{} is not the field {}", begin, field);
    throw Error(fmt::format("{}' {}", begin, problem), std::string(field), begin.size() - field.size(), kind);
}

// From the root down, always into the child that contains this value.
std::string JsonNode::path() const {
    std::string path;
    for (JsonNode at = document_->root(); at.index_ != index_;) {
        JsonNode parent = at;
        int64_t item = 0;
        parent.for_each_child([&](JsonNode key, JsonNode value) {
            bool contains = value.index_ <= index_ && index_ < value.node().next;
            if (contains && parent.is_object()) path += (path.empty() ? "" : ".") + printable(decode(key.raw()).text);
            if (contains && parent.is_array()) path += fmt::format("[{}]", item);
            if (contains) at = value;
            ++item;
        });
    }
    return path;
}

std::string JsonNode::path_of(std::string_view name) const {
    std::string own = path();
    return own + (own.empty() ? "" : ".") + printable(name);
}

}  // namespace puna
