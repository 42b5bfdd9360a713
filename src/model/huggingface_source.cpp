// A folder in Hugging Face's format: config.json, generation_config.json, model.safetensors or pytorch_model.bin or
// shards of them, tokenizer.json.
#include "core/error.h"
#include "core/file_kind.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "files/shards.h"
#include "model/source.h"
#include "tokenizer/files.h"

#include <array>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view weights_remedy = "download or copy the weights again, or the config.json of these weights",
                           output_remedy =
                               "if the embeddings are the output too, set \"tie_word_embeddings\": true in "
                               "config.json; else download or copy the weights again";

constexpr std::string_view bias_remedy =
    "set \"attention_bias\" and \"mlp_bias\" to false in config.json if the model has none; else download or copy the "
    "weights again";

std::string_view remedy_for(const WeightInfo& missing) {
    if (missing.kind == WeightKind::bias) return bias_remedy;
    return missing.kind == WeightKind::output ? output_remedy : weights_remedy;
}

// The method that quantized the matrix "x.weight", judged by the tensors beside or instead of it; empty: none.
std::string_view quantizer_of(const ModelWeights& files, std::string_view name) {
    struct Marker {
        std::string_view suffix, method;
    };
    constexpr Marker markers[] = {{".qweight", "GPTQ or AWQ"},
                                  {".weight_packed", "compressed-tensors"},
                                  {".weight_scale_2", "NVFP4"},
                                  {".weight_scale", "FP8 or compressed-tensors"},
                                  {".weight_scale_inv", "FP8"},
                                  {".weight_scales", "EETQ"},
                                  {".weight.absmax", "bitsandbytes 4-bit"},
                                  {".SCB", "bitsandbytes 8-bit"},
                                  {".W_q", "HQQ"},
                                  {"_blocks", "MXFP4"},
                                  {".biases", "MLX"},
                                  {".scales", "an unknown method"}};
    std::string base(name.substr(0, name.rfind('.')));
    for (const Marker& marker : markers)
        if (files.find(base + std::string(marker.suffix))) return marker.method;
    return {};
}

// Called for an unexpected or missing tensor: the reason may be quantization.
void reject_quantized(const ModelWeights& files, std::string_view name, std::string_view folder) {
    if (std::string_view method = quantizer_of(files, name); !method.empty())
        fail(ErrorKind::unsupported,
             "{}: tensor {} is quantized ({}); only F32, F16 and BF16 are supported: use the unquantized model", folder,
             name, method);
}

// A missing matrix with other tensors in its place was quantized by a method that is not in that list.
void reject_replaced(const ModelWeights& files, std::string_view name, std::string_view folder) {
    std::string prefix(name.substr(0, name.rfind('.') + 1));
    for (const WeightsFile& file : files.files())
        for (const TensorEntry& entry : file.entries())
            if (entry.name.starts_with(prefix) && entry.name != prefix + "bias")
                fail(ErrorKind::unsupported,
                     "{}: tensor {} is missing, but there is {}: the model seems to be quantized, which is not "
                     "supported: use the unquantized model",
                     folder, name, printable(entry.name));
}

// Called for a missing tensor: EAGLE's heads have the layers of a Llama and this matrix.
void reject_draft_head(const ModelWeights& files, std::string_view name, std::string_view folder) {
    if (files.find("fc.weight"))
        fail(
            ErrorKind::unsupported,
            "{}: tensor {} is missing, but there is fc.weight: this is a draft head, which proposes tokens to a model, "
            "and no model; only a whole LlamaForCausalLM is supported",
            folder, name);
}

class HuggingFaceSource : public ModelSource {
 public:
    explicit HuggingFaceSource(const fs::path& folder)
        : ModelSource(folder, "config.json", read_config(folder / "config.json")), files_(folder) {
        correct_kv_heads();
    }

    StoredWeight weight(const WeightInfo& weight) override { return {.parts = {files_.tensor(find(weight))}}; }
    StoredWeight inspect(const WeightInfo& weight) override { return {.parts = {files_.view(find(weight))}}; }

    std::string format() const override { return "Hugging Face"; }
    std::string stored_name(const WeightInfo& weight) const override { return hugging_face_name(weight); }

    std::vector<std::string_view> tensor_names() override {
        std::vector<std::string_view> names;
        for (const WeightsFile& file : files_.files())
            for (const TensorEntry& entry : file.entries())
                if (!entry.name.ends_with("rotary_emb.inv_freq")) names.push_back(entry.name);
        return names;
    }

    Tokenizer tokenizer() const override { return load_tokenizer(path()); }
    ChatTemplateText chat_template(const Tokenizer& tokenizer) const override {
        return read_chat_template(path(), tokenizer);
    }

    NamedText generation_config() const override {
        fs::path file = path() / "generation_config.json";
        if (!file_exists(file)) return {file.string(), ""};
        std::string text(MappedFile(file).text());
        if (text.empty()) fail(ErrorKind::damaged, "{}: is empty: {}", file.string(), copy_again);
        return {file.string(), text};
    }

 private:
    // The name of a tensor that is there and fits.
    std::string find(const WeightInfo& weight) const {
        std::string name = stored_name(weight), folder = path().string();
        const TensorEntry* entry = files_.find(name);
        if (!entry) {
            reject_quantized(files_, name, folder);
            reject_draft_head(files_, name, folder);
            if (weight.kind != WeightKind::bias) reject_replaced(files_, name, folder);
            files_.fail_missing(name, remedy_for(weight));
        }
        bool same_shape = has_shape(*entry, weight.shape());
        if (!same_shape || !has_plain_dtype(*entry)) reject_quantized(files_, name, folder);
        if (!same_shape) fail_shape(*entry, weight.shape(), folder);
        check_dtype(*entry, folder);
        return name;
    }

    // Copies of config.json lose num_key_value_heads, or state another model's: the keys decide if they can only mean
    // one number.
    void correct_kv_heads() {
        const TensorEntry *queries = files_.find("model.layers.0.self_attn.q_proj.weight"),
                          *keys = files_.find("model.layers.0.self_attn.k_proj.weight");
        if (!queries || !keys || !has_shape(*queries, std::array{config_.q_dim(), config_.dim})) return;
        int64_t heads = keys->shape[0] / config_.head_dim;
        bool possible = heads > 0 && heads <= config_.heads && config_.heads % heads == 0;
        if (!possible || heads == config_.kv_heads) return;
        if (!has_shape(*keys, std::array{heads * config_.head_dim, config_.dim})) return;
        log_warning("{}: config.json implies {} key/value heads, the weights have {}: using these", path().string(),
                    config_.kv_heads, heads);
        config_.kv_heads = heads;
    }

    ModelWeights files_;
};

bool matches_huggingface(const fs::path& folder) { return file_exists(folder / "config.json") && has_weights(folder); }

std::shared_ptr<ModelSource> open_huggingface(const fs::path& folder) {
    return std::make_shared<HuggingFaceSource>(folder);
}

}  // namespace

const ModelFormat huggingface_format = {matches_huggingface, open_huggingface};

}  // namespace puna
