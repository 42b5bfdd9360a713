#include "model/source.h"

#include "core/error.h"
#include "core/file_kind.h"
#include "core/mapped_file.h"
#include "model/checkpoint_folders.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

// The first that matches is used: a folder may hold a model in more than one.
const ModelFormat* const formats[] = {&huggingface_format, &meta_format, &gguf_format};

constexpr const char* remedy = "pass a model folder in Hugging Face's or Meta's format, or a GGUF file";

// Weights that were named instead of their folder.
void reject_weights(const fs::path& file) {
    constexpr std::pair<std::string_view, std::string_view> configs[] = {
        {".safetensors", "config.json"}, {".bin", "config.json"}, {".pth", "params.json"}};
    for (auto [extension, config] : configs)
        if (file.extension() == extension)
            fail(ErrorKind::not_found, "{}: holds weights of a model: pass its folder, with {}", file.string(), config);
}

// What is wrong with a path that no format matches.
[[noreturn]] void reject(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) fail(ErrorKind::not_found, "{}: no such file or folder: {}", path.string(), remedy);
    if (fs::is_regular_file(path, ignored)) reject_weights(path);
    if (fs::is_regular_file(path, ignored)) reject_foreign_file(MappedFile(path).text(), path.string());
    if (!fs::is_directory(path, ignored)) fail(ErrorKind::not_found, "{}: is not a folder: {}", path.string(), remedy);
    if (file_exists(path / "adapter_config.json"))
        fail(ErrorKind::unsupported, "{}: is a LoRA adapter: pass its base model, and the folder as its adapter",
             path.string());
    if (!file_exists(path / "config.json") && file_exists(path / "checkpoints"))
        fail("{}: its training has not reached a checkpoint yet, so there is no model; resume it, or wait",
             path.string());
    if (!file_exists(path / "config.json"))
        fail(ErrorKind::not_found, "{}: contains no config.json: {}", path.string(), remedy);
    fail(ErrorKind::not_found, "{}: contains a config.json but no model.safetensors: download or copy the weights too",
         path.string());
}

}  // namespace

bool is_model(const fs::path& path) {
    return std::any_of(std::begin(formats), std::end(formats),
                       [&](const ModelFormat* format) { return format->matches(path); });
}

std::shared_ptr<ModelSource> open_model(const fs::path& path) {
    fs::path found = find_model(path);
    for (const ModelFormat* format : formats)
        if (format->matches(found)) return format->open(found);
    reject(path);
}

bool has_plain_dtype(const TensorEntry& entry) {
    return entry.dtype == Dtype::f32 || entry.dtype == Dtype::bf16 || entry.dtype == Dtype::f16;
}

bool has_shape(const TensorEntry& entry, std::span<const int64_t> shape) {
    return static_cast<size_t>(entry.rank) == shape.size() &&
           std::equal(shape.begin(), shape.end(), entry.shape.begin());
}

GenerationDefaults ModelSource::generation_defaults() const {
    NamedText file = generation_config();
    if (file.text.empty()) return {};
    return parse_generation_defaults(file.text, file.name, config().vocabulary);
}

void ModelSource::fail_shape(const TensorEntry& entry, std::span<const int64_t> implied, std::string_view file) const {
    fail(ErrorKind::damaged,
         "{}: tensor {} has the shape [{}], but {} implies [{}]: one of the two belongs to another model", file,
         printable(entry.name), fmt::join(entry.shape.begin(), entry.shape.begin() + std::min(entry.rank, 4), ", "),
         config_name(), fmt::join(implied, ", "));
}

void ModelSource::check_dtype(const TensorEntry& entry, std::string_view file) {
    if (!has_plain_dtype(entry))
        fail(
            ErrorKind::unsupported,
            "{}: tensor {} is {}; only F32, F16 and BF16 are supported: use the unquantized model, or convert this one",
            file, printable(entry.name), printable(entry.dtype_name));
}

}  // namespace puna
