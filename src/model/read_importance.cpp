// Importance matrices of both formats.
#include "core/error.h"
#include "core/mapped_file.h"
#include "files/byte_cursor.h"
#include "files/gguf.h"
#include "model/importance.h"

#include <algorithm>
#include <cmath>

namespace puna {

namespace {

constexpr std::string_view sums_suffix = ".in_sum2", counts_suffix = ".counts";  // of tensors in GGUF

// Sums of squares over `count` inputs become means.
void add_entry(ImportanceMatrix& to, std::string_view path, std::string_view name, std::span<const float> sums,
               double count) {
    auto reject = [&](std::string_view problem) {
        fail(ErrorKind::damaged, "{}: the entry of '{}' {}: the file is damaged", path, printable(name), problem);
    };
    if (sums.empty()) reject("has no values");
    std::vector<float> means;
    means.reserve(sums.size());
    for (float sum : sums) {
        if (!std::isfinite(sum) || sum < 0) reject(fmt::format("contains {}, which is no sum of squares", sum));
        means.push_back(static_cast<float>(sum / count));
    }
    if (!to.mean_squares.emplace(name, std::move(means)).second) reject("is there twice");
}

// The tensor NAME.in_sum2 of each entry, whose sums are over the inputs that NAME.counts counts.
ImportanceMatrix parse_importance_gguf(GgufFile& file) {
    std::string path = file.path().string();
    if (file.text("general.type") != "imatrix")
        fail(ErrorKind::usage, "{}: is a GGUF file, but no importance matrix: general.type is not 'imatrix'", path);
    ImportanceMatrix importance;
    importance.chunks = file.integer("imatrix.chunk_count").value_or(0);
    if (auto datasets = file.texts("imatrix.datasets"); datasets && !datasets->empty())
        importance.dataset = datasets->back();
    for (const TensorEntry& entry : file.entries()) {
        if (!entry.name.ends_with(sums_suffix)) continue;
        std::string_view name = entry.name.substr(0, entry.name.size() - sums_suffix.size());
        const TensorEntry* counts = file.find(std::string(name) + std::string(counts_suffix));
        if (!counts || entry.dtype != Dtype::f32 || counts->dtype != Dtype::f32)
            fail(ErrorKind::damaged, "{}: '{}' and its counts are not two tensors in F32: the file is damaged", path,
                 printable(entry.name));
        std::span<const float> count = file.tensor(*counts).span<float>(), sums = file.tensor(entry).span<float>();
        if (count.size() != 1 || !(count[0] > 0) || !std::isfinite(count[0]))
            fail(ErrorKind::unsupported, "{}: '{}' has no count of one matrix: experts are not supported", path,
                 printable(counts->name));
        add_entry(importance, path, name, sums, count[0]);
    }
    if (importance.mean_squares.empty()) fail(ErrorKind::damaged, "{}: has no entries", path);
    return importance;
}

}  // namespace

// Number of entries; of each the length of its name, the name, the number of chunks, the number of values, and the
// values: sums over chunks of mean squares. Then, in newer files, the number of chunks, a length, the dataset's name.
ImportanceMatrix parse_importance_dat(std::span<const std::byte> bytes, std::string_view path) {
    ByteCursor cursor(bytes);
    auto fail_truncated = [&] {
        fail(ErrorKind::damaged,
             "{}: is no importance matrix, truncated or damaged: byte {} of {} should be in an entry", path,
             cursor.position(), bytes.size());
    };
    auto count = [&] {
        std::optional<int32_t> n = cursor.number<int32_t>();
        if (!n || *n < 0) fail_truncated();
        return *n;
    };
    auto text = [&] {
        std::optional<std::string_view> value = cursor.text(static_cast<uint64_t>(count()));
        if (!value) fail_truncated();
        return *value;
    };
    ImportanceMatrix importance;
    int32_t entries = count();
    if (entries == 0) fail_truncated();
    for (int32_t i = 0; i < entries; ++i) {
        std::string_view name = text();
        int32_t chunks = count();
        std::optional<std::span<const std::byte>> stored = cursor.take(static_cast<uint64_t>(count()) * sizeof(float));
        if (!stored) fail_truncated();
        std::vector<float> sums(stored->size() / sizeof(float));
        std::copy(stored->begin(), stored->end(), std::as_writable_bytes(std::span(sums)).begin());
        add_entry(importance, path, name, sums, std::max(chunks, 1));
        importance.chunks = std::max<int64_t>(importance.chunks, chunks);
    }
    if (cursor.left() > 0) {
        importance.chunks = count();
        importance.dataset = text();
    }
    return importance;
}

ImportanceMatrix read_importance(const std::filesystem::path& path) {
    MappedFile file(path);
    if (!as_text(file.bytes()).starts_with("GGUF")) return parse_importance_dat(file.bytes(), path.string());
    GgufFile gguf(path);
    return parse_importance_gguf(gguf);
}

}  // namespace puna
