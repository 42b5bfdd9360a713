// llama.cpp until March 2026: files OWNER_REPOSITORY_PATH.gguf in one folder, and for each a
// manifest=OWNER=REPOSITORY=TAG.json that names the file. Since then it uses the hub's cache. Source:
// ggml-org/llama.cpp, common/download.cpp, and pull requests 7826, 19828 and 21019.
#include "core/error.h"
#include "core/json_document.h"
#include "library/hub/choose_files.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view manifest_prefix = "manifest=", manifest_suffix = ".json";

std::vector<fs::path> folders() {
    if (const char* folder = std::getenv("LLAMA_CACHE"); folder && *folder) return {expand_home(folder)};
    return {xdg_folder("XDG_CACHE_HOME", ".cache") / "llama.cpp"};
}

// "owner/name:tag" of manifest=owner=name=tag.json
std::string name_of(std::string_view manifest) {
    std::string name(manifest.substr(manifest_prefix.size()));
    name.resize(name.size() - manifest_suffix.size());
    size_t owner = name.find('='), tag = name.rfind('=');
    if (owner == name.npos || owner == tag) return {};
    name[owner] = '/';
    name[tag] = ':';
    return name;
}

// The file's name in the folder: its path in the repository, behind the repository's name, with _ for every slash.
std::string file_of(const fs::path& manifest, std::string_view name) {
    std::string text = text_of_small_file(manifest);
    JsonDocument document(text, manifest.string());
    std::string file(name.substr(0, name.find(':')));
    file += "/" + document.root().need("ggufFile").need("rfilename").text();
    std::replace(file.begin(), file.end(), '/', '_');
    return file;
}

std::map<std::string, std::string> read_manifests(const fs::path& folder, ModelsHere& here) {
    std::map<std::string, std::string> names;  // by file
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
        std::string manifest = entry->path().filename().string(), name;
        if (!manifest.starts_with(manifest_prefix) || !manifest.ends_with(manifest_suffix)) continue;
        if ((name = name_of(manifest)).empty()) continue;
        try {
            names[file_of(entry->path(), name)] = name;
        } catch (const Error& reason) {
            here.remarks.push_back({reason.what()});
        }
    }
    return names;
}

void find(const fs::path& folder, ModelsHere& here) {
    std::map<std::string, std::string> names = read_manifests(folder, here);
    for (const GgufHere& file : find_gguf_files(folder, 0, here)) {
        auto known = names.find(file.name);
        here.models.push_back({known != names.end() ? known->second : file.name, llama_cpp.name, file.path, file.bytes,
                               gguf_type_of(file.name)});
    }
}

}  // namespace

const ModelTool llama_cpp{"llama.cpp", folders, find};

}  // namespace puna
