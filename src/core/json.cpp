#include "core/json.h"

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace puna {

namespace {

constexpr int deepest = 64;
constexpr size_t longest_number = 64 << 10;

// The library keeps the whole of the current token: refuse monstrous ones before it sees them.
void check_string_lengths(std::string_view text, std::string_view path, size_t longest_string) {
    size_t at = 0;
    while ((at = text.find('"', at)) != text.npos) {
        size_t begin = ++at;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (std::min(at, text.size()) - begin > longest_string)
            fail("{}: a JSON string at byte {} is longer than {} bytes", path, begin, longest_string);
        ++at;
    }
}

void check_number_lengths(std::string_view text, std::string_view path) {
    size_t run = 0;
    for (size_t at = 0; at < text.size(); ++at) {
        run = text[at] >= '0' && text[at] <= '9' ? run + 1 : 0;
        if (run > longest_number) fail("{}: a number at byte {} has more than {} digits", path, at, longest_number);
    }
}

// Walks over the text and says how far the library has come.
struct Cursor {
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;
    const char* at;
    const char** seen;

    const char& operator*() const { return *at; }
    Cursor& operator++() {
        *seen = ++at;
        return *this;
    }
    bool operator==(const Cursor& other) const { return at == other.at; }
};

struct Sax {
    using json = nlohmann::json;
    std::string_view text, path;
    const std::function<void(const JsonEvent&)>& on_event;
    const char* seen = text.data();
    int depth = 0;

    bool emit(JsonEvent::Kind kind, std::string_view word = {}, int64_t integer = 0, double number = 0) {
        on_event({kind, depth, word, integer, number, static_cast<size_t>(seen - text.data())});
        return true;
    }
    bool open(JsonEvent::Kind kind) {
        emit(kind);
        if (++depth > deepest) fail("{}: JSON nested deeper than {}", path, deepest);
        return true;
    }
    bool close(JsonEvent::Kind kind) {
        --depth;
        return emit(kind);
    }

    bool null() { return emit(JsonEvent::null); }
    bool boolean(bool value) { return emit(JsonEvent::boolean, {}, value); }
    bool number_integer(json::number_integer_t value) {
        return emit(JsonEvent::integer, {}, value, static_cast<double>(value));
    }
    bool number_unsigned(json::number_unsigned_t value) {
        bool fits = std::in_range<int64_t>(value);
        return fits ? number_integer(static_cast<int64_t>(value))
                    : emit(JsonEvent::number, {}, 0, static_cast<double>(value));
    }
    bool number_float(json::number_float_t value, const std::string&) { return emit(JsonEvent::number, {}, 0, value); }
    bool string(std::string& value) { return emit(JsonEvent::string, value); }
    bool binary(json::binary_t&) { return false; }
    bool key(std::string& value) { return emit(JsonEvent::key, value); }
    bool start_object(size_t) { return open(JsonEvent::begin_object); }
    bool end_object() { return close(JsonEvent::end_object); }
    bool start_array(size_t) { return open(JsonEvent::begin_array); }
    bool end_array() { return close(JsonEvent::end_array); }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& problem) {
        std::string reason = problem.what();
        reason = reason.substr(0, 200);
        size_t colon = reason.rfind("; ");
        fail("{}: not valid JSON at byte {}: {}", path, position,
             colon == reason.npos ? reason : reason.substr(colon + 2));
    }
};

}  // namespace

void read_json(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event,
               size_t longest_string) {
    check_string_lengths(text, path, longest_string);
    check_number_lengths(text, path);
    if (size_t at = text.find('\0'); at != text.npos) fail("{}: not valid JSON at byte {}: a zero byte", path, at);
    Sax sax{text, path, on_event};
    nlohmann::json::sax_parse(Cursor{text.data(), &sax.seen}, Cursor{text.data() + text.size(), &sax.seen}, &sax);
}

}  // namespace puna
