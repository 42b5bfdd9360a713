// Docker Model Runner: models.json lists ids, which are digests of manifests, and tags; a manifest's layer of type
// application/vnd.docker.ai.gguf.v3 is a GGUF file in blobs/sha256. Source: docker/model-runner, pkg/distribution.
#include "core/error.h"
#include "core/json_file.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"

#include <cstdlib>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view gguf_layer = "application/vnd.docker.ai.gguf.v3";

std::vector<fs::path> folders() {
    if (const char* folder = std::getenv("MODELS_PATH"); folder && *folder) return {expand_home(folder)};
    return {home_folder() / ".docker/models", "/var/lib/docker/volumes/docker-model-runner-models/_data"};
}

// Of a digest "sha256:HEX"; empty if it is none.
std::string hex_of(std::string_view digest) {
    constexpr std::string_view prefix = "sha256:";
    if (!digest.starts_with(prefix)) return {};
    digest.remove_prefix(prefix.size());
    bool is_hex = digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == digest.npos;
    return is_hex ? std::string(digest) : std::string();
}

// "ai/smollm2:latest" of "index.docker.io/ai/smollm2:latest"
std::string short_tag(std::string_view tag) {
    for (std::string_view host : {"index.docker.io/", "docker.io/"})
        if (tag.starts_with(host)) tag.remove_prefix(host.size());
    return std::string(tag);
}

fs::path find_gguf(const fs::path& folder, const std::string& manifest) {
    fs::path path = folder / "manifests/sha256" / manifest;
    JsonFile document(path);
    std::optional<JsonNode> layers = document.find("layers");
    if (!layers) return {};
    for (const JsonNode& layer : layers->items()) {
        if (layer.text("mediaType", "") != gguf_layer) continue;
        std::string hex = hex_of(layer.text("digest", ""));
        fs::path blob = folder / "blobs/sha256" / hex;
        if (std::error_code problem; !hex.empty() && fs::is_regular_file(blob, problem)) return blob;
    }
    return {};
}

void add(const fs::path& folder, const JsonNode& model, ModelsHere& here) {
    std::string manifest = hex_of(model.text("id", ""));
    fs::path blob = manifest.empty() ? fs::path() : find_gguf(folder, manifest);
    std::optional<JsonNode> tags = model.find("tags");
    std::vector<JsonNode> names = tags ? tags->items() : std::vector<JsonNode>();
    if (blob.empty() || names.empty()) return;
    std::error_code problem;
    // Further tags are other names of the same file.
    here.models.push_back(
        {short_tag(names[0].text()), docker_models.name, blob, static_cast<int64_t>(fs::file_size(blob, problem))});
}

void find(const fs::path& folder, ModelsHere& here) {
    JsonFile list(folder / "models.json");
    std::optional<JsonNode> models = list.find("models");
    if (!models) return;
    for (const JsonNode& model : models->items()) {
        try {
            add(folder, model, here);
        } catch (const Error& reason) {
            here.remarks.push_back({reason.what()});
        }
    }
}

}  // namespace

const ModelTool docker_models{"docker", folders, find};

}  // namespace puna
