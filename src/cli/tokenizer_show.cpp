#include "chat/template_files.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "cli/piece.h"
#include "cli/tokenizer.h"
#include "core/json_text.h"
#include "core/progress.h"
#include "model/checkpoint_folders.h"
#include "tokenizer/files.h"
#include "tokenizer/merge_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace puna {

namespace {

constexpr size_t longest_shown = 5, max_piece_bytes = 48;

// Ids in ascending order.
struct TokensByKind {
    std::vector<int32_t> text, control, added;

    size_t size() const { return text.size() + control.size() + added.size(); }
};

TokensByKind sort_tokens(const Tokenizer& tokenizer) {
    TokensByKind tokens;
    for (int32_t id = 0; id < tokenizer.size(); ++id) {
        TokenKind kind = tokenizer.kind(id);
        if (kind == TokenKind::text) tokens.text.push_back(id);
        if (kind == TokenKind::control) tokens.control.push_back(id);
        if (kind == TokenKind::added) tokens.added.push_back(id);
    }
    return tokens;
}

std::vector<int32_t> longest_of(const Tokenizer& tokenizer, std::vector<int32_t> ids) {
    size_t shown = std::min(ids.size(), longest_shown);
    std::partial_sort(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(shown), ids.end(), [&](int32_t a, int32_t b) {
        size_t a_size = tokenizer.bytes(a).size(), b_size = tokenizer.bytes(b).size();
        return a_size > b_size || (a_size == b_size && a < b);
    });
    ids.resize(shown);
    return ids;
}

// "<|reserved_special_token_7|>": what surrounds its last number, and that.
struct NumberedName {
    std::string_view begin, end;
    std::optional<int64_t> number;
};

NumberedName parse_name(std::string_view name) {
    constexpr std::string_view digits = "0123456789";
    size_t last = name.find_last_of(digits);
    if (last == name.npos) return {name, {}, {}};
    size_t first = name.find_last_not_of(digits, last) + 1;  // 0 after npos
    int64_t number = 0;
    auto [end, problem] = std::from_chars(name.data() + first, name.data() + last + 1, number);
    if (problem != std::errc()) return {name, {}, {}};
    return {name.substr(0, first), name.substr(last + 1), number};
}

bool follows(std::string_view next, std::string_view name) {
    NumberedName a = parse_name(name), b = parse_name(next);
    return a.number && b.number && *b.number - *a.number == 1 && a.begin == b.begin && a.end == b.end;
}

// Ids that follow each other, as do the numbers in their names.
struct IdRange {
    int32_t first, last;
};

std::vector<IdRange> collapse(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
    std::vector<IdRange> ranges;
    for (int32_t id : ids) {
        bool continues = !ranges.empty() && ranges.back().last == id - 1 &&
                         follows(tokenizer.bytes(id), tokenizer.bytes(ranges.back().last));
        if (continues)
            ranges.back().last = id;
        else
            ranges.push_back({id, id});
    }
    return ranges;
}

void print_row(std::string_view name, const std::string& value) { fmt::print("{:<17} {}\n", name, value); }

void print_ranges(std::string_view heading, const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
    if (ids.empty()) return;
    fmt::print("\n{}\n", heading);
    for (const IdRange& range : collapse(tokenizer, ids)) {
        std::string id = fmt::format("{}", range.first), name = printable(tokenizer.bytes(range.first));
        if (range.last > range.first) {
            id += fmt::format("..{}", range.last);
            name += fmt::format("  to  {}", printable(tokenizer.bytes(range.last)));
        }
        print_row("  " + id, name);
    }
}

std::string name_of(const Tokenizer& tokenizer, std::optional<int32_t> id) {
    return id ? fmt::format("{} ({})", printable(tokenizer.bytes(*id)), *id) : "none";
}

std::string name_of(const Tokenizer& tokenizer, const TextToken& token) {
    return token.problem.empty() ? name_of(tokenizer, token.id) : "unknown: " + token.problem;
}

// The file of its own template; empty: it has none.
std::string template_file(const ChatTemplateText& chat) {
    if (chat.is_built_in || (chat.text.empty() && chat.tool_text.empty() && chat.problem.empty())) return "";
    return chat.text.empty() && !chat.tool_text.empty() ? chat.tool_origin : chat.origin;
}

std::string template_text(const ChatTemplateText& chat) {
    std::string file = template_file(chat);
    if (file.empty()) return chat.is_built_in ? "none of its own; chats use " + chat.origin : "none";
    return chat.problem.empty() ? file : fmt::format("{} (cannot be read: {})", file, chat.problem);
}

void print(const Tokenizer& tokenizer, const ChatTemplateText& chat) {
    const Vocabulary& vocabulary = tokenizer.vocabulary();
    const TokenRoles& roles = tokenizer.roles();
    TokensByKind tokens = sort_tokens(tokenizer);
    auto count = [](const auto& list, const char* noun) { return format_count(std::ssize(list), noun); };
    print_row("kind", std::string(kind_of(vocabulary).name));
    print_row("vocabulary", fmt::format("{}, {}{}", format_count(static_cast<int64_t>(tokens.size()), "token"),
                                        count(tokens.control, "control token"),
                                        tokens.added.empty() ? "" : ", " + count(tokens.added, "added token")));
    print_row("merges", count(list_merges(vocabulary), "pair"));
    print_row("split pattern", std::string(split_name(vocabulary)));
    print_row("begins a text", name_of(tokenizer, *vocabulary.begin_of_text));
    print_row("ends a text", name_of(tokenizer, *vocabulary.end_of_text));
    print_row("begins a role", name_of(tokenizer, roles.header_begin));
    print_row("ends a role", name_of(tokenizer, roles.header_end));
    print_row("ends a turn", name_of(tokenizer, roles.eot));
    print_row("ends a call", name_of(tokenizer, roles.eom));
    print_row("pads", name_of(tokenizer, roles.pad));
    print_row("chat template", template_text(chat));
    fmt::print("\nlongest tokens of text, in bytes\n");
    for (int32_t id : longest_of(tokenizer, tokens.text)) {
        std::string_view piece = tokenizer.bytes(id);
        print_row(fmt::format("  {}", piece.size()), fmt::format("{} ({})", quoted_piece(piece, max_piece_bytes), id));
    }
    print_ranges("control tokens", tokenizer, tokens.control);
    print_ranges("added tokens", tokenizer, tokens.added);
}

JsonList tokens_json(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
    JsonList list;
    for (int32_t id : ids) list.add(JsonObject{{"id", id}, {"piece", piece_json(tokenizer.bytes(id))}});
    return list;
}

JsonText or_null(std::optional<int32_t> id) { return id ? JsonText(*id) : JsonText(nullptr); }

std::string to_json(const Tokenizer& tokenizer, const ChatTemplateText& chat) {
    const Vocabulary& vocabulary = tokenizer.vocabulary();
    const TokenRoles& roles = tokenizer.roles();
    TokensByKind tokens = sort_tokens(tokenizer);
    std::string file = template_file(chat);
    return JsonObject{{"kind", kind_of(vocabulary).name},
                      {"split_pattern", split_name(vocabulary)},
                      {"tokens", tokens.size()},
                      {"text_tokens", tokens.text.size()},
                      {"merges", list_merges(vocabulary).size()},
                      {"begin_of_text", or_null(vocabulary.begin_of_text->id)},
                      {"end_of_text", or_null(vocabulary.end_of_text->id)},
                      {"begin_of_role", or_null(roles.header_begin)},
                      {"end_of_role", or_null(roles.header_end)},
                      {"end_of_turn", or_null(roles.eot)},
                      {"end_of_call", or_null(roles.eom)},
                      {"padding", or_null(roles.pad)},
                      {"chat_template", file.empty() ? JsonText(nullptr) : JsonText(file)},
                      {"longest", tokens_json(tokenizer, longest_of(tokenizer, tokens.text))},
                      {"control_tokens", tokens_json(tokenizer, tokens.control)},
                      {"added_tokens", tokens_json(tokenizer, tokens.added)}}
        .text();
}

}  // namespace

int run_tokenizer_show(Arguments arguments) {
    std::string path;
    ModelArgumentOptions pulling;
    Flags flags("tokenizer show",
                "Show a tokenizer: its kind and size, the tokens that begin, end and pad texts and turns, the longest "
                "tokens of text, and all control tokens. Numbered ones that follow each other are one line.",
                "puna tokenizer show models/starter\npuna tokenizer show models/starter --json");
    flags.positional("TOKENIZER", path, tokenizer_help);
    flags.add(list_fields(pulling));
    flags.add_json("print JSON for scripts, with each control token");
    if (!flags.parse(arguments)) return 0;
    std::filesystem::path model = find_model(model_path(path, pulling));
    Tokenizer tokenizer = load_tokenizer(model);
    ChatTemplateText chat = find_chat_template(model, tokenizer);
    if (flags.json())
        fmt::print("{}\n", to_json(tokenizer, chat));
    else
        print(tokenizer, chat);
    return 0;
}

}  // namespace puna
