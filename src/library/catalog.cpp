#include "library/catalog.h"

#include "core/ascii.h"
#include "core/error.h"
#include "files/gguf.h"
#include "files/shards.h"
#include "files/weights_file.h"
#include "library/hub/cache.h"
#include "library/hub/choose_files.h"
#include "model/quantization_mix.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

int64_t sum_of_bytes(const std::vector<CachedFile>& files, const std::vector<std::string>& paths) {
    std::set<std::string_view> wanted(paths.begin(), paths.end());
    int64_t bytes = 0;
    for (const CachedFile& file : files)
        if (wanted.contains(file.path)) bytes += file.bytes;
    return bytes;
}

std::vector<std::string> names_of(const std::vector<CachedFile>& files) {
    std::vector<std::string> names;
    for (const CachedFile& file : files) names.push_back(file.path);
    return names;
}

// The models of one commit of a repository: its folder, if that is whole, and its GGUF files.
std::vector<CatalogModel> models_of(const CachedRepository& repository, const std::string& commit) {
    std::vector<CachedFile> files = repository.files(commit);
    std::vector<std::string> paths = names_of(files);
    std::vector<CatalogModel> models;
    fs::path snapshot = repository.snapshot(commit);
    if (std::optional<ModelFiles> folder = choose_folder_files(paths))
        models.push_back({repository.name(), hub_tool, snapshot, sum_of_bytes(files, folder->paths)});
    std::vector<std::string> ggufs = list_gguf_models(paths);
    std::map<std::string, int> count;
    for (const std::string& path : ggufs) ++count[gguf_type_of(path)];
    for (const std::string& path : ggufs) {
        std::string type = gguf_type_of(path);
        bool is_unique = !type.empty() && count[type] == 1;
        models.push_back({fmt::format("{}:{}", repository.name(), is_unique ? type : path), hub_tool, snapshot / path,
                          sum_of_bytes(files, split_set(paths, path)), type});
    }
    return models;
}

// A file that two programs have is listed as the first one's: LM Studio can be pointed at the hub's cache.
void remove_repeated(std::vector<CatalogModel>& models) {
    std::map<std::pair<dev_t, ino_t>, std::string_view> owners;
    std::erase_if(models, [&](const CatalogModel& model) {
        struct stat status;
        if (::stat(model.path.c_str(), &status) != 0) return false;
        return owners.emplace(std::pair(status.st_dev, status.st_ino), model.tool).first->second != model.tool;
    });
}

// Also of types that are not written here.
std::string name_of_file_type(int64_t number) {
    constexpr std::pair<int64_t, const char*> others[] = {
        {24, "IQ1_S"}, {31, "IQ1_M"}, {36, "TQ1_0"}, {37, "TQ2_0"}, {38, "MXFP4"}};
    for (const FileType& type : file_types())
        if (type.number == number) return ascii_upper(std::string(type.name));
    for (auto [known, name] : others)
        if (known == number) return name;
    return {};
}

// Elements by the type of tensors.
using TypeCounts = std::map<std::string, int64_t>;

void count_tensors(std::span<const TensorEntry> entries, TypeCounts& counts) {
    for (const TensorEntry& entry : entries) {
        int64_t elements = 1;
        for (int i = 0; i < std::min(entry.rank, 4); ++i) elements *= entry.shape[static_cast<size_t>(i)];
        counts[std::string(entry.dtype_name)] += elements;
    }
}

ModelSummary summary_of(const TypeCounts& counts) {
    ModelSummary summary{.parameters = 0};
    int64_t most = 0;
    for (const auto& [type, elements] : counts) {
        summary.parameters = *summary.parameters + elements;
        if (elements > most) summary.type = type;
        most = std::max(most, elements);
    }
    return summary;
}

ModelSummary summary_of_gguf(const fs::path& first) {
    TypeCounts counts;
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(first.parent_path()))
        names.push_back(entry.path().filename().string());
    for (const std::string& part : split_set(names, first.filename().string()))
        count_tensors(GgufFile(first.parent_path() / part).entries(), counts);
    ModelSummary summary = summary_of(counts);
    std::optional<int64_t> type = GgufFile(first).integer("general.file_type");
    std::string name = type ? name_of_file_type(*type) : "";
    if (!name.empty()) summary.type = name;
    return summary;
}

ModelSummary summary_of_folder(const fs::path& folder) {
    TypeCounts counts;
    ModelWeights weights(folder);
    for (const WeightsFile& file : weights.files()) count_tensors(file.entries(), counts);
    return counts.empty() ? ModelSummary{} : summary_of(counts);
}

// "llama3.2" is llama3.2:latest, as its tool has it.
template <class Named>
const Named* find_called(const std::vector<Named>& all, std::string_view name) {
    auto is_called = [](const Named& one, std::string_view wanted) {
        return !one.name.empty() && (one.name == wanted || fmt::format("{}/{}", one.tool, one.name) == wanted);
    };
    for (const Named& one : all)
        if (is_called(one, name)) return &one;
    for (const Named& one : all)
        if (one.tool != hub_tool && is_called(one, fmt::format("{}:latest", name))) return &one;
    return nullptr;
}

}  // namespace

Catalog list_models(const fs::path& hub_cache) {
    Catalog catalog;
    HubCache cache(hub_cache);
    for (const std::string& name : cache.repositories()) {
        CachedRepository repository = cache.repository(name);
        std::optional<std::string> commit = repository.default_commit();
        std::vector<CatalogModel> models = commit ? models_of(repository, *commit) : std::vector<CatalogModel>();
        if (models.empty()) catalog.incomplete.push_back(name);
        for (CatalogModel& model : models) catalog.models.push_back(std::move(model));
    }
    ModelsHere others = find_models_of_tools();
    catalog.remarks = std::move(others.remarks);
    for (CatalogModel& model : others.models) catalog.models.push_back(std::move(model));
    remove_repeated(catalog.models);
    return catalog;
}

const CatalogModel* find_model_here(const Catalog& catalog, std::string_view name) {
    return find_called(catalog.models, name);
}

const Remark* find_remark(const Catalog& catalog, std::string_view name) { return find_called(catalog.remarks, name); }

ModelSummary summarize(const CatalogModel& model) {
    try {
        std::error_code problem;
        return fs::is_directory(model.path, problem) ? summary_of_folder(model.path) : summary_of_gguf(model.path);
    } catch (const Error& problem) {
        return {.problem = problem.what()};
    } catch (const std::system_error& problem) {  // its folder was removed just now
        return {.problem = problem.what()};
    }
}

}  // namespace puna
