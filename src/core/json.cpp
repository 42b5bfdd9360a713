#include "core/json.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/utf8.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace puna {

namespace {

constexpr int max_depth = 1 << 30;  // keeps depth within int

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An ASCII character that needs no special treatment inside a string.
bool is_plain(char c) { return c >= 0x20 && static_cast<signed char>(c) > 0 && c != '"' && c != '\\'; }

// is_plain for eight bytes at once. May return false negatives, because borrows propagate between bytes.
bool are_plain(const char* bytes8) {
    constexpr uint64_t each = 0x0101010101010101, tops = 0x80 * each;
    uint64_t bytes;
    std::memcpy(&bytes, bytes8, sizeof bytes);
    uint64_t quotes = bytes ^ each * '"', escapes = bytes ^ each * '\\';  // a zero byte marks a match
    return ((bytes | (bytes - 0x20 * each) | (quotes - each) | (escapes - each)) & tops) == 0;
}

// A character of two bytes, which half of a tokenizer's words begin with.
bool is_two_bytes(const char* text, size_t size) {
    return size >= 2 && text[0] >= '\xc2' && text[0] <= '\xdf' && static_cast<signed char>(text[1]) < -64;
}

// nlohmann's SAX parser converts every number and rejects the text if one is out of range, hence a parser of our own.
class JsonReader {
 public:
    JsonReader(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event,
               std::string_view remedy)
        : text_(text), path_(path), on_event_(on_event), remedy_(remedy) {}

    void read() {
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // byte order mark
        read_value();
        while (!in_object_.empty()) read_next();
        skip_whitespace();
        if (at_ < text_.size()) reject("unexpected text after the value");
    }

 private:
    [[noreturn]] void reject(std::string_view problem) const {
        reject_foreign_file(text_, path_);
        bool at_end = at_ >= text_.size(), zero = !at_end && text_[at_] == '\0';
        fail(ErrorKind::damaged, "{}: not valid JSON at byte {}: {}{}{}", path_, at_,
             at_end ? "unexpected end of input"
             : zero ? "unexpected zero byte"
                    : problem,
             remedy_.empty() ? "" : ": ", remedy_);
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_whitespace() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
            ++at_;
    }

    void expect(char expected, std::string_view problem) {
        if (peek() != expected) reject(problem);
        ++at_;
    }

    // An event for the text from `begin` to the current position.
    JsonEvent event(JsonEvent::Kind kind, size_t begin) const {
        return {.kind = kind,
                .depth = static_cast<int>(in_object_.size()),
                .raw = text_.substr(begin, at_ - begin),
                .position = at_};
    }

    void read_value() {
        skip_whitespace();
        switch (peek()) {
            case '{':
                return open(JsonEvent::begin_object);
            case '[':
                return open(JsonEvent::begin_array);
            case '"':
                return read_string(JsonEvent::string);
            case 't':
                return read_word("true", JsonEvent::boolean);
            case 'f':
                return read_word("false", JsonEvent::boolean);
            case 'n':
                return read_word("null", JsonEvent::null);
            case 'N':
                return read_word("NaN", JsonEvent::number);
            case 'I':
                return read_word("Infinity", JsonEvent::number);
            default:
                return text_.substr(at_).starts_with("-I") ? read_word("-Infinity", JsonEvent::number) : read_number();
        }
    }

    // Reads the end of the current object or array, or its next item.
    void read_next() {
        skip_whitespace();
        bool object = in_object_.back();
        if (peek() == (object ? '}' : ']')) return close(object ? JsonEvent::end_object : JsonEvent::end_array);
        if (!first_) expect(',', object ? "expected ',' or '}'" : "expected ',' or ']'");
        first_ = false;
        if (object) read_key();
        read_value();
    }

    void read_key() {
        skip_whitespace();
        if (peek() != '"') reject("expected a key in quotes");
        read_string(JsonEvent::key);
        skip_whitespace();
        expect(':', "expected ':'");
    }

    void open(JsonEvent::Kind kind) {
        ++at_;
        on_event_(event(kind, at_ - 1));
        if (in_object_.size() == max_depth)
            fail(ErrorKind::too_large, "{}: JSON nested deeper than {}", path_, max_depth);
        in_object_.push_back(kind == JsonEvent::begin_object);
        first_ = true;
    }

    void close(JsonEvent::Kind kind) {
        ++at_;
        in_object_.pop_back();
        first_ = false;
        on_event_(event(kind, at_ - 1));
    }

    void read_word(std::string_view word, JsonEvent::Kind kind) {
        if (!text_.substr(at_).starts_with(word)) reject("expected a value");
        at_ += word.size();
        JsonEvent e = event(kind, at_ - word.size());
        e.integer_value = word == "true";
        if (kind == JsonEvent::number) e = with_number(e, false);
        on_event_(e);
    }

