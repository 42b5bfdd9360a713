#include "library/convert.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/folders.h"
#include "core/log.h"
#include "core/overwrite.h"
#include "core/progress.h"
#include "files/gguf_writer.h"
#include "files/shards.h"
#include "files/torch_writer.h"
#include "kernels/kernels.h"
#include "model/export_weight.h"
#include "model/gguf_config.h"
#include "model/meta_params.h"
#include "tokenizer/files.h"
#include "tokenizer/gguf_vocabulary.h"

#include <functional>

namespace puna {

namespace {

namespace fs = std::filesystem;

struct ExportedWeight {
    WeightInfo info;
    Dtype dtype;
};

// A source with the dtype that each of its weights gets.
class Export {
 public:
    Export(ModelSource& source, const ConvertOptions& options)
        : source_(source), kernels_(host_kernels()), options_(options) {
        for (const WeightInfo& info : list_weights(source.config()))
            if (info.kind != WeightKind::output || !source.config().tied)
                weights_.push_back({info, source.weight(info).parts[0].dtype});
        base_ = options.type.value_or(is_block_type(matrix_dtype()) ? Dtype::bf16 : matrix_dtype());
    }

    ModelSource& source() const { return source_; }
    const Config& config() const { return source_.config(); }
    Dtype base() const { return base_; }  // of the matrices

    // Vectors that the source's format has widened to f32 get the dtype of the matrices again.
    std::vector<ExportedWeight> weights() const {
        std::vector<ExportedWeight> list = weights_;
        for (ExportedWeight& weight : list)
            if (options_.type || is_block_type(weight.dtype) ||
                (weight.info.is_vector() && source_.widens_vectors()))
                weight.dtype = base_;
        return list;
    }

    void write(const std::vector<ExportedWeight>& weights, bool neighbors,
               const std::function<void(Tensor part)>& use) const {
        WeightExporter exporter(kernels_);
        Progress progress("converting", std::ssize(weights), "tensors");
        for (const ExportedWeight& weight : weights) {
            WeightForm form{.dtype = weight.dtype, .neighbor_head = neighbors ? config().head_dim : 0};
            exporter.write(source_.weight(weight.info), weight.info, form, use);
            progress.advance(1);
        }
    }

 private:
    static const Kernels& host_kernels() {
        const Kernels& chosen = choose_kernels();
        if (chosen.memory.host_access && chosen.memory.mapped_files) return chosen;
        return *find_kernels("scalar");
    }
    Dtype matrix_dtype() const { return weights_[1].dtype; }  // of the first layer's wq

