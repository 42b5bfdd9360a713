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

// Throws Error unless it is there and whole.
fs::path find_blob(const fs::path& folder, const JsonNode& layer) {
    std::string digest = layer.text("digest", "");
    if (!digest.starts_with("sha256:") || !is_sha256(digest.substr(7)))
        layer.need("digest").reject("is no SHA-256 digest");
    fs::path blob;
    for (const char* prefix : {"sha256-", "sha256:"}) {  // the second until 2024
        blob = folder / "blobs" / (prefix + digest.substr(7));
        if (std::error_code problem; fs::is_regular_file(blob, problem)) break;
        blob.clear();
    }
    if (blob.empty())
        fail(ErrorKind::not_found, "{}: has no {}: pull the model again", (folder / "blobs").string(), digest);
    std::error_code problem;
    int64_t bytes = static_cast<int64_t>(fs::file_size(blob, problem)), size = layer.integer("size", bytes);
    if (problem || bytes != size)
        fail(ErrorKind::damaged, "{}: has {} bytes, but its manifest says {}: pull the model again", blob.string(),
             bytes, size);
    if (!is_gguf_file(blob)) fail(ErrorKind::unsupported, "{}: is no GGUF file", blob.string());
    return blob;
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

ModelHere read_manifest(const fs::path& path, const fs::path& folder, const std::string& name) {
    std::string text = text_of_small_file(path);
    JsonDocument manifest(text, path.string());
    fs::path model, adapter;
    for (const JsonNode& layer : manifest.root().need("layers").items()) {
        std::string type = layer.text("mediaType", "");
        if (type != model_layer && type != adapter_layer) continue;
        fs::path blob = find_blob(folder, layer), &place = type == model_layer ? model : adapter;
        if (place.empty()) place = blob;
    }
    if (model.empty()) fail(ErrorKind::unsupported, "{}: has no model as a GGUF file", path.string());
    if (!adapter.empty())  // without it the answers would be another model's
        fail(ErrorKind::unsupported, "{}: is the model {} with the adapter {}: pass these", printable(name),
             model.string(), adapter.string());
    std::error_code problem;
    return {name, ollama.name, model, static_cast<int64_t>(fs::file_size(model, problem))};
}

void find(const fs::path& folder, ModelsHere& here) {
    std::vector<fs::path> manifests;
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(folder / "manifests", problem), end; !problem && entry != end;
         entry.increment(problem))
        if (std::error_code ignored; entry->is_regular_file(ignored)) manifests.push_back(entry->path());
    if (problem && problem != std::errc::no_such_file_or_directory)
        here.remarks.push_back({fmt::format("{}: cannot be read: {}", folder.string(), problem.message())});
    std::sort(manifests.begin(), manifests.end());
    for (const fs::path& manifest : manifests) {
        std::string name = name_of(manifest, folder / "manifests");
        if (name.empty()) continue;
        try {
            here.models.push_back(read_manifest(manifest, folder, name));
        } catch (const Error& reason) {
            here.remarks.push_back({reason.what(), name, ollama.name});
        }
    }
}

}  // namespace

const ModelTool ollama{"ollama", folders, find};

}  // namespace puna
