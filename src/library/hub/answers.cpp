#include "library/hub/answers.h"

#include "core/error.h"
#include "core/json_document.h"
#include "library/hub/name.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

namespace puna {

namespace {

constexpr JsonLimits limits{.values = 4'000'000};

ContentId id_of(const JsonNode& node) {
    std::optional<ContentId> id = parse_content_id(node.text());
    if (!id) node.reject("must be a digest of 40 or 64 hexadecimal digits");
    return *id;
}

std::string path_of(const JsonNode& entry) {
    JsonNode path = entry.need("path");
    std::string text = path.text();
    if (!is_safe_path(text)) path.reject("must stay below its folder");
    return text;
}

int64_t bytes_of(const JsonNode& entry) {
    int64_t bytes = entry.need("size").integer();
    if (bytes < 0 || bytes > max_file_bytes) entry.need("size").reject(fmt::format("must be 0 to {}", max_file_bytes));
    return bytes;
}

// A text, or a list of texts; others count as none: cards are written by hand.
std::vector<std::string> texts_of(const std::optional<JsonNode>& node) {
    std::vector<std::string> texts;
    if (node && node->is_string()) texts.push_back(node->text());
    if (node && node->is_array())
        for (const JsonNode& item : node->items())
            if (item.is_string()) texts.push_back(item.text());
    return texts;
}

std::optional<JsonNode> member_of(const std::optional<JsonNode>& node, std::string_view name) {
    return node && node->is_object() ? node->find(name) : std::nullopt;
}

// false, or "auto" and "manual".
bool is_set(const std::optional<JsonNode>& node) { return node && (!node->is_boolean() || node->boolean()); }

}  // namespace

RepositoryInfo parse_repository_info(std::string_view json, std::string_view where) {
    JsonDocument document(json, where, limits);
    JsonNode root = document.root(), commit = root.need("sha");
    RepositoryInfo info{.name = root.text("id", ""), .commit = commit.text()};
    if (!is_commit(info.commit)) commit.reject("must be a commit of 40 hexadecimal digits");
    if (!info.name.empty() && !is_repository_name(info.name))
        root.need("id").reject("must be the name of a repository");
    std::optional<JsonNode> card = root.find("cardData");
    std::vector<std::string> licenses = texts_of(member_of(card, "license"));
    if (!licenses.empty()) info.license = licenses[0];
    info.base_models = texts_of(member_of(card, "base_model"));
    info.is_gated = is_set(root.find("gated"));
    info.is_private = is_set(root.find("private"));
    return info;
}

std::vector<RepositoryFile> parse_tree_page(std::string_view json, std::string_view where) {
    JsonDocument document(json, where, limits);
    std::vector<RepositoryFile> files;
    for (const JsonNode& entry : document.root().items()) {
        if (entry.text("type", "") != "file") continue;
        std::optional<JsonNode> lfs = entry.find("lfs");
        files.push_back({path_of(entry), bytes_of(lfs ? *lfs : entry), id_of((lfs ? *lfs : entry).need("oid"))});
        if (lfs && !files.back().id.is_sha256()) lfs->need("oid").reject("must be a SHA-256");
    }
    return files;
}

std::optional<std::string> parse_next_link(std::string_view link) {
    while (!link.empty()) {
        size_t open = link.find('<'), close = link.find('>', open == link.npos ? 0 : open);
        if (open == link.npos || close == link.npos) return {};
        std::string_view url = link.substr(open + 1, close - open - 1), rest = link.substr(close + 1);
        size_t end = std::min(rest.find('<'), rest.size());
        std::string_view parameters = rest.substr(0, end);
        for (std::string_view next : {"rel=\"next\"", "rel=next"})
            if (parameters.find(next) != parameters.npos) return std::string(url);
        link = rest.substr(end);
    }
    return {};
}

namespace {

// {"error": "..."}, {"error": ["..."]}, {"errors": [{"message": "..."}]}, {"error_description": "..."}
std::string error_of_json(std::string_view body) {
    JsonDocument document(body, "answer", limits);
    JsonNode root = document.root();
    if (!root.is_object()) return {};
    for (const char* name : {"error", "error_description", "message"})
        if (std::vector<std::string> texts = texts_of(root.find(name)); !texts.empty()) return texts[0];
    std::optional<JsonNode> errors = root.find("errors");
    if (errors && errors->is_array())
        for (const JsonNode& item : errors->items())
            if (std::vector<std::string> texts = texts_of(member_of(item, "message")); !texts.empty()) return texts[0];
    return {};
}

}  // namespace

std::string parse_error_body(std::string_view body) {
    while (!body.empty() && std::isspace(static_cast<unsigned char>(body.front()))) body.remove_prefix(1);
    while (!body.empty() && std::isspace(static_cast<unsigned char>(body.back()))) body.remove_suffix(1);
    if (body.starts_with('<')) return {};  // a page, or a storage's XML
    if (!body.starts_with('{')) return printable(body, 200);
    try {
        return printable(error_of_json(body), 200);
    } catch (const Error&) {
        return {};  // no valid JSON either
    }
}

std::vector<UploadMode> parse_preupload(std::string_view json, std::string_view where) {
    JsonDocument document(json, where, limits);
    std::vector<UploadMode> modes;
    for (const JsonNode& file : document.root().need("files").items()) {
        JsonNode mode = file.need("uploadMode");
        std::string text = mode.text();
        if (text != "lfs" && text != "regular") mode.reject("must be 'lfs' or 'regular'");
        modes.push_back({.path = path_of(file),
                         .is_large = text == "lfs",
                         .is_ignored = file.boolean("shouldIgnore", false),
                         .id = file.text("oid", "")});
    }
    return modes;
}

namespace {

std::string url_of(const std::optional<JsonNode>& action) { return action ? action->need("href").text() : ""; }

// In parts: the header has chunk_size and a URL for each part, "00001", "00002", ...
void read_parts(const JsonNode& header, LfsUpload& upload) {
    std::optional<JsonNode> bytes = header.find("chunk_size");
    if (!bytes) return;
    std::string text = bytes->is_string() ? bytes->text() : std::string(bytes->raw());
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), upload.part_bytes);
    if (problem != std::errc() || end != text.data() + text.size() || upload.part_bytes <= 0)
        bytes->reject("must be a number of bytes");
    std::map<int64_t, std::string> parts;
    for (const JsonMember& member : header.members()) {
        int64_t number = 0;
        const std::string& name = member.name;
        auto [last, not_a_number] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (not_a_number == std::errc() && last == name.data() + name.size()) parts[number] = member.value.text();
    }
    for (const auto& [number, url] : parts) {
        if (number != std::ssize(upload.part_urls) + 1) header.reject("must have the URLs of all parts");
        upload.part_urls.push_back(url);
    }
}

