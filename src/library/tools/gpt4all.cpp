// GPT4All: GGUF files in one folder, of its settings, and of its Python package. Source: nomic-ai/gpt4all,
// modellist.cpp and gpt4all.py.
#include "core/error.h"
#include "library/hub/choose_files.h"
#include "library/hub/settings.h"
#include "library/tools/models_here.h"

#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

// "modelPath=..." of its settings; empty: the default.
fs::path chosen_folder() {
    fs::path settings = xdg_folder("XDG_CONFIG_HOME", ".config") / "nomic.ai/GPT4All.ini";
    constexpr std::string_view key = "\nmodelPath=";
    std::error_code problem;
    if (!fs::is_regular_file(settings, problem)) return {};
    std::string text = "\n" + text_of_small_file(settings);
    size_t at = text.find(key);
    return at == text.npos ? fs::path()
                           : fs::path(text.substr(at + key.size(), text.find('\n', at + 1) - at - key.size()));
}

std::vector<fs::path> folders() {
    std::vector<fs::path> list{xdg_folder("XDG_DATA_HOME", ".local/share") / "nomic.ai/GPT4All",
                               xdg_folder("XDG_CACHE_HOME", ".cache") / "gpt4all"};
    if (fs::path chosen = chosen_folder(); !chosen.empty()) list.insert(list.begin(), chosen);
    return list;
}

void find(const fs::path& folder, ModelsHere& here) {
    for (const GgufHere& file : find_gguf_files(folder, 0, here))
        here.models.push_back({file.name, gpt4all.name, file.path, file.bytes, gguf_type_of(file.name)});
}

}  // namespace

const ModelTool gpt4all{"gpt4all", folders, find};

}  // namespace puna
