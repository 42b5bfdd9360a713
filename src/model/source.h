// model/source.h — what the files of a model give, whatever their format: its config, weights, tokenizer, defaults.
//
//   std::shared_ptr<ModelSource> source = open_model("Llama-3.2-1B");
//   StoredWeight stored = source->weight(info);                          // of list_weights(source->config())
//   Tokenizer tokenizer = source->tokenizer();                           // throws Error if it has none
//
// A format is one file, which defines its ModelFormat, and a row of the table in source.cpp. For a model in the memory
// of a kernel table see model/load.h.
#pragma once
#include "files/tensor_table.h"
#include "model/config.h"
#include "model/generation_defaults.h"
#include "model/stored_weight.h"
#include "model/weights.h"
#include "tokenizer/chat_template_files.h"
#include "tokenizer/tokenizer.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

// A part of a model that is text, and where it is, for messages.
struct NamedText {
    std::string name, text;
};

class ModelSource {
 public:
    virtual ~ModelSource() = default;
    ModelSource(const ModelSource&) = delete;

    const std::filesystem::path& path() const { return path_; }
    const Config& config() const { return config_; }

    // Views into mapped files, or of aligned copies, that live as long as the source. Throws Error that names the file
    // and the tensor if it is missing, of another shape or of an unsupported dtype.
    virtual StoredWeight weight(const WeightInfo& weight) = 0;

    // The same for its types, sizes and places alone: nothing is copied, and numbers may be misaligned (is_aligned).
    virtual StoredWeight inspect(const WeightInfo& info) { return weight(info); }
    virtual std::string stored_name(const WeightInfo& weight) const = 0;
    virtual std::vector<std::string_view> tensor_names() = 0;  // without those that are computed today

    virtual Tokenizer tokenizer() const = 0;                                       // throws Error if there is none
    virtual ChatTemplateText chat_template(const Tokenizer& tokenizer) const = 0;  // its own; without text: none
    virtual NamedText generation_config() const = 0;  // as generation_config.json; without text: none
    GenerationDefaults generation_defaults() const;

    virtual std::string format() const = 0;  // for people: "GGUF v3"

    // Whether the format stores norms and biases in f32, whatever they were.
    virtual bool widens_vectors() const { return false; }

    // What tensors have to match: "config.json".
    std::string_view config_name() const { return config_name_; }

 protected:
    ModelSource(std::filesystem::path path, std::string_view config_name, Config config)
        : path_(std::move(path)), config_name_(config_name), config_(std::move(config)) {}

    // For weight(). file: begins the message.
    [[noreturn]] void fail_shape(const TensorEntry& entry, std::span<const int64_t> implied,
                                 std::string_view file) const;
    static void check_dtype(const TensorEntry& entry, std::string_view file);

    std::filesystem::path path_;
    std::string_view config_name_;
    Config config_;
};

bool has_plain_dtype(const TensorEntry& entry);  // f32, f16 or bf16
bool has_shape(const TensorEntry& entry, std::span<const int64_t> shape);

struct ModelFormat {
    bool (*matches)(const std::filesystem::path& path);
    std::shared_ptr<ModelSource> (*open)(const std::filesystem::path& path);
};
extern const ModelFormat huggingface_format, meta_format, gguf_format;

bool is_model(const std::filesystem::path& path);  // whether it looks like one of these formats

// Opens a model folder of any format, or a training run (model/checkpoint_folders.h). Throws Error that says what is
// wrong with it; weights that cannot be read may be found later, by weight(). Shared: the weights of a Llama may be
// views into the files.
std::shared_ptr<ModelSource> open_model(const std::filesystem::path& path);

}  // namespace puna
