// Jan: llamacpp/models/ID/model.yml with the path of a GGUF file, which may lie elsewhere; an id may contain slashes.
// Source: janhq/jan, extensions/llamacpp-extension.
#include "core/error.h"
#include "library/hub/choose_files.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"
#include "library/yaml.h"

#include <algorithm>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders() {
    return {xdg_folder("XDG_DATA_HOME", ".local/share") / "Jan/data",
            xdg_folder("XDG_CONFIG_HOME", ".config") / "Jan/data"};
}

// "model_path" is absolute or relative to the data folder.
fs::path model_path(const fs::path& yml, const fs::path& data) {
    for (const YamlField& field : read_yaml_fields(text_of_small_file(yml), yml.string()))
        if (field.name == "model_path" && !field.values.empty()) return data / field.values[0];
    return yml.parent_path() / "model.gguf";
}

void find(const fs::path& folder, ModelsHere& here) {
    fs::path models = folder / "llamacpp/models";
    std::vector<fs::path> found;
    std::error_code problem;
    for (fs::recursive_directory_iterator entry(models, problem), end; !problem && entry != end;
         entry.increment(problem))
        if (entry->path().filename() == "model.yml") found.push_back(entry->path());
    std::sort(found.begin(), found.end());
    for (const fs::path& yml : found) {
        try {
            fs::path path = model_path(yml, folder);
            uintmax_t bytes = fs::is_regular_file(path, problem) ? fs::file_size(path, problem) : 0;
            std::string id = yml.parent_path().lexically_relative(models).string();
            if (bytes > 0) here.models.push_back({id, jan.name, path, static_cast<int64_t>(bytes), gguf_type_of(id)});
        } catch (const Error& reason) {
            here.remarks.push_back({reason.what()});
        }
    }
}

}  // namespace

const ModelTool jan{"jan", folders, find};

}  // namespace puna
