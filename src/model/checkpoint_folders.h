// model/checkpoint_folders.h — the checkpoints of a training run: RUN/checkpoints/step-00000200, each a model folder.
//
//   std::vector<std::filesystem::path> newest_first = complete_checkpoints("my-model/checkpoints");
//   std::filesystem::path model = find_model("my-model");         // of a run that has no model yet: its newest one
//
// For what else a checkpoint holds see train/checkpoint.h.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

inline constexpr const char* checkpoint_manifest =
    "manifest.json";  // written last: without it a checkpoint is not complete

std::string checkpoint_name(int64_t step);  // "step-00000200"

bool is_checkpoint_name(std::string_view name);

// Newest first; none if the folder does not exist.
std::vector<std::filesystem::path> complete_checkpoints(const std::filesystem::path& folder);

// The newest complete checkpoint of a run whose folder holds no model yet; otherwise the path itself.
std::filesystem::path find_model(const std::filesystem::path& path);

}  // namespace puna
