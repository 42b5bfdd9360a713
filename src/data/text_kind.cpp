#include "data/text_kind.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/json.h"
#include "core/log.h"
#include "core/utf8.h"

#include <algorithm>

namespace puna {

namespace {

struct KnownFormat {
    std::string_view magic, name, remedy;
    size_t offset = 0;
};
constexpr KnownFormat known_formats[] = {
    {std::string_view("\xfd\x37\x7a\x58\x5a\x00", 6), "xz data", "decompress it first (xz -dc)"},
    {"BZh", "bzip2 data", "decompress it first (bzip2 -dc)"},
    {"\x04\x22\x4d\x18", "lz4 data", "decompress it first (lz4 -dc)"},
    {"PK\x03\x04", "a zip archive", "unpack it first (unzip)"},
    {"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first (7z x)"},
    {"Rar!\x1a\x07", "a rar archive", "unpack it first"},
    {"%PDF-", "a PDF", "extract its text first (pdftotext)"},
    {"ustar", "a tar archive", "unpack it first (tar -x)", 257},
    {std::string_view("\0{\"", 3), "a safetensors file", "name a text file", 7},
    {"GGUF", "a GGUF file", "name a text file"},
    {std::string_view("SQLite format 3\0", 16), "an SQLite database", "export its text first (sqlite3)"},
    {"PAR1", "a Parquet file", "convert it to JSON lines first"},
    {"\x89PNG\r\n", "a PNG image", "exclude it"},
    {"\xff\xd8\xff", "a JPEG image", "exclude it"},
    {"GIF8", "a GIF image", "exclude it"},
};

// In UTF-16, Latin letters and spaces have one zero byte each, always on the same side: first in UTF-16BE.
std::string_view utf16_of(std::string_view text) {
    text = text.substr(0, 4096);
    size_t zeros[2] = {0, 0};
    for (size_t i = 0; i < text.size(); ++i) zeros[i % 2] += text[i] == '\0';
    size_t many = std::max(zeros[0], zeros[1]), few = std::min(zeros[0], zeros[1]);
    bool is_utf16 = many >= 4 && many > text.size() / 64 && few <= many / 8;
    return !is_utf16 ? "" : zeros[0] > zeros[1] ? "UTF-16BE" : "UTF-16LE";
}

}  // namespace

bool is_blank(std::string_view text) { return std::all_of(text.begin(), text.end(), is_white_space); }

std::string_view without_leading_space(std::string_view text) {
    return {std::find_if_not(text.begin(), text.end(), is_white_space), text.end()};
}

std::string_view without_byte_order_mark(std::string_view text) {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return text;
}

void reject_known_formats(std::string_view beginning, std::string_view path) {
    std::string_view text = beginning.substr(0, inspected_bytes);
    if (const FileKind* encoding = find_encoding(text))
        fail(ErrorKind::damaged, "{}: is {}, not text: {}", path, encoding->name, encoding->remedy);
    for (const KnownFormat& known : known_formats)
        if (text.substr(std::min(known.offset, text.size())).starts_with(known.magic))
            fail(ErrorKind::damaged, "{}: is {}, not text: {}", path, known.name, known.remedy);
}

void reject_other_formats(std::string_view beginning, std::string_view path) {
    reject_known_formats(beginning, path);
    if (std::string_view name = utf16_of(beginning); !name.empty())
        throw EncodingError(
            fmt::format("{}: looks like {}: convert it to UTF-8 (iconv -f {} -t UTF-8)", path, name, name));
}

void reject_non_text(std::string_view beginning, std::string_view path) {
    if (beginning.starts_with(git_lfs_magic))
        fail(ErrorKind::damaged, "{}: is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'", path);
    std::string_view text = beginning.substr(0, inspected_bytes);
    size_t cut = text.size() < beginning.size() ? 3 : 0;  // a character may be truncated at the end
    size_t errors = find_utf8_errors(text).count;
    errors -= std::min(errors, cut);
    if (errors == 0 && text.find('\0') == text.npos) return;
    reject_other_formats(text, path);
    if (errors > std::max<size_t>(text.size() / 10, 4))  // not just one in a short text
        throw EncodingError(
            fmt::format("{}: is not UTF-8 text: {} of its first {} bytes are invalid; convert it to UTF-8 (iconv)",
                        path, errors, text.size()));
}

bool contains_json(std::string_view beginning) {
    std::string_view text = without_leading_space(without_byte_order_mark(beginning));
    if (text.starts_with('[')) {
        std::string_view item = without_leading_space(text.substr(1));
        return item.starts_with('{') && without_leading_space(item.substr(1)).starts_with('"');
    }
    if (!text.starts_with('{')) return false;
    try {
        read_json(text.substr(0, text.find('\n')), "", [](const JsonEvent&) {});  // a line of any size
        return true;
    } catch (const Error&) {
        return false;
    }
}

std::string_view plain_text(std::string_view content, std::string_view path) {
    reject_non_text(content, path);
    if (content.find('\0') != content.npos)
        fail(ErrorKind::damaged, "{}: is not text: it contains a zero byte; exclude it or convert it to UTF-8", path);
    if (Utf8Errors errors = find_utf8_errors(content); errors.count > 0) warn_about_invalid_utf8(path, errors.first);
    return without_byte_order_mark(content);
}

void warn_about_invalid_utf8(std::string_view path, size_t offset) {
    log_warning(
        "{}: is not valid UTF-8, first at byte {}: bytes are kept unchanged; convert other encodings with iconv", path,
        offset);
}

}  // namespace puna