LfsUpload parse_upload(const JsonNode& object) {
    LfsUpload upload{.id = id_of(object.need("oid")).hex};
    if (std::optional<JsonNode> error = object.find("error")) {
        upload.problem = printable(error->text("message", "no reason given"), 200);
        return upload;
    }
    std::optional<JsonNode> actions = object.find("actions");
    if (!actions) return upload;
    std::optional<JsonNode> action = actions->find("upload");
    upload.upload_url = url_of(action);
    upload.verify_url = url_of(actions->find("verify"));
    std::optional<JsonNode> header = member_of(action, "header");
    if (header && header->is_object()) read_parts(*header, upload);
    return upload;
}

}  // namespace

std::vector<LfsUpload> parse_lfs_batch(std::string_view json, std::string_view where) {
    JsonDocument document(json, where, limits);
    std::vector<LfsUpload> uploads;
    for (const JsonNode& object : document.root().need("objects").items()) uploads.push_back(parse_upload(object));
    return uploads;
}

CommitResult parse_commit(std::string_view json, std::string_view where) {
    JsonDocument document(json, where, limits);
    JsonNode root = document.root(), commit = root.need("commitOid");
    CommitResult result{commit.text(), root.text("commitUrl", ""), root.text("pullRequestUrl", "")};
    if (!is_commit(result.commit)) commit.reject("must be a commit of 40 hexadecimal digits");
    return result;
}

}  // namespace puna
