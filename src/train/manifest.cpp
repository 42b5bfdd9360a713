#include "train/manifest.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"

#include <span>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

constexpr int64_t format_version = 1;
constexpr size_t max_files = 1000, max_changes = 1000;

}  // namespace

std::string manifest_json(const Manifest& m) {
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const ManifestFile& file : m.files)
        files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.hash}});
    nlohmann::ordered_json json{{"puna_checkpoint", format_version},
                                {"step", m.state.step},
                                {"position", m.state.position},
                                {"metrics_bytes", m.state.metrics_bytes},
                                {"timing_bytes", m.state.timing_bytes},
                                {"data", m.state.data},
                                {"recipe", m.state.recipe},
                                {"files", files}};
    if (!m.state.changes.empty()) json["changes"] = m.state.changes;
    std::string body = json.dump(1);
    Hash hash;
    hash.add(std::as_bytes(std::span(body)));
    json["xxh3"] = hash.digits();
    return json.dump(1) + "\n";
}

Manifest parse_manifest(std::string_view json, std::string_view path) {
    Manifest m;
    std::string key, top;  // the last key, and the last top-level key
    int64_t version = 0;
    auto integer = [&](const JsonEvent& event) {
        if (event.kind != JsonEvent::integer || event.integer_value < 0)
            fail("{}: '{}' must be an integer, at least 0", path, key);
        return event.integer_value;
    };
    auto text = [&](const JsonEvent& event) {
        if (event.kind != JsonEvent::string) fail("{}: '{}' must be a string", path, key);
        return std::string(event.text);
    };
    read_json(json, path, [&](const JsonEvent& event) {
        bool opens_file = event.kind == JsonEvent::begin_object && event.depth == 2 && top == "files";
        if (opens_file && m.files.size() == max_files) fail("{}: more than {} files", path, max_files);
        if (opens_file) m.files.emplace_back();
        if (event.kind == JsonEvent::key) key = event.text;
        if (event.kind == JsonEvent::key && event.depth == 1) top = event.text;
        if (event.kind == JsonEvent::key || event.kind == JsonEvent::begin_object ||
            event.kind == JsonEvent::end_object || event.kind == JsonEvent::begin_array ||
            event.kind == JsonEvent::end_array)
            return;
        if (event.depth == 1) {
            if (key == "puna_checkpoint") version = integer(event);
            if (key == "step") m.state.step = integer(event);
            if (key == "position") m.state.position = integer(event);
            if (key == "metrics_bytes") m.state.metrics_bytes = integer(event);
            if (key == "timing_bytes") m.state.timing_bytes = integer(event);
            if (key == "data") m.state.data = text(event);
            if (key == "recipe") m.state.recipe = text(event);
        }
        if (event.depth == 2 && top == "changes") {
            if (m.state.changes.size() == max_changes) fail("{}: more than {} changes", path, max_changes);
            m.state.changes.push_back(text(event));
        }
        if (event.depth == 3 && !m.files.empty()) {
            if (key == "name") m.files.back().name = text(event);
            if (key == "bytes") m.files.back().bytes = integer(event);
            if (key == "xxh3") m.files.back().hash = text(event);
        }
    });
    if (version != format_version)
        fail("{}: not a checkpoint manifest of a supported version (version {})", path, version);
    for (const ManifestFile& file : m.files)
        if (file.name.empty() || file.name.find('/') != file.name.npos || file.name == ".." || file.name == ".")
            fail("{}: '{}' is not a file name in this folder", path, file.name);
    return m;
}

}  // namespace puna
