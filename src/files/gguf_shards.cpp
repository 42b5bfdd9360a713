#include "files/gguf_shards.h"

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t digits = 5;

// The number of exactly five digits at `at`; 0 if there is none.
int64_t digits_at(std::string_view name, size_t at) {
    std::string_view text = name.substr(at, digits);
    int64_t number = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return 0;
        number = 10 * number + (c - '0');
    }
    return number;
}

}  // namespace

std::string GgufShardName::file_name(int64_t n) const {
    return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, n, count);
}

GgufShardName parse_shard_name(std::string_view file_name) {
    constexpr std::string_view of = "-of-", extension = ".gguf";
    constexpr size_t suffix = 1 + digits + of.size() + digits + extension.size();
    if (file_name.size() <= suffix || !file_name.ends_with(extension)) return {};
    size_t begin = file_name.size() - suffix, of_at = begin + 1 + digits;
    if (file_name[begin] != '-' || file_name.substr(of_at, of.size()) != of) return {};
    int64_t number = digits_at(file_name, begin + 1), count = digits_at(file_name, of_at + of.size());
    if (number < 1 || number > count) return {};
    return {std::string(file_name.substr(0, begin)), number, count};
}

GgufShards::GgufShards(const fs::path& path) {
    GgufShardName name = parse_shard_name(path.filename().string());
    files_.emplace_back(name.number > 1 ? path.parent_path() / name.file_name(1) : path);
    int64_t count = first().integer("split.count").value_or(1);
    if (count > 1) open_others(count);
    check_tensors();
}

void GgufShards::open_others(int64_t count) {
    fs::path path = first().path();
    GgufShardName name = parse_shard_name(path.filename().string());
    if (name.number != 1 || name.count != count)
        fail(ErrorKind::damaged,
             "{}: is the first of {} files (split.count), so it must be named NAME-00001-of-{:05}.gguf, and the others "
             "must lie beside it",
             path.string(), count, count);
    check_split(first(), 1, count);
    for (int64_t n = 2; n <= count; ++n) {
        fs::path other = path.parent_path() / name.file_name(n);
        if (!file_exists(other))
            fail(ErrorKind::not_found, "{}: is missing, but {} is there: download or copy it too", other.string(),
                 path.filename().string());
        files_.emplace_back(other);
        check_split(files_.back(), n, count);
    }
    int64_t listed = 0;
    for (const GgufFile& file : files_) listed += std::ssize(file.entries());
    std::optional<int64_t> expected = first().integer("split.tensors.count");
    if (expected && *expected != listed)
        fail(ErrorKind::damaged, "{}: announces {} in all files, which have {}: they belong to two models",
             path.string(), format_count(*expected, "tensor"), listed);
}

void GgufShards::check_split(const GgufFile& file, int64_t number, int64_t count) const {
    int64_t own = file.integer("split.no").value_or(-1), of = file.integer("split.count").value_or(0);
    if (own != number - 1 || of != count)
        fail(ErrorKind::damaged, "{}: has split.no {} and split.count {}, but by its name they must be {} and {}",
             file.path().string(), own, of, number - 1, count);
}

void GgufShards::check_tensors() const {
    if (files_.size() == 1) return;
    std::set<std::string_view> names;
    for (const GgufFile& file : files_)
        for (const TensorEntry& entry : file.entries())
            if (!names.insert(entry.name).second)
                fail(ErrorKind::damaged, "{}: tensor '{}' is in another file of the model too", file.path().string(),
                     printable(entry.name));
}

const TensorEntry* GgufShards::find(std::string_view tensor) const {
    for (const GgufFile& file : files_)
        if (const TensorEntry* entry = file.find(tensor)) return entry;
    return nullptr;
}

GgufFile* GgufShards::find_file(std::string_view tensor) {
    auto file = std::find_if(files_.begin(), files_.end(), [tensor](GgufFile& f) { return f.find(tensor) != nullptr; });
    return file == files_.end() ? nullptr : &*file;
}

}  // namespace puna