    void read_number() {
        size_t begin = at_;
        if (peek() == '-') ++at_;
        if (!is_digit(peek())) reject("expected a value");
        peek() == '0' ? void(++at_) : skip_digits();
        bool whole = peek() != '.' && peek() != 'e' && peek() != 'E';
        if (peek() == '.') {
            ++at_;
            skip_digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            skip_digits();
        }
        on_event_(with_number(event(JsonEvent::number, begin), whole));
    }

    void skip_digits() {
        if (!is_digit(peek())) reject("expected a digit");
        while (is_digit(peek())) ++at_;
    }

    static JsonEvent with_number(JsonEvent e, bool whole) {
        const char *begin = e.raw.data(), *end = begin + e.raw.size();
        if (whole && std::from_chars(begin, end, e.integer_value).ec == std::errc()) {
            e.kind = JsonEvent::integer;
            e.number_value = static_cast<double>(e.integer_value);
        } else if (std::from_chars(begin, end, e.number_value).ec != std::errc()) {
            e.number_value = std::strtod(std::string(e.raw).c_str(), nullptr);  // overflow or underflow
        }
        return e;
    }

    void read_string(JsonEvent::Kind kind) {
        size_t begin = at_++;
        lone_surrogate_ = false;
        skip_plain();
        bool escapes = peek() == '\\';
        if (escapes) unescape(begin);
        ++at_;
        JsonEvent e = event(kind, begin);
        e.text = escapes ? std::string_view(unescaped_) : e.raw.substr(1, e.raw.size() - 2);
        e.has_lone_surrogate = lone_surrogate_;
        on_event_(e);
    }

    // Advances to the next escape or the closing quote.
    void skip_plain() {
        for (;;) {
            while (at_ + 8 <= text_.size() && are_plain(&text_[at_])) at_ += 8;
            while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
            if (peek() == '"' || peek() == '\\') return;
            if (static_cast<unsigned char>(peek()) < 0x20) reject("unescaped control character in a string");
            size_t length = is_two_bytes(&text_[at_], text_.size() - at_) ? 2 : utf8_length(text_.substr(at_, 4));
            if (length == 0) reject("not valid UTF-8");
            at_ += length;
        }
    }

    // Decodes the string that begins at `begin`, from its first escape (the current position) to the closing quote.
    void unescape(size_t begin) {
        unescaped_.clear();
        if (unescaped_.capacity() < text_.size() - begin)
            unescaped_.reserve(text_.size() - begin);  // enough for all later strings; growing would double the peak
        unescaped_ += text_.substr(begin + 1, at_ - begin - 1);
        while (peek() == '\\') {
            read_escape();
            size_t from = at_;
            skip_plain();
            unescaped_ += text_.substr(from, at_ - from);
        }
    }

    void read_escape() {
        ++at_;
        constexpr std::string_view codes = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
        if (peek() == 'u') return append_utf8(unescaped_, read_code());
        size_t i = codes.find(peek());
        if (i == codes.npos) reject("invalid escape");
        unescaped_ += values[i];
        ++at_;
    }

    // A surrogate pair (\ud83d\ude00) is one code point; a lone surrogate becomes U+FFFD.
    uint32_t read_code() {
        uint32_t high = read_hex();
        if (high < 0xd800 || high > 0xdfff) return high;
        size_t after_high = at_;
        if (high < 0xdc00 && text_.substr(at_).starts_with("\\u")) {
            ++at_;
            uint32_t low = read_hex();
            if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            at_ = after_high;
        }
        lone_surrogate_ = true;
        return 0xfffd;
    }

    uint32_t read_hex() {
        ++at_;
        uint32_t code = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            char c = peek();
            int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
            if (digit < 0) reject("\\u needs four hexadecimal digits");
            code = code << 4 | static_cast<uint32_t>(digit);
        }
        return code;
    }

    std::string_view text_, path_;
    const std::function<void(const JsonEvent&)>& on_event_;
    std::string_view remedy_;
    size_t at_ = 0;
    std::vector<bool> in_object_;  // for each enclosing object (true) or array
    bool first_ = false;           // no item of the innermost one was read yet
    std::string unescaped_;
    bool lone_surrogate_ = false;
};

}  // namespace

bool JsonEvent::is_whole_number() const {
    return kind == integer || (kind == number && raw.find_first_not_of("-0123456789") == raw.npos);
}

void read_json(std::string_view text, std::string_view path, const std::function<void(const JsonEvent&)>& on_event,
               std::string_view remedy) {
    JsonReader(text, path, on_event, remedy).read();
}

}  // namespace puna
