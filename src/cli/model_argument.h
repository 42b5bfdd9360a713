// cli/model_argument.h — the MODEL of a command: a path, or a name, which is pulled after one question if it is not
// here.
//
//   std::string model = "meta-llama/Llama-3.2-1B";
//   ModelArgumentOptions pulling;                             // of flags: -y
//   Engine engine = load_engine(model_path(model, pulling));
//
// The question shows the size and the license. Without a terminal, and without `yes`, nothing is asked and nothing is
// downloaded: the Error says what does it.
#pragma once
#include "cli/confirm.h"

#include <filesystem>
#include <string>
#include <vector>

namespace puna {

struct ModelArgumentOptions {
    bool yes = false;
};
template <class F>
void fields(ModelArgumentOptions& o, F field) {
    field("yes", o.yes, "download a model that is not here without asking");
}

std::filesystem::path model_path(const std::string& model, const ModelArgumentOptions& options);
std::vector<std::string> model_paths(const std::vector<std::string>& models, const ModelArgumentOptions& options);

}  // namespace puna
