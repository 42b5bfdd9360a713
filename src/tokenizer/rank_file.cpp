#include "tokenizer/rank_file.h"

#include "core/base64.h"
#include "core/error.h"

#include <algorithm>
#include <charconv>

namespace puna {

namespace {

constexpr int control_count = 256;

struct RankLine {
    std::string_view token;  // base64
    std::string_view rank;
    size_t number;  // of the line, from 1
};

// Calls on_line for each line that is not empty.
template <class F>
void for_each_line(std::string_view text, std::string_view path, F on_line) {
    size_t number = 0;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) continue;
        size_t space = line.find(' ');
        if (space == line.npos)
            fail("{}: line {}: '{}' is not a base64 token, a space and a rank; this is not a rank file", path, number,
                 printable(line));
        on_line(RankLine{line.substr(0, space), line.substr(space + 1), number});
    }
}

// Meta's code gives the control tokens the ids from the number of lines on, whatever the ranks are.
int32_t read_rank(const RankLine& line, int32_t lines, std::string_view path) {
    int32_t rank = -1;
    const char* end = line.rank.data() + line.rank.size();
    auto [stop, problem] = std::from_chars(line.rank.data(), end, rank);
    if (problem != std::errc() || stop != end || rank < 0)
        fail("{}: line {}: '{}' is not a rank; the file is damaged", path, line.number, printable(line.rank));
    if (rank >= max_token_ids)
        fail("{}: line {}: rank {} is too large, at most {} is supported", path, line.number, rank, max_token_ids - 1);
    if (rank >= lines && rank < lines + control_count)
        fail(
            "{}: line {}: rank {} in a file of {} tokens, whose ids {} to {} are control tokens: a line is missing; "
            "download it again",
            path, line.number, rank, lines, lines, lines + control_count - 1);
    return rank;
}

// The ranks of all lines, ascending; of equal ones one.
std::vector<int32_t> read_ranks(std::string_view text, int32_t lines, std::string_view path) {
    std::vector<int32_t> ranks;
    ranks.reserve(static_cast<size_t>(lines));
    for_each_line(text, path, [&](const RankLine& line) { ranks.push_back(read_rank(line, lines, path)); });
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    return ranks;
}

[[noreturn]] void fail_to_write(std::string_view reason) {
    fail(ErrorKind::unsupported,
         "the vocabulary cannot be a rank file (Meta's tokenizer.model): {}; a tokenizer.json can say it", reason);
}

// A reader gives Meta's control tokens the ids from the number of lines on.
void expect_metas_controls(const Vocabulary& vocabulary) {
    std::vector<int32_t> ids = vocabulary.added.ids();
    auto first = static_cast<int32_t>(vocabulary.tokens.ids().size());
    auto named = [&](ControlNames version) {
        std::vector<std::string> names = control_names(version, control_count);
        for (size_t i = 0; i < ids.size(); ++i)
            if (ids[i] != first + static_cast<int32_t>(i) || vocabulary.added[ids[i]] != names[i]) return false;
        return true;
    };
    if (std::ssize(ids) > control_count || (!named(ControlNames::llama3_1) && !named(ControlNames::llama3)))
        fail_to_write("its control tokens are not Llama 3's, after the text tokens");
}

}  // namespace

Vocabulary parse_rank_file(std::string_view text, std::string_view path, ControlNames names, int64_t rows) {
    int64_t lines = 0;
    for_each_line(text, path, [&lines](const RankLine&) { ++lines; });
    if (lines >= max_token_ids || text.size() >= (1u << 31))
        fail("{}: {} tokens in {} bytes are more than supported", path, lines, text.size());
    auto first_control = static_cast<int32_t>(lines);
    Vocabulary vocabulary;
    vocabulary.tokens = TokenTable(read_ranks(text, first_control, path), text.size() / 4 * 3);
    std::string token;
    for_each_line(text, path, [&](const RankLine& line) {
        if (!read_base64(line.token, token))
            fail("{}: line {}: '{}' is not a base64 token; the file is damaged", path, line.number,
                 printable(line.token));
        if (token.size() > max_token_bytes)
            fail("{}: line {}: token has {} bytes, at most {} are supported", path, line.number, token.size(),
                 max_token_bytes);
        if (!vocabulary.tokens.set(read_rank(line, first_control, path), token))
            fail("{}: line {}: duplicate rank {} or token; the file is invalid", path, line.number, line.rank);
    });
    int64_t controls = rows > 0 ? std::clamp<int64_t>(rows - lines, 0, control_count) : control_count;
    vocabulary.append_controls(control_names(names, static_cast<int>(controls)), first_control);
    return vocabulary;
}

std::string rank_file_text(const Vocabulary& vocabulary) {
    if (vocabulary.kind != VocabularyKind::byte_bpe) fail_to_write("it is a SentencePiece vocabulary");
    if (vocabulary.split != SplitPattern::llama3)
        fail_to_write(fmt::format("text is split by {}'s pattern", info(vocabulary.split).name));
    if (vocabulary.merges) fail_to_write("its merges do not follow from its tokens");
    if (!vocabulary.whole_pieces)
        fail_to_write("pieces that are tokens are merged nevertheless (ignore_merges: false)");
    expect_metas_controls(vocabulary);
    std::string text;
    for (int32_t id : vocabulary.tokens.ids()) text += fmt::format("{} {}\n", write_base64(vocabulary.tokens[id]), id);
    return text;
}

std::vector<std::string> control_names(ControlNames version, int count) {
    bool is_3_0 = version == ControlNames::llama3;
    const std::string_view known[] = {"<|begin_of_text|>",
                                      "<|end_of_text|>",
                                      "",
                                      "",
                                      is_3_0 ? "" : "<|finetune_right_pad_id|>",
                                      "",
                                      "<|start_header_id|>",
                                      "<|end_header_id|>",
                                      is_3_0 ? "" : "<|eom_id|>",
                                      "<|eot_id|>",
                                      is_3_0 ? "" : "<|python_tag|>"};
    std::vector<std::string> names;
    int reserved = 0;
    for (int i = 0; i < count; ++i) {
        std::string_view name = i < static_cast<int>(std::size(known)) ? known[i] : "";
        names.push_back(name.empty() ? fmt::format("<|reserved_special_token_{}|>", reserved++) : std::string(name));
    }
    return names;
}

TokenTable make_table(const std::vector<std::string>& tokens) {
    size_t bytes = 0;
    for (const std::string& token : tokens) bytes += token.size();
    TokenTable table(tokens.size(), bytes);
    for (size_t i = 0; i < tokens.size(); ++i)
        check(table.set(static_cast<int32_t>(i), tokens[i]), "duplicate token '{}'", printable(tokens[i]));
    return table;
}

}  // namespace puna
