// Ollama: manifests/HOST/NAMESPACE/MODEL/TAG, a JSON object whose layers name files blobs/sha256-HEX; the one of type
// application/vnd.ollama.image.model is a GGUF file. Source: ollama/ollama, manifest and envconfig.
#include "core/error.h"
#include "core/json_document.h"
#include "files/gguf.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view model_layer = "application/vnd.ollama.image.model",
                           adapter_layer = "application/vnd.ollama.image.adapter";

std::vector<fs::path> folders() {
    if (const char* folder = std::getenv("OLLAMA_MODELS"); folder && *folder) return {expand_home(folder)};
    return {home_folder() / ".ollama/models", "/usr/share/ollama/.ollama/models"};
}

bool is_sha256(std::string_view hex) {
    return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == hex.npos;
}

// None if it is not complete: a download in progress is called ...-partial.
fs::path find_blob(const fs::path& folder, std::string_view digest) {
    if (!digest.starts_with("sha256:") || !is_sha256(digest.substr(7))) return {};
    for (const char* prefix : {"sha256-", "sha256:"}) {  // the second until 2024
        fs::path blob = folder / "blobs" / (prefix + std::string(digest.substr(7)));
        if (std::error_code problem; fs::is_regular_file(blob, problem)) return blob;
    }
    return {};
}

void check_blob(const fs::path& blob, const JsonNode& layer) {
    std::error_code problem;
    int64_t bytes = static_cast<int64_t>(fs::file_size(blob, problem)), size = layer.integer("size", bytes);
    if (problem || bytes != size)
        fail(ErrorKind::damaged, "{}: has {} bytes, but its manifest says {}: pull the model again", blob.string(),
             bytes, size);
    if (!is_gguf_file(blob)) fail(ErrorKind::unsupported, "{}: is no GGUF file", blob.string());
}

// "llama3.2:3b" of registry.ollama.ai/library/llama3.2/3b
std::string name_of(const fs::path& manifest, const fs::path& manifests) {
    std::vector<std::string> parts;
    for (const fs::path& part : manifest.lexically_relative(manifests)) parts.push_back(part.string());
    if (parts.size() != 4) return {};
    std::string name = parts[2] + ":" + parts[3];
    if (parts[0] != "registry.ollama.ai") return fmt::format("{}/{}/{}", parts[0], parts[1], name);
    return parts[1] == "library" ? name : parts[1] + "/" + name;
}

void read_manifest(const fs::path& path, const fs::path& folder, ModelsHere& here) {
    std::string name = name_of(path, folder / "manifests"), text = text_of_small_file(path);
    JsonDocument manifest(text, path.string());
    if (name.empty()) return;
    fs::path model, adapter;
    for (const JsonNode& layer : manifest.root().need("layers").items()) {
        std::string type = layer.text("mediaType", "");
        if (type != model_layer && type != adapter_layer) continue;
        fs::path blob = find_blob(folder, layer.text("digest", ""));
        if (blob.empty()) return;
        check_blob(blob, layer);
        fs::path& place = type == model_layer ? model : adapter;
        if (place.empty()) place = blob;
    }
    std::error_code problem;
    if (!model.empty() && !adapter.empty())  // without it the answers would be another model's
        here.remarks.push_back(fmt::format("{}: is the model {} with the adapter {}: pass these", printable(name),
                                           model.string(), adapter.string()));
    else if (!model.empty())
        here.models.push_back({name, ollama.name, model, static_cast<int64_t>(fs::file_size(model, problem))});
}

void find(const fs::path& folder, ModelsHere& here) {
    std::vector<fs::path> manifests;
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(folder / "manifests", problem), end; !problem && entry != end;
         entry.increment(problem))
        if (std::error_code ignored; entry->is_regular_file(ignored)) manifests.push_back(entry->path());
    if (problem && problem != std::errc::no_such_file_or_directory)
        here.remarks.push_back(fmt::format("{}: cannot be read: {}", folder.string(), problem.message()));
    std::sort(manifests.begin(), manifests.end());
    for (const fs::path& manifest : manifests) {
        try {
            read_manifest(manifest, folder, here);
        } catch (const Error& reason) {
            here.remarks.emplace_back(reason.what());
        }
    }
}

}  // namespace

const ModelTool ollama{"ollama", folders, find};

}  // namespace puna
