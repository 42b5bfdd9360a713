#include "chat/jinja/lexer.h"

#include "chat/jinja/python_str.h"
#include "core/error.h"
#include "core/utf8.h"
#include "tokenizer/unicode.h"

#include <algorithm>
#include <charconv>

namespace puna::jinja {

namespace {

using Kind = Token::Kind;

// Longest match first.
constexpr std::string_view symbols[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
    Lexer(std::string_view source, std::string_view origin) : source_(source), origin_(origin) {}

    std::vector<Token> run() {
        while (at_ < source_.size()) lex_text();
        add(Kind::end);
        return std::move(tokens_);
    }

 private:
    template <class... Args>
    [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
        fail("{}:{}: {}", origin_, line_, fmt::format(format, std::forward<Args>(args)...));
    }

    char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
    bool at(std::string_view wanted) const { return source_.substr(at_).starts_with(wanted); }

    void advance(size_t n) {
        auto passed = source_.substr(at_, n);
        line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
        at_ += n;
        starts_line_ = passed.empty() ? starts_line_ : passed.back() == '\n';
    }
    void skip_whitespace() {
        while (at_ < source_.size()) {
            Character c = read_character(source_, at_);
            if (!is_space(c.code)) return;
            advance(c.size);
        }
    }

    void add(Kind kind, std::string_view symbol = {}, Value value = {}) {
        tokens_.push_back({kind, line_, symbol, std::move(value)});
    }
    void add_text(std::string_view text) {
        if (!text.empty()) add(Kind::text, {}, text_of(text));
    }

    // The text before the next tag, and that tag.
    void lex_text() {
        size_t tag = at_;
        while (tag < source_.size() && !is_tag(tag)) ++tag;
        std::string_view text = source_.substr(at_, tag - at_);
        if (tag == source_.size()) {
            add_text(text);
            return advance(text.size());
        }
        char opening = source_[tag + 1];
        char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
        bool signed_tag = sign == '-' || sign == '+';
        add_text(strip_before(text, signed_tag ? sign : '\0', opening != '{'));
        advance(text.size() + (signed_tag ? 3 : 2));
        if (opening == '#') return skip_comment();
        if (opening == '%' && lex_raw()) return;
        opening == '{' ? lex_tag(Kind::begin_output, Kind::end_output) : lex_tag(Kind::begin_block, Kind::end_block);
    }

    bool is_tag(size_t position) const {
        if (source_[position] != '{' || position + 1 == source_.size()) return false;
        char next = source_[position + 1];
        return next == '{' || next == '%' || next == '#';
    }

    // The text before a tag, without what the tag strips: all trailing whitespace with `-`; for a block or comment at
    // the start of a line, the spaces before it.
    std::string_view strip_before(std::string_view text, char sign, bool strips_line) const {
        if (sign != '-' && (sign == '+' || !strips_line)) return text;
        size_t kept = encode_utf8(strip(text_of(text), Side::right)).size();
        if (sign == '-') return text.substr(0, kept);
        size_t newline = text.rfind('\n');
        if (newline == text.npos) return kept == 0 && starts_line_ ? std::string_view() : text;
        return kept <= newline + 1 ? text.substr(0, newline + 1) : text;
    }

    void skip_comment() {
        size_t end = source_.find("#}", at_);
        if (end == source_.npos) fail_here("unterminated comment: close it with #}}");
        bool has_sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
        advance(end - has_sign - at_);
        end_tag();
    }

    // Skips the end of a tag, and what its sign or trim_blocks strips after it.
    void end_tag() {
        char sign = peek() == '-' || peek() == '+' ? peek() : '\0';
        bool is_output = peek(sign ? 1 : 0) == '}';
        advance(sign ? 3 : 2);
        if (sign == '-') return skip_whitespace();
        if (!sign && !is_output && peek() == '\n') advance(1);
    }

    // {% raw %} ... {% endraw %}, read up to the opening's sign. Returns false if it is another tag.
    bool lex_raw() {
        std::optional<size_t> name_end = find_word_tag(at_, "raw");
        if (!name_end || source_[*name_end] == '+') return false;
        advance(*name_end - at_);
        bool strips = peek() == '-';
        advance(strips ? 3 : 2);
        if (strips) skip_whitespace();
        for (size_t tag = source_.find("{%", at_); tag != source_.npos; tag = source_.find("{%", tag + 1)) {
            char sign = tag + 2 < source_.size() && (source_[tag + 2] == '-' || source_[tag + 2] == '+')
                            ? source_[tag + 2]
                            : '\0';
            std::optional<size_t> end = find_word_tag(tag + (sign ? 3 : 2), "endraw");
            if (!end) continue;
            add_text(strip_before(source_.substr(at_, tag - at_), sign, true));
            advance(*end - at_);
            end_tag();
            return true;
        }
        fail_here("unterminated raw block: close it with {{% endraw %}}");
    }

    // If the tag whose contents begin at `begin` consists of that word only: the position of its end (%}, -%} or +%}).
    std::optional<size_t> find_word_tag(size_t begin, std::string_view word) const {
        auto skip = [&](size_t from) {
            return std::min(source_.find_first_not_of(" \t\n\r\f\v", from), source_.size());
        };
        size_t position = skip(begin);
        if (!source_.substr(position).starts_with(word)) return {};
        position = skip(position + word.size());
        std::string_view rest = source_.substr(position);
        bool ends = rest.starts_with("%}") || rest.starts_with("-%}") || rest.starts_with("+%}");
        return ends ? std::optional(position) : std::nullopt;
    }

    void lex_tag(Kind begin, Kind end) {
        add(begin);
        std::string_view closing = end == Kind::end_output ? "}}" : "%}";
        while (true) {
            skip_whitespace();
            if (at_ == source_.size()) fail_here("unterminated tag: close it with {}", closing);
            if (open_brackets_.empty() && ends_tag(closing)) break;
            lex_token();
        }
        add(end);
        end_tag();
    }

    bool ends_tag(std::string_view closing) const {
        if (at(closing)) return true;
        bool has_sign = peek() == '-' || (peek() == '+' && closing == "%}");
        return has_sign && source_.substr(at_ + 1).starts_with(closing);
    }

    void lex_token() {
        char c = peek();
        if (is_ascii_digit(c)) return lex_number();
        if (c == '\'' || c == '"') return lex_string(c);
        if (size_t size = name_size(); size > 0) {
            add(Kind::name, source_.substr(at_, size));
            return advance(size);
        }
        for (std::string_view symbol : symbols) {
            if (!at(symbol)) continue;
            balance(symbol);
            add(Kind::symbol, symbol);
            return advance(symbol.size());
        }
        fail_here("unexpected character '{}'", printable(source_.substr(at_, read_character(source_, at_).size)));
    }

    size_t name_size() const {
        size_t size = 0;
        while (at_ + size < source_.size()) {
            Character c = read_character(source_, at_ + size);
            CharacterClass kind = c.code == not_unicode ? CharacterClass::other : class_of(c.code);
            if (kind != CharacterClass::letter && kind != CharacterClass::number && c.code != '_') break;
            size += c.size;
        }
        return size;
    }

    // Tracks open brackets: a tag does not end inside them, so {{ {'a': {}} }} is one tag.
    void balance(std::string_view symbol) {
        if (symbol == "(") open_brackets_ += ')';
        if (symbol == "[") open_brackets_ += ']';
        if (symbol == "{") open_brackets_ += '}';
        if (symbol != ")" && symbol != "]" && symbol != "}") return;
        if (open_brackets_.empty()) fail_here("unexpected '{}'", symbol);
        if (open_brackets_.back() != symbol[0]) fail_here("expected '{}', found '{}'", open_brackets_.back(), symbol);
        open_brackets_.pop_back();
    }

    // Length of a run of digits with single underscores between them.
    size_t digits_size(size_t from) const {
        size_t end = from;
        while (end < source_.size() &&
               (is_ascii_digit(source_[end]) || (source_[end] == '_' && end > from && source_[end - 1] != '_')))
            ++end;
        return end > from && source_[end - 1] == '_' ? end - 1 - from : end - from;
    }

    void lex_number() {
        if (peek() == '0' && std::string_view("bBoOxX").find(peek(1)) != std::string_view::npos && peek(1))
            return lex_radix();
        size_t size = digits_size(at_), whole = size;
        bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
        if (!after_dot && peek(size) == '.')
            if (size_t n = digits_size(at_ + size + 1); n > 0) size += n + 1;
        if (!after_dot && (peek(size) == 'e' || peek(size) == 'E')) {
            size_t sign = peek(size + 1) == '+' || peek(size + 1) == '-';
            if (size_t n = digits_size(at_ + size + 1 + sign); n > 0) size += 1 + sign + n;
        }
        std::string text(source_.substr(at_, size));
        std::erase(text, '_');
        if (size > whole)
            add(Kind::number, {}, std::strtod(text.c_str(), nullptr));
        else
            add(Kind::number, {}, integer(text));
        advance(size);
    }

    Value integer(const std::string& digits) const {
        if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != digits.npos)
            fail_here("{} has leading zeros", printable(digits));
        int64_t value = 0;
        auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (problem != std::errc()) return BigInteger{std::make_shared<const std::string>(digits)};
        return value;
    }

