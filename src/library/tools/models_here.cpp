#include "library/tools/models_here.h"

#include "core/ascii.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "library/hub/choose_files.h"

#include <algorithm>
#include <set>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr const ModelTool* all_tools[] = {&ollama, &lm_studio, &llama_cpp, &gpt4all, &jan, &docker_models};
constexpr uintmax_t max_small_file = 1 << 20;
constexpr size_t max_files = 100'000;

bool has_gguf_name(const fs::path& path) { return ascii_lower(path.extension().string()) == ".gguf"; }

// What else is in the folders of models: projectors of images, downloads that are not complete.
bool is_model_name(const std::string& name) {
    return name.find("mmproj") == name.npos && !name.starts_with("incomplete-") && !name.starts_with('.');
}

// Files by name, relative to the folder; links are followed, folders only so deep.
std::vector<std::string> list_gguf_names(const fs::path& folder, int depth, ModelsHere& here) {
    std::vector<std::string> names;
    std::error_code problem;
    auto options = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator entry(folder, options, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored;
        if (entry.depth() >= depth) entry.disable_recursion_pending();
        if (has_gguf_name(entry->path()) && entry->is_regular_file(ignored) && names.size() < max_files)
            names.push_back(entry->path().lexically_relative(folder).string());
    }
    if (problem) here.remarks.push_back({fmt::format("{}: cannot be read: {}", folder.string(), problem.message())});
    std::sort(names.begin(), names.end());
    return names;
}

void search(const ModelTool& tool, const fs::path& folder, ModelsHere& here) {
    std::error_code problem;
    bool exists = fs::exists(folder, problem);
    if (problem) fail("{}: cannot be read: {}", folder.string(), problem.message());
    if (exists) tool.find(folder, here);
}

// What fails is a remark.
template <class F>
void with_remark(ModelsHere& here, F f) {
    try {
        f();
    } catch (const Error& reason) {
        here.remarks.push_back({reason.what()});
    }
}

int64_t size_of(const fs::path& path) {
    std::error_code problem;
    uintmax_t bytes = fs::file_size(path, problem);
    return problem ? 0 : static_cast<int64_t>(bytes);
}

}  // namespace

std::vector<GgufHere> find_gguf_files(const fs::path& folder, int depth, ModelsHere& here) {
    std::vector<std::string> names = list_gguf_names(folder, depth, here);
    std::vector<GgufHere> files;
    std::set<std::string> taken;
    for (const std::string& name : names) {
        if (taken.contains(name) || !is_model_name(fs::path(name).filename().string())) continue;
        GgufHere file{name, folder / name, 0};
        for (const std::string& part : split_set(names, name)) {
            taken.insert(part);
            file.bytes += size_of(folder / part);
        }
        files.push_back(std::move(file));
    }
    return files;
}

std::string text_of_small_file(const fs::path& path) {
    std::error_code problem;
    uintmax_t bytes = fs::file_size(path, problem);
    if (!problem && bytes > max_small_file)
        fail(ErrorKind::too_large, "{}: {} bytes are more than such a file has", path.string(), bytes);
    return read_text(path);
}

ModelsHere find_models_of_tools() {
    ModelsHere here;
    for (const ModelTool* tool : all_tools)
        with_remark(here, [&] {
            for (const fs::path& folder : tool->folders()) with_remark(here, [&] { search(*tool, folder, here); });
        });
    return here;
}

bool is_model_tool(std::string_view name) {
    return std::any_of(std::begin(all_tools), std::end(all_tools),
                       [name](const ModelTool* tool) { return tool->name == name; });
}

}  // namespace puna
