#include "cli/packed_document.h"

#include "cli/terminal.h"
#include "core/error.h"
#include "core/progress.h"

#include <algorithm>
#include <span>

namespace puna {

namespace {

constexpr size_t max_role_tokens = 16;

// The role of a turn whose header begins the ids; empty if none does.
std::string role_at(std::span<const int32_t> ids, const Tokenizer& tokenizer) {
    const TokenRoles& roles = tokenizer.roles();
    if (!roles.header_begin || ids[0] != *roles.header_begin) return {};
    std::span<const int32_t> header = ids.first(std::min(ids.size(), max_role_tokens));
    auto end = std::find(header.begin(), header.end(), roles.header_end.value_or(-1));
    return end == header.end() ? std::string() : printable(tokenizer.decode({header.begin() + 1, end}));
}

std::vector<RoleTokens> count_roles(std::span<const int32_t> ids, const Tokenizer& tokenizer) {
    std::vector<RoleTokens> counts;
    size_t current = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
        if (std::string role = role_at(ids.subspan(i), tokenizer); !role.empty()) {
            auto at = std::find_if(counts.begin(), counts.end(), [&](const RoleTokens& r) { return r.role == role; });
            current = static_cast<size_t>(at - counts.begin());
            if (at == counts.end()) counts.push_back({role});
        }
        if (!counts.empty()) ++counts[current].tokens;
    }
    return counts;
}

}  // namespace

PackedDocument read_document(const Shard& shard, int64_t document, const Tokenizer& tokenizer, int64_t max_tokens) {
    int64_t begin = shard.document_begin(document), end = shard.document_end(document);
    bool is_conversation = shard.header().masked != 0;
    PackedDocument read{.tokens = end - begin};
    // A text may have any size, a conversation is read as a whole.
    read.ids.resize(static_cast<size_t>(is_conversation ? read.tokens : std::min(read.tokens, max_tokens)));
    shard.read(begin, read.ids);
    if (!is_conversation) {
        read.trained = read.tokens - 1;
        return read;
    }
    for (int64_t i = begin; i < end; ++i) read.loss_mask.push_back(shard.in_loss(i));
    read.trained = std::count(read.loss_mask.begin(), read.loss_mask.end(), 1);
    read.roles = count_roles(read.ids, tokenizer);
    size_t shown = std::min(read.ids.size(), static_cast<size_t>(max_tokens));
    read.ids.resize(shown);
    read.loss_mask.resize(shown);
    return read;
}

std::string text_of(const PackedDocument& document, const Tokenizer& tokenizer, const LossMarks& marks,
                    bool for_terminal) {
    auto decode = [&](std::span<const int32_t> ids) {
        std::string text = tokenizer.decode(ids);
        return for_terminal ? without_controls(text) : text;
    };
    std::span<const int32_t> ids = document.ids;
    if (document.loss_mask.empty()) return decode(ids);
    std::string text;
    for (size_t i = 0, end; i < ids.size(); i = end) {
        bool in_loss = document.loss_mask[i] != 0;
        for (end = i; end < ids.size() && (document.loss_mask[end] != 0) == in_loss;) ++end;
        text += in_loss ? marks.begin : marks.context_begin;
        text += decode(ids.subspan(i, end - i));
        text += in_loss ? marks.end : marks.context_end;
    }
    return text;
}

std::string heading_of(const PackedDocument& document) {
    std::string text = format_count(document.tokens, "token");
    if (document.loss_mask.empty()) return text;
    text += fmt::format(", {} in the loss", document.trained);
    for (const RoleTokens& role : document.roles)
        text += fmt::format("{}{} {}", &role == &document.roles.front() ? "; " : ", ", role.role, role.tokens);
    return text;
}

JsonObject document_json(const PackedDocument& document, const Tokenizer& tokenizer) {
    JsonObject json{{"tokens", document.tokens}, {"trained", document.trained}};
    if (!document.loss_mask.empty()) {
        JsonObject roles;
        for (const RoleTokens& role : document.roles) roles.add(role.role, role.tokens);
        json.add("roles", roles);
    }
    json.add("text", tokenizer.decode(document.ids));
    json.add("ids", document.ids);
    if (!document.loss_mask.empty())
        json.add("loss_mask", std::vector<int>(document.loss_mask.begin(), document.loss_mask.end()));
    return json;
}

}  // namespace puna