    void lex_radix() {
        char letter = static_cast<char>(peek(1) | 0x20);
        int radix = letter == 'b' ? 2 : letter == 'o' ? 8 : 16;
        size_t size = 2;
        while (std::isxdigit(static_cast<unsigned char>(peek(size))) || peek(size) == '_') ++size;
        std::string digits(source_.substr(at_ + 2, size - 2));
        std::erase(digits, '_');
        int64_t value = 0;
        auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
        if (problem != std::errc() || end != digits.data() + digits.size())
            fail_here("invalid number '{}'", printable(source_.substr(at_, size)));
        add(Kind::number, {}, value);
        advance(size);
    }

    void lex_string(char quote) {
        size_t end = at_ + 1;
        while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
        if (end >= source_.size()) fail_here("unterminated string: close it with {}", quote);
        add(Kind::string, {}, unescape(source_.substr(at_ + 1, end - at_ - 1)));
        advance(end + 1 - at_);
    }

    Text unescape(std::string_view text) const {
        std::string result;
        for (size_t i = 0; i < text.size(); ++i) {
            if (text[i] != '\\')
                result += text[i];
            else
                i = unescape_one(text, i + 1, result);
        }
        return text_of(result);
    }

    // The escape whose letter is at `i`; returns the position of its last character. Unknown escapes are kept, as in
    // Python.
    size_t unescape_one(std::string_view text, size_t i, std::string& result) const {
        constexpr std::string_view letters = "\\'\"abfnrtv", meanings = "\\'\"\a\b\f\n\r\t\v";
        char c = text[i];
        if (size_t known = letters.find(c); known != letters.npos) {
            result += meanings[known];
        } else if (c == 'x' || c == 'u' || c == 'U') {
            return unescape_code(text, i + 1, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, result);
        } else if (c >= '0' && c <= '7') {
            size_t n = 1;
            while (n < 3 && i + n < text.size() && text[i + n] >= '0' && text[i + n] <= '7') ++n;
            return unescape_code(text, i, n, 8, result);
        } else if (c == 'N') {
            fail_here("\\N{{...}} in a string is not supported: write the character itself");
        } else if (static_cast<unsigned char>(c) >= 0x80) {  // Python reads its code with the backslash
            fail_here("a backslash before a character that is not ASCII is not supported");
        } else if (c != '\n') {  // a line continuation
            result += '\\';
            result += c;
        }
        return i;
    }

    size_t unescape_code(std::string_view text, size_t begin, size_t digits, int radix, std::string& result) const {
        uint32_t code = 0;
        std::string_view number = text.substr(std::min(begin, text.size()), digits);
        auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), code, radix);
        bool whole = number.size() == digits && problem == std::errc() && end == number.data() + digits;
        if (!whole || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            fail_here("invalid escape '{}' in a string", printable(number));
        append_utf8(result, code);
        return begin + digits - 1;
    }

    std::string_view source_, origin_;
    size_t at_ = 0;
    int line_ = 1;
    bool starts_line_ = true;    // at the start of a line
    std::string open_brackets_;  // the closing ones that are due, innermost last
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::string_view origin) { return Lexer(source, origin).run(); }

std::string normalize_newlines(std::string_view source) {
    std::string clean;
    clean.reserve(source.size());
    for (size_t i = 0; i < source.size(); ++i) {
        bool ends_line = source[i] == '\r' || source[i] == '\n';
        clean += ends_line ? '\n' : source[i];
        if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
    if (clean.ends_with('\n')) clean.pop_back();
    return clean;
}

}  // namespace puna::jinja
