// library/tools/models_here.h — models that other programs have downloaded, found in their folders.
//
//   ModelsHere here = find_models_of_tools();
//   for (const ModelHere& model : here.models) fmt::print("{} {} {}\n", model.tool, model.name, model.path.string());
//
// Only read, never changed: a file may belong to several models of a tool, and tools do not expect others to write.
// What is not complete is left out; what cannot be read, as the folder of a service with an owner of its own, is a
// remark, not a failure. A tool is one file here and one row of the table in models_here.cpp.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ModelHere {
    std::string name;  // as its tool calls it: "llama3.2:3b", "owner/name:Q4_K_M"
    std::string_view tool;
    std::filesystem::path path;  // a GGUF file, of a split one the first; or a folder
    int64_t bytes = 0;           // of all its files
    std::string type = {};       // as its name says: "Q4_K_M"; empty: it does not
};

// Something that is no model that can be used, and why, in one line.
struct Remark {
    std::string text;
    std::string name = {};  // that its tool gives it; empty: it has none
    std::string_view tool = {};
};

struct ModelsHere {
    std::vector<ModelHere> models;
    std::vector<Remark> remarks;
};

// A program that keeps models.
struct ModelTool {
    std::string_view name;
    std::vector<std::filesystem::path> (*folders)();  // where they may be, by its environment and settings
    void (*find)(const std::filesystem::path& folder, ModelsHere& here);
};
extern const ModelTool ollama, lm_studio, llama_cpp, gpt4all, jan, docker_models;

ModelsHere find_models_of_tools();
bool is_model_tool(std::string_view name);  // "ollama"

// For the tools. GGUF files below a folder, a split one once; depth: of folders in it. Names are relative to it.
struct GgufHere {
    std::string name;  // relative path
    std::filesystem::path path;
    int64_t bytes;
};
std::vector<GgufHere> find_gguf_files(const std::filesystem::path& folder, int depth, ModelsHere& here);
std::string text_of_small_file(const std::filesystem::path& path);  // at most 1 MiB; throws Error

}  // namespace puna