    ModelSource& source_;
    const Kernels& kernels_;
    ConvertOptions options_;
    std::vector<ExportedWeight> weights_;
    Dtype base_;
};

// None, with a warning: a model without a tokenizer can be converted.
std::optional<Tokenizer> find_tokenizer(const ModelSource& source) {
    try {
        return source.tokenizer();
    } catch (const Error& problem) {
        if (problem.kind != ErrorKind::not_found) throw;
        log_warning("{}; the converted model has none either", problem.what());
        return {};
    }
}

void write_huggingface(const Export& model, const fs::path& folder) {
    const ModelSource& source = model.source();
    std::vector<ExportedWeight> weights = model.weights();
    std::vector<TensorSpec> specs;
    for (const ExportedWeight& weight : weights)
        specs.push_back({hugging_face_name(weight.info), weight.dtype, weight.info.shape()});
    if (std::optional<Tokenizer> tokenizer = find_tokenizer(source)) {
        save_tokenizer(*tokenizer, folder);
        save_chat_template(source.chat_template(*tokenizer), *tokenizer, folder);
    }
    std::string generation = source.generation_config().text;
    write_file(folder / "generation_config.json", generation.empty() ? generation_config_json(model.config(), "") : generation);
    ModelWeightsWriter writer(folder, specs);
    model.write(weights, false, [&](Tensor part) { writer.write(part); });
    writer.commit();
    write_file(folder / "config.json", config_json(model.config(), model.base()));
}

// general.file_type of files whose matrices have one plain dtype.
uint32_t file_type_of(Dtype dtype) { return dtype == Dtype::f32 ? 0 : dtype == Dtype::f16 ? 1 : 32; }

void write_gguf(const Export& model, const fs::path& path) {
    const ModelSource& source = model.source();
    GgufMetadata metadata;
    Config config = model.config();
    config.dtype = config.dtype.value_or(model.base());
    add_gguf_config(metadata, config);
    metadata.add("general.type", "model");
    metadata.add("general.file_type", file_type_of(model.base()));
    if (std::optional<Tokenizer> tokenizer = find_tokenizer(source)) {
        if (std::string note = add_gguf_vocabulary(metadata, *tokenizer); !note.empty())
            log_info("{}: {}", path.string(), note);
        ChatTemplateText chat = source.chat_template(*tokenizer);
        if (!chat.text.empty()) metadata.add("tokenizer.chat_template", chat.text);
        if (!chat.tool_text.empty()) metadata.add("tokenizer.chat_template.tool_use", chat.tool_text);
    }
    if (std::string generation = source.generation_config().text; !generation.empty())
        metadata.add("puna.generation_config", generation);
    std::vector<ExportedWeight> weights = model.weights();
    std::vector<TensorSpec> specs;
    std::vector<RopeTensor> factors = rope_tensors(config);
    for (const RopeTensor& factor : factors)
        specs.push_back({factor.name, Dtype::f32, {std::ssize(factor.divisors)}});
    for (ExportedWeight& weight : weights) {
        if (weight.info.is_vector()) weight.dtype = Dtype::f32;
        specs.push_back({gguf_name(weight.info), weight.dtype, weight.info.shape()});
    }
    GgufWriter writer(path, metadata, specs);
    for (RopeTensor& factor : factors)
        writer.write(Tensor(factor.divisors.data(), Dtype::f32, {std::ssize(factor.divisors)}));
    model.write(weights, true, [&](Tensor part) { writer.write(part); });
    writer.commit();
}

void write_meta(const Export& model, const fs::path& folder) {
    std::string params = meta_params_json(model.config(), model.source().path().string());
    std::vector<ExportedWeight> weights = model.weights();
    std::vector<TensorSpec> specs;
    for (const ExportedWeight& weight : weights)
        specs.push_back({name_of(weight.info), weight.dtype, weight.info.shape()});
    if (std::optional<Tokenizer> tokenizer = find_tokenizer(model.source())) save_tokenizer_model(*tokenizer, folder);
    TorchWriter writer(folder / "consolidated.00.pth", specs);
    model.write(weights, true, [&](Tensor part) { writer.write(part); });
    writer.commit();
    write_file(folder / "params.json", params);
}

}  // namespace

std::vector<std::string_view> enum_names(ModelForm) { return {"hf", "gguf", "meta"}; }

ModelForm form_of(const fs::path& output) {
    return output.extension() == ".gguf" ? ModelForm::gguf : ModelForm::huggingface;
}

void convert_model(ModelSource& source, const fs::path& output, ModelForm form, const ConvertOptions& options) {
    Dtype type = options.type.value_or(Dtype::f32);
    if (type != Dtype::f32 && type != Dtype::f16 && type != Dtype::bf16)
        fail_value("type", "{} is a type of quantized weights: puna quantize makes them", info(type).name);
    check_overwrite(output, {"a model", is_model}, options.force);
    Export model(source, options);
    if (form == ModelForm::gguf) return write_gguf(model, output);
    NewFolder folder(output);
    make_folder(folder.path());
    form == ModelForm::meta ? write_meta(model, folder.path()) : write_huggingface(model, folder.path());
    options.force ? folder.replace() : folder.commit();
}

}  // namespace puna
