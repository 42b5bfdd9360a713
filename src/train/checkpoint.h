// train/checkpoint.h — where a run can go on from: a folder of safetensors and a manifest with their hashes.
//
//   save_checkpoint(folder / "checkpoints", state, llama, optimizer, 2);  // step-00000200/, whole or not at all
//   std::optional<std::filesystem::path> last = newest_checkpoint(folder / "checkpoints");
//   RunState state = load_checkpoint(*last, llama, optimizer);
//
// Files are written and synced under another name, the manifest last; then the folder is renamed. A folder without a
// manifest was never finished and is passed over; one whose hashes do not fit is passed over with a warning. Throws
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

void save_checkpoint(const std::filesystem::path& folder, const RunState& state, Llama& llama,
                     const Optimizer& optimizer, int64_t keep);

// The newest that is whole and undamaged.
std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& folder);

bool has_checkpoints(const std::filesystem::path& folder);  // finished ones, damaged or not

RunState load_checkpoint(const std::filesystem::path& checkpoint, Llama& llama, Optimizer& optimizer);

// Renames damaged checkpoints of later steps to step-N.damaged, so that they are neither counted nor found again, and
// removes what a run that was killed had begun to write in `output`. Only for who holds the lock.
void remove_stale(const std::filesystem::path& output, int64_t step);

// Throws Error where a run of recipe `now` cannot go on from one of recipe `before`. Fields of the learning rate,
// clipping and the number of steps may change from here on: what changed, as "steps = 200 instead of 100".
std::vector<std::string> changes_of_recipe(std::string_view before, std::string_view now, std::string_view place);

// Held as long as it lives: nobody else trains in this folder. Throws Error where somebody does.
class RunLock {
 public:
    explicit RunLock(const std::filesystem::path& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;

 private:
    int descriptor_;
};

}  // namespace puna
