// A model in GGUF: one file, or several that a writer has split it into (files/gguf_shards.h).
#include "core/error.h"
#include "core/json_text.h"
#include "files/gguf_shards.h"
#include "model/gguf_config.h"
#include "model/source.h"
#include "tokenizer/gguf_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view template_key = "tokenizer.chat_template", generation_key = "puna.generation_config";

// The sampling parameters that llama.cpp's converter copies from generation_config.json, as such a file; empty: none.
std::string sampling_json(const GgufFile& file, const Config& config) {
    constexpr std::pair<const char*, const char*> keys[] = {{"temp", "temperature"},
                                                            {"top_p", "top_p"},
                                                            {"top_k", "top_k"},
                                                            {"min_p", "min_p"},
                                                            {"penalty_repeat", "repetition_penalty"}};
    JsonObject json{{"do_sample", true}};
    bool any = false;
    for (auto [key, name] : keys) {
        std::optional<double> value = file.number(fmt::format("general.sampling.{}", key));
        bool whole = value && std::abs(*value) < 1e9 && *value == std::trunc(*value);  // top_k: "40", not "40.0"
        if (value)
            json.add(name, whole ? JsonText(static_cast<int64_t>(*value)) : JsonText(static_cast<float>(*value)));
        any = any || value;
    }
    return any ? generation_config_json(config, json.text()) : "";
}

class GgufSource : public ModelSource {
 public:
    GgufSource(const fs::path& path, std::unique_ptr<GgufShards> shards)
        : ModelSource(path, "the file's keys", read_gguf_config(*shards)), shards_(std::move(shards)) {}

    StoredWeight weight(const WeightInfo& weight) override {
        std::string name = stored_name(weight);
        GgufFile* file = shards_->find_file(name);
        if (!file)
            fail(ErrorKind::not_found, "{}: tensor {} is missing: download the file again, or convert the model again",
                 path().string(), name);
        const TensorEntry& entry = *file->find(name);
        if (!has_shape(entry, weight.shape())) fail_shape(entry, weight.shape(), file->path().string());
        check_type(entry, weight, file->path().string());
        return {.parts = {file->tensor(entry)}, .neighbor_head = weight.rotary ? config().head_dim : 0};
    }

    std::string stored_name(const WeightInfo& weight) const override { return gguf_name(weight); }
    bool widens_vectors() const override { return true; }
    std::string format() const override {
        std::string files = shards_->files().size() > 1 ? fmt::format(", {} files", shards_->files().size()) : "";
        return fmt::format("GGUF v{}{}", metadata().version(), files);
    }

    std::vector<std::string_view> tensor_names() override {
        std::vector<std::string_view> names;
        for (const GgufFile& file : shards_->files())
            for (const TensorEntry& entry : file.entries())
                if (!is_rope_tensor(entry.name)) names.push_back(entry.name);
        return names;
    }

    Tokenizer tokenizer() const override { return Tokenizer(parse_gguf_vocabulary(metadata()), path().string()); }

    ChatTemplateText chat_template(const Tokenizer& tokenizer) const override {
        ChatTemplateText found = special_tokens_of(tokenizer);
        found.origin = path().string();
        found.text = metadata().text(template_key).value_or("");
        found.tool_text = metadata().text(std::string(template_key) + ".tool_use").value_or("");
        found.tool_origin = found.origin;
        return found;
    }

    NamedText generation_config() const override {
        if (std::optional<std::string_view> json = metadata().text(generation_key))
            return {fmt::format("{}: {}", path().string(), generation_key), std::string(*json)};
        return {path().string(), sampling_json(metadata(), config())};
    }

 private:
    const GgufFile& metadata() const { return shards_->first(); }

    static void check_type(const TensorEntry& entry, const WeightInfo& weight, const std::string& file) {
        bool known = entry.dtype && (has_plain_dtype(entry) || is_block_type(*entry.dtype));
        if (!known)
            fail(ErrorKind::unsupported,
                 "{}: tensor {} is {}, which is not supported: use the model in another type, such as Q8_0 or Q4_K_M",
                 file, printable(entry.name), entry.dtype_name);
        if (weight.is_vector() && !has_plain_dtype(entry))
            fail(ErrorKind::unsupported, "{}: tensor {} is {}; norms and biases must be F32, F16 or BF16", file,
                 printable(entry.name), entry.dtype_name);
    }

    std::unique_ptr<GgufShards> shards_;
};

// By name, or by content: other programs' files may have a hash as their name.
bool is_gguf(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return false;
    return path.extension() == ".gguf" || is_gguf_file(path);
}

// Of a folder: each model once, by its first file. Beside an adapter in PEFT's form may be the same one as GGUF.
std::vector<fs::path> models_in(const fs::path& folder) {
    std::vector<fs::path> models;
    std::error_code ignored;
    bool has_adapter = file_exists(folder / "adapter_config.json");
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
        const fs::path& path = entry.path();
        if (path.extension() != ".gguf" || parse_shard_name(path.filename().string()).number > 1) continue;
        if (!has_adapter || GgufFile(path).text("general.type") != "adapter") models.push_back(path);
    }
    std::sort(models.begin(), models.end());
    return models;
}

bool matches_gguf(const fs::path& path) { return is_gguf(path) || !models_in(path).empty(); }

std::shared_ptr<ModelSource> open_gguf(const fs::path& path) {
    std::vector<fs::path> models = models_in(path);
    if (models.size() > 1)
        fail(ErrorKind::usage, "{}: contains {} GGUF models: name one of them, such as {}", path.string(),
             models.size(), models.front().string());
    const fs::path& file = models.empty() ? path : models.front();
    return std::make_shared<GgufSource>(path, std::make_unique<GgufShards>(file));
}

}  // namespace

const ModelFormat gguf_format = {matches_gguf, open_gguf};

}  // namespace puna
