#include "train/checkpoint.h"

#include "core/atomic_file.h"
#include "core/folders.h"
#include "core/hash.h"
#include "core/json_document.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "files/safetensors.h"
#include "kernels/host_copy.h"

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

constexpr std::string_view manifest_name = "manifest.json", prefix = "step-";

// Weights, means and mean squares of the trainable tensors, one file each.
struct Part {
    const char* file;
    Tensor (*tensor)(const Param& param, const Optimizer& optimizer);
};
constexpr Part parts[] = {
    {"weights.safetensors", [](const Param& p, const Optimizer&) { return p.master; }},
    {"mean.safetensors", [](const Param& p, const Optimizer& o) { return o.mean(p); }},
    {"mean_square.safetensors", [](const Param& p, const Optimizer& o) { return o.mean_square(p); }},
};

void write_part(const fs::path& folder, const Part& part, Llama& llama, const Optimizer& optimizer) {
    std::deque<HostCopy> copies;  // of all values where the host cannot access them
    std::vector<NamedTensor> tensors;
    for (Param* p : llama.params()) {
        if (!p->master) continue;
        copies.emplace_back(llama.kernels, Stream{}, part.tensor(*p, optimizer));
        tensors.push_back({p->name, copies.back().download()});
    }
    write_safetensors(folder / part.file, tensors);
}

void read_part(const fs::path& folder, const Part& part, Llama& llama, const Optimizer& optimizer) {
    SafetensorsFile file(folder / part.file);
    for (Param* p : llama.params()) {
        if (!p->master) continue;
        Tensor from = file.tensor(p->name), to = part.tensor(*p, optimizer);
        bool matches = from.dtype == Dtype::f32 && from.rank == to.rank && from.size == to.size;
        if (!matches)
            fail(ErrorKind::damaged,
                 "{}: tensor {} is {}, but the model's is {}: the checkpoint belongs to a run with another shape or "
                 "base model",
                 file.path().string(), p->name, from, to);
        llama.kernels.copy({}, to.data, from.data, static_cast<size_t>(to.bytes()));
    }
}

fs::path name_of(int64_t step) { return fmt::format("{}{:08}", prefix, step); }

// Complete checkpoints, newest first.
std::vector<fs::path> complete_checkpoints(const fs::path& folder) {
    std::vector<fs::path> list;
    std::error_code problem;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem)) {
        std::string name = entry.path().filename().string();
        bool named = name.starts_with(prefix) && name.find_first_not_of("0123456789", prefix.size()) == name.npos;
        if (named && fs::exists(entry.path() / manifest_name)) list.push_back(entry.path());
    }
    std::sort(list.rbegin(), list.rend());
    return list;
}

void remove_folder(const fs::path& folder) {
    std::error_code problem;
    fs::remove(folder / manifest_name, problem);  // first: without a manifest the rest is ignored
    fs::remove_all(folder, problem);
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
    MappedFile file(checkpoint / manifest_name);
    Manifest manifest = parse_manifest(file.text(), file.path().string());
    if (manifest_json(manifest) != file.text() || checkpoint.filename() != name_of(manifest.state.step))
        fail(ErrorKind::damaged, "{}: is damaged: its hash does not match", file.path().string());
    for (const Part& part : parts)
        if (std::none_of(manifest.files.begin(), manifest.files.end(),
                         [&](const ManifestFile& f) { return f.name == part.file; }))
            fail(ErrorKind::damaged, "{}: {} is not listed", file.path().string(), part.file);
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

void save_checkpoint(const fs::path& folder, const RunState& state, Llama& llama, const Optimizer& optimizer,
                     int64_t keep) {
    NewFolder checkpoint(folder / name_of(state.step));
    Manifest manifest{state, {}};
    for (const Part& part : parts) {
        write_part(checkpoint.path(), part, llama, optimizer);
        fs::path path = checkpoint / part.file;
        manifest.files.push_back(
            {part.file, hash_digits(hash_file(path)), static_cast<int64_t>(MappedFile(path).bytes().size())});
    }
    write_file(checkpoint / manifest_name, manifest_json(manifest));
    remove_folder(checkpoint.target());  // may exist from a run that was restarted
    checkpoint.commit();
    std::vector<fs::path> all = complete_checkpoints(folder);
    for (size_t i = static_cast<size_t>(keep); i < all.size(); ++i) remove_folder(all[i]);
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

bool has_checkpoints(const fs::path& folder) { return !complete_checkpoints(folder).empty(); }

RunState load_checkpoint(const fs::path& checkpoint, Llama& llama, Optimizer& optimizer) {
    Manifest manifest = read_manifest(checkpoint);
    for (const Part& part : parts) read_part(checkpoint, part, llama, optimizer);
    optimizer.steps = manifest.state.step;
    return manifest.state;
}

void remove_stale(const fs::path& output, int64_t step) {
    fs::path folder = output / "checkpoints";
    for (const fs::path& checkpoint : complete_checkpoints(folder))
        if (checkpoint > folder / name_of(step)) {
            remove_folder(checkpoint.string() + ".damaged");
            rename_durably(checkpoint, checkpoint.string() + ".damaged");
        }
    std::error_code problem;
    for (const fs::path& parent : {output, folder})
        for (const fs::directory_entry& entry : fs::directory_iterator(parent, problem))
            if (parse_temporary_name(entry.path().filename().string())) fs::remove_all(entry.path(), problem);
}

std::vector<std::string> changes_of_recipe(std::string_view before, std::string_view now, std::string_view path) {
    // Paths, intervals, and how a step is split: may always change.
    constexpr std::string_view always[] = {
        "data",   "validation",       "output",          "from", "micro_batch", "recompute", "sample_every",
        "prompt", "checkpoint_every", "keep_checkpoints"};
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
