// LM Studio: PUBLISHER/REPOSITORY/FILE.gguf below a folder of its settings. Source: lmstudio-ai/lmstudio.js,
// findLMStudioHome.ts, and lmstudio-ai/lms, importCmd.ts.
#include "core/error.h"
#include "core/json_file.h"
#include "library/hub/choose_files.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"

#include <map>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

fs::path home_of_tool() {
    fs::path pointer = home_folder() / ".lmstudio-home-pointer", older = home_folder() / ".cache/lm-studio";
    std::error_code problem;
    if (fs::is_regular_file(pointer, problem)) {
        std::string home = text_of_small_file(pointer);
        while (!home.empty() && (home.back() == '\n' || home.back() == ' ')) home.pop_back();
        if (!home.empty()) return home;
    }
    return fs::is_directory(older, problem) ? older : home_folder() / ".lmstudio";
}

std::vector<fs::path> folders() {
    fs::path home = home_of_tool();
    try {
        JsonFile settings(home / "settings.json");
        std::optional<JsonNode> folder = settings.find("downloadsFolder");
        if (folder && folder->is_string()) return {folder->text()};
    } catch (const Error&) {  // its settings are damaged: where it would put models without them
    }
    return {home / "models"};
}

// Named as on the hub: "owner/name" where it has one file, else "owner/name:FILE".
void find(const fs::path& folder, ModelsHere& here) {
    std::map<std::string, std::vector<GgufHere>> repositories;
    for (GgufHere& file : find_gguf_files(folder, 3, here))
        repositories[fs::path(file.name).parent_path().string()].push_back(std::move(file));
    for (const auto& [repository, files] : repositories)
        for (const GgufHere& file : files) {
            std::string name = fs::path(file.name).filename().string();
            if (!repository.empty()) name = files.size() == 1 ? repository : repository + ":" + name;
            here.models.push_back({name, lm_studio.name, file.path, file.bytes, gguf_type_of(file.name)});
        }
}

}  // namespace

const ModelTool lm_studio{"lm-studio", folders, find};

}  // namespace puna
