#include "train/checkpoint.h"

#include "core/atomic_file.h"
#include "core/folders.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "files/shards.h"
#include "kernels/host_copy.h"
#include "model/checkpoint_folders.h"
#include "model/load.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <system_error>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr const char *mean_file = "mean.safetensors", *mean_square_file = "mean_square.safetensors";

// The f32 tensors of the optimizer, by the names of their weights.
struct Moment {
    const char* file;
    Tensor (Optimizer::*of)(const Param& param) const;
};
constexpr Moment moments[] = {{mean_file, &Optimizer::mean}, {mean_square_file, &Optimizer::mean_square}};

void write_moment(const fs::path& folder, const Moment& moment, Llama& llama, const Optimizer& optimizer) {
    std::deque<HostCopy> copies;  // of all values where the host cannot access them
    std::vector<NamedTensor> tensors;
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        const Param& param = param_of(weight);
        if (!param.master) return;
        copies.emplace_back(llama.kernels, Stream{}, (optimizer.*moment.of)(param));
        tensors.push_back({hugging_face_name(info), copies.back().download()});
    });
    write_safetensors(folder / moment.file, tensors);
}

// tensor_of(name), in the memory of a file, is copied to value_of(param) for each trainable weight.
template <class TensorOf, class ValueOf>
void read_values(Llama& llama, const fs::path& path, TensorOf tensor_of, ValueOf value_of) {
    MappingWatch files;
    visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
        const Param& param = param_of(weight);
        if (!param.master) return;
        std::string name = hugging_face_name(info);
        Tensor from = tensor_of(name), to = value_of(param);
        files.add(from.data);
        bool matches = from.dtype == Dtype::f32 && from.rank == to.rank && from.size == to.size;
        if (!matches)
            fail(ErrorKind::damaged,
                 "{}: tensor {} is {}, but the model's is {}: the checkpoint belongs to a run with another shape or "
                 "base model",
                 path.string(), name, from, to);
        llama.kernels.copy({}, to.data, from.data, static_cast<size_t>(to.bytes()));
    });
    files.check_unchanged();
}

void remove_folder(const fs::path& folder) {
    std::error_code problem;
    fs::remove(folder / checkpoint_manifest, problem);  // first: without a manifest the rest is ignored
    fs::remove_all(folder, problem);
}

// All files of the folder, sorted by name.
std::vector<ManifestFile> list_files(const fs::path& folder) {
    std::vector<ManifestFile> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        files.push_back({entry.path().filename().string(), hash_digits(hash_file(entry.path())),
                         static_cast<int64_t>(entry.file_size())});
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return files;
}

// Throws Error if a file is missing or has a different size or hash.
void verify(const fs::path& checkpoint, const Manifest& manifest) {
    int64_t bytes = 0;
    for (const ManifestFile& file : manifest.files) bytes += std::min(file.bytes, int64_t{1} << 40);
    Progress progress("checking the checkpoint", bytes, "B");
    for (const ManifestFile& file : manifest.files) {
        fs::path path = checkpoint / file.name;
        if (static_cast<int64_t>(MappedFile(path).bytes().size()) != file.bytes ||
            hash_digits(hash_file(path)) != file.hash)
            fail(ErrorKind::damaged, "{}: is damaged: its hash does not match the manifest", path.string());
        progress.advance(file.bytes);
    }
}

Manifest read_manifest(const fs::path& checkpoint) {
    MappedFile file(checkpoint / checkpoint_manifest);
    Manifest manifest = parse_manifest(file.text(), file.path().string());
    if (manifest_json(manifest) != file.text() || checkpoint.filename() != checkpoint_name(manifest.state.step))
        fail(ErrorKind::damaged, "{}: is damaged: its hash does not match", file.path().string());
    for (const char* needed : {"config.json", mean_file, mean_square_file})
        if (std::none_of(manifest.files.begin(), manifest.files.end(),
                         [&](const ManifestFile& f) { return f.name == needed; }))
            fail(ErrorKind::damaged, "{}: {} is not listed", file.path().string(), needed);
    return manifest;
}

// The values of a recipe as JSON text; the fields of a recipe have one spelling (to_json in core/fields.h).
std::map<std::string, std::string> members_of(std::string_view recipe, std::string_view path) {
    std::map<std::string, std::string> members;
    JsonDocument document(recipe, fmt::format("{}: its recipe", path));
    for (const JsonMember& member : document.root().members())
        members.insert_or_assign(member.name, std::string(member.value.raw()));
    return members;
}

}  // namespace

void write_files(const fs::path& folder, const std::vector<ModelFile>& files) {
    for (const ModelFile& file : files) write_file(folder / file.name, file.content);
}

