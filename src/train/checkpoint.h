// train/checkpoint.h — checkpoints to resume from: model folders with the optimizer's state and a manifest of hashes.
//
//   save_checkpoint(folder / "checkpoints", state, llama, optimizer, files, {.newest = 2});    // step-00000200/
//   std::optional<std::filesystem::path> last = newest_checkpoint(folder / "checkpoints");
//   RunState loaded = load_checkpoint(*last, llama, optimizer);
//
// The model is in Hugging Face's format, its weights are the f32 masters. Files are written and synced in a temporary
// folder, the manifest last; then the folder is renamed, and older checkpoints are removed, but for those to keep. A
// folder without a manifest is incomplete and skipped; one whose hashes do not match is skipped with a warning. Throws
// Error for a checkpoint of another model, naming the tensor.
#pragma once
#include "model/llama.h"
#include "train/manifest.h"
#include "train/optimizer.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// A file of a model folder beside its weights and config.json.
struct ModelFile {
    std::string name, content;
};
void write_files(const std::filesystem::path& folder, const std::vector<ModelFile>& files);

struct CheckpointsToKeep {
    int64_t newest = 1;                // how many of the newest ones
    std::optional<int64_t> best = {};  // the one after this step too
};

void save_checkpoint(const std::filesystem::path& folder, const RunState& state, Llama& llama,
                     const Optimizer& optimizer, const std::vector<ModelFile>& files, const CheckpointsToKeep& keep);

// The newest complete and undamaged checkpoint.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& folder);

RunState load_checkpoint(const std::filesystem::path& checkpoint, Llama& llama, Optimizer& optimizer);

// Renames damaged checkpoints of later steps to step-N.damaged, so that they are neither counted nor found again, and
// removes what killed runs left in `output`: unfinished files and, of a run that is resumed (step > 0), checkpoints
// without a manifest. The caller must hold the lock.
void remove_stale(const std::filesystem::path& output, int64_t step);

// Throws Error if a run with recipe `now` cannot resume one with recipe `before`. Fields of the learning rate schedule,
// clipping and the number of steps may change; returns these changes, as "steps = 200 instead of 100".
std::vector<std::string> changes_of_recipe(std::string_view before, std::string_view now, std::string_view path);

// An exclusive lock on the folder for the object's lifetime. Throws Error if another run holds it.
class RunLock {
 public:
    explicit RunLock(const std::filesystem::path& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;

 private:
    int descriptor_;
};

}  // namespace puna
