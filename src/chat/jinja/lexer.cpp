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

// Longer ones first.
constexpr std::string_view symbols[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
    Lexer(std::string_view source, std::string_view place) : source_(source), place_(place) {}

    std::vector<Token> run() {
        while (at_ < source_.size()) lex_text();
        add(Kind::end);
        return std::move(tokens_);
    }

 private:
    template <class... Args>
    [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
        fail("{}:{}: {}", place_, line_, fmt::format(format, std::forward<Args>(args)...));
    }

    char here(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
    bool at(std::string_view wanted) const { return source_.substr(at_).starts_with(wanted); }

    void advance(size_t n) {
        auto passed = source_.substr(at_, n);
        line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
        at_ += n;
        starts_line_ = passed.empty() ? starts_line_ : passed.back() == '\n';
    }
    void skip_blanks() {
        while (at_ < source_.size()) {
            Character c = read_character(source_, at_);
            if (!is_blank(c.code)) return;
            advance(c.size);
        }
    }

    void add(Kind kind, std::string_view symbol = {}, Value value = {}) {
        tokens_.push_back({kind, line_, symbol, std::move(value)});
    }
    void add_text(std::string_view text) {
        if (!text.empty()) add(Kind::text, {}, text_of(text));
    }

    // What stands before the next tag, and that tag.
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

    bool is_tag(size_t place) const {
        if (source_[place] != '{' || place + 1 == source_.size()) return false;
        char next = source_[place + 1];
        return next == '{' || next == '%' || next == '#';
    }

    // Of the text before a tag: `-` takes its last blanks, a block or comment those that stand alone on the line.
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
        if (end == source_.npos) refuse("a comment without an end: close it with #}}");
        bool has_sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
        advance(end - has_sign - at_);
        end_tag();
    }

    // At the end of a tag: what its sign and trim_blocks take with it.
    void end_tag() {
        char sign = here() == '-' || here() == '+' ? here() : '\0';
        bool is_output = here(sign ? 1 : 0) == '}';
        advance(sign ? 3 : 2);
        if (sign == '-') return skip_blanks();
        if (!sign && !is_output && here() == '\n') advance(1);
    }

    // {% raw %} ... {% endraw %}, of which the opening has been read up to its sign. False if it is another tag.
    bool lex_raw() {
        std::optional<size_t> name_end = find_word_tag(at_, "raw");
        if (!name_end || source_[*name_end] == '+') return false;
        advance(*name_end - at_);
        bool strips = here() == '-';
        advance(strips ? 3 : 2);
        if (strips) skip_blanks();
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
        refuse("{{% raw %}} without {{% endraw %}}");
    }

    // If the tag's inside from `begin` on is only that word: where its end (%}, -%} or +%}) stands.
    std::optional<size_t> find_word_tag(size_t begin, std::string_view word) const {
        auto skip = [&](size_t from) {
            return std::min(source_.find_first_not_of(" \t\n\r\f\v", from), source_.size());
        };
        size_t place = skip(begin);
        if (!source_.substr(place).starts_with(word)) return {};
        place = skip(place + word.size());
        std::string_view rest = source_.substr(place);
        bool ends = rest.starts_with("%}") || rest.starts_with("-%}") || rest.starts_with("+%}");
        return ends ? std::optional(place) : std::nullopt;
    }

    void lex_tag(Kind begin, Kind end) {
        add(begin);
        std::string_view closing = end == Kind::end_output ? "}}" : "%}";
        while (true) {
            skip_blanks();
            if (at_ == source_.size()) refuse("a tag without an end: close it with {}", closing);
            if (open_.empty() && ends_tag(closing)) break;
            lex_token();
        }
        add(end);
        end_tag();
    }

    bool ends_tag(std::string_view closing) const {
        if (at(closing)) return true;
        bool has_sign = here() == '-' || (here() == '+' && closing == "%}");
        return has_sign && source_.substr(at_ + 1).starts_with(closing);
    }

    void lex_token() {
        char c = here();
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
        refuse("unexpected character '{}'", printable(source_.substr(at_, read_character(source_, at_).size)));
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

    // A tag does not end inside of brackets, so that {{ {'a': {}} }} is one.
    void balance(std::string_view symbol) {
        if (symbol == "(") open_ += ')';
        if (symbol == "[") open_ += ']';
        if (symbol == "{") open_ += '}';
        if (symbol != ")" && symbol != "]" && symbol != "}") return;
        if (open_.empty()) refuse("unexpected '{}'", symbol);
        if (open_.back() != symbol[0]) refuse("unexpected '{}' where '{}' was expected", symbol, open_.back());
        open_.pop_back();
    }

    // Digits with single underscores between them.
    size_t digits_size(size_t from) const {
        size_t end = from;
        while (end < source_.size() &&
               (is_ascii_digit(source_[end]) || (source_[end] == '_' && end > from && source_[end - 1] != '_')))
            ++end;
        return end > from && source_[end - 1] == '_' ? end - 1 - from : end - from;
    }

    void lex_number() {
        if (here() == '0' && std::string_view("bBoOxX").find(here(1)) != std::string_view::npos && here(1))
            return lex_radix();
        size_t size = digits_size(at_), whole = size;
        bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
        if (!after_dot && here(size) == '.')
            if (size_t n = digits_size(at_ + size + 1); n > 0) size += n + 1;
        if (!after_dot && (here(size) == 'e' || here(size) == 'E')) {
            size_t sign = here(size + 1) == '+' || here(size + 1) == '-';
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
            refuse("the number {} begins with a zero", printable(digits));
        int64_t value = 0;
        auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (problem != std::errc()) return BigInteger{std::make_shared<const std::string>(digits)};
        return value;
    }

    void lex_radix() {
        char letter = static_cast<char>(here(1) | 0x20);
        int radix = letter == 'b' ? 2 : letter == 'o' ? 8 : 16;
        size_t size = 2;
        while (std::isxdigit(static_cast<unsigned char>(here(size))) || here(size) == '_') ++size;
        std::string digits(source_.substr(at_ + 2, size - 2));
        std::erase(digits, '_');
        int64_t value = 0;
        auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
        if (problem != std::errc() || end != digits.data() + digits.size())
            refuse("'{}' is no number", printable(source_.substr(at_, size)));
        add(Kind::number, {}, value);
        advance(size);
    }

    void lex_string(char quote) {
        size_t end = at_ + 1;
        while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
        if (end >= source_.size()) refuse("a string without an end: close it with {}", quote);
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

    // The escape whose letter stands at `i`; returns the place of its last character. Unknown ones stay as they are.
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
            refuse("\\N{{...}} in a string is not supported: write the character itself");
        } else if (c != '\n') {  // a line that goes on
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
            refuse("'{}' in a string is no character", printable(number));
        append_utf8(result, code);
        return begin + digits - 1;
    }

    std::string_view source_, place_;
    size_t at_ = 0;
    int line_ = 1;
    bool starts_line_ = true;  // what was read last ended a line
    std::string open_;         // the brackets that are due, innermost last
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::string_view place) { return Lexer(source, place).run(); }

std::string clean_source(std::string_view source) {
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