void save_checkpoint(const fs::path& folder, const RunState& state, Llama& llama, const Optimizer& optimizer,
                     const std::vector<ModelFile>& files, const CheckpointsToKeep& keep) {
    NewFolder checkpoint(folder / checkpoint_name(state.step));
    save_llama(llama, checkpoint.path(), Dtype::f32);
    write_files(checkpoint.path(), files);
    for (const Moment& moment : moments) write_moment(checkpoint.path(), moment, llama, optimizer);
    write_file(checkpoint / checkpoint_manifest, manifest_json({state, list_files(checkpoint.path())}));
    remove_folder(checkpoint.target());  // may exist from a run that was restarted
    checkpoint.commit();
    std::vector<fs::path> all = complete_checkpoints(folder);
    for (size_t i = static_cast<size_t>(keep.newest); i < all.size(); ++i)
        if (!keep.best || all[i].filename() != checkpoint_name(*keep.best)) remove_folder(all[i]);
}

std::optional<fs::path> newest_checkpoint(const fs::path& folder) {
    for (const fs::path& checkpoint : complete_checkpoints(folder)) {
        try {
            verify(checkpoint, read_manifest(checkpoint));
            return checkpoint;
        } catch (const Error& problem) {
            log_warning("{}; skipping this checkpoint", problem.what());
        }
    }
    return {};
}

RunState load_checkpoint(const fs::path& checkpoint, Llama& llama, Optimizer& optimizer) {
    Manifest manifest = read_manifest(checkpoint);
    ModelWeights weights(checkpoint);
    auto weight = [&](const std::string& name) { return weights.tensor(name); };
    read_values(llama, checkpoint, weight, [](const Param& param) { return param.master; });
    for (const Moment& moment : moments) {
        SafetensorsFile file(checkpoint / moment.file);
        auto value = [&](const std::string& name) { return file.tensor(name); };
        read_values(llama, file.path(), value, [&](const Param& param) { return (optimizer.*moment.of)(param); });
    }
    optimizer.steps = manifest.state.step;
    return manifest.state;
}

void remove_stale(const fs::path& output, int64_t step) {
    fs::path folder = output / "checkpoints";
    for (const fs::path& checkpoint : complete_checkpoints(folder))
        if (checkpoint > folder / checkpoint_name(step)) {
            remove_folder(checkpoint.string() + ".damaged");
            rename_durably(checkpoint, checkpoint.string() + ".damaged");
        }
    std::error_code problem;
    std::vector<fs::path> stale;
    for (const fs::path& parent : {output, folder})
        for (const fs::directory_entry& entry : fs::directory_iterator(parent, problem)) {
            std::string name = entry.path().filename().string();
            bool half_removed = step > 0 && parent == folder && is_checkpoint_name(name) &&
                                entry.is_directory(problem) && !file_exists(entry.path() / checkpoint_manifest);
            if (parse_temporary_name(name) || half_removed) stale.push_back(entry.path());
        }
    for (const fs::path& path : stale) fs::remove_all(path, problem);
}

std::vector<std::string> changes_of_recipe(std::string_view before, std::string_view now, std::string_view path) {
    // Paths, intervals, and how a step is split: may always change.
    constexpr std::string_view always[] = {"data",         "validation", "output",           "from",
                                           "micro_batch",  "recompute",  "validate_every",   "validation_rows",
                                           "sample_every", "prompt",     "checkpoint_every", "keep_checkpoints",
                                           "keep_best"};
    constexpr std::string_view when_resuming[] = {
        "steps", "learning_rate", "final_learning_rate", "schedule", "decay_share", "warm_up", "clip"};
    auto is_in = [](auto& list, const std::string& key) {
        return std::find(std::begin(list), std::end(list), key) != std::end(list);
    };
    std::map<std::string, std::string> old = members_of(before, path);
    std::vector<std::string> changes;
    for (const auto& [key, value] : members_of(now, path)) {
        if (is_in(always, key) || old[key] == value) continue;
        std::string previous = old[key].empty() ? "nothing" : printable(old[key]);
        if (!is_in(when_resuming, key))
            fail("{}: was trained with {} = {}, the recipe now has {}; use the same recipe, or another output folder",
                 path, key, previous, value);
        changes.push_back(fmt::format("{} = {} instead of {}", key, value, previous));
    }
    return changes;
}

RunLock::RunLock(const fs::path& folder) {
    fs::path path = folder / "lock";
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail_errno(errno, "{}: cannot create", path.string());
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return;  // locks may be unsupported by the file system
    ::close(descriptor_);
    fail(ErrorKind::busy,
         "{}: another run is training in this folder; wait for it to finish, or choose another output folder",
         folder.parent_path().string());
}

RunLock::~RunLock() { ::close(descriptor_); }

}  // namespace puna
