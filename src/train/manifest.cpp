#include "train/manifest.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "core/json_text.h"

#include <optional>

namespace puna {

namespace {

constexpr int64_t format_version = 2;  // 1: without the model's config and tokenizer
constexpr JsonLimits limits{.bytes = 4 << 20, .values = 10'000};

ManifestFile file_of(JsonNode value, std::string_view path) {
    ManifestFile file{value.need("name").text(), value.text("xxh3", ""), value.count("bytes")};
    if (file.name.empty() || file.name.find('/') != file.name.npos || file.name == ".." || file.name == ".")
        fail(ErrorKind::damaged, "{}: '{}' is not a file name in this folder", path, printable(file.name));
    return file;
}

std::vector<JsonNode> items_of(JsonNode root, std::string_view name) {
    std::optional<JsonNode> list = root.find(name);
    return list ? list->items() : std::vector<JsonNode>();
}

}  // namespace

std::string manifest_json(const Manifest& m) {
    JsonList files;
    for (const ManifestFile& file : m.files)
        files.add(JsonObject{{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.hash}});
    JsonObject json{{"puna_checkpoint", format_version},
                    {"step", m.state.step},
                    {"position", m.state.position},
                    {"metrics_bytes", m.state.metrics_bytes},
                    {"timing_bytes", m.state.timing_bytes},
                    {"data", m.state.data},
                    {"recipe", m.state.recipe},
                    {"files", files}};
    if (!m.state.changes.empty()) json.add("changes", m.state.changes);
    std::string body = indent_json(json.text(), 1);
    json.add("xxh3", hash_digits(hash_bytes(body)));
    return indent_json(json.text(), 1) + "\n";
}

Manifest parse_manifest(std::string_view json, std::string_view path) {
    JsonDocument document(json, path, limits);
    JsonNode root = document.root();
    if (int64_t version = root.integer("puna_checkpoint", 0); version != format_version)
        fail(ErrorKind::unsupported,
             "{}: not a checkpoint manifest of a supported version (version {}): resume it with the version of puna "
             "that wrote it, or train again",
             path, version);
    Manifest m;
    m.state = {.step = root.count("step"),
               .position = root.count("position"),
               .metrics_bytes = root.count("metrics_bytes"),
               .timing_bytes = root.count("timing_bytes"),
               .recipe = root.text("recipe", ""),
               .data = root.text("data", "")};
    for (JsonNode change : items_of(root, "changes")) m.state.changes.push_back(change.text());
    for (JsonNode file : items_of(root, "files")) m.files.push_back(file_of(file, path));
    return m;
}

}  // namespace puna
