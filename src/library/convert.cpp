#include "library/convert.h"

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/folders.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "files/gguf.h"
#include "files/shards.h"
#include "files/torch_writer.h"
#include "library/export_gguf.h"
#include "library/lineage.h"
#include "model/meta_params.h"
#include "model/quantization_mix.h"
#include "tokenizer/files.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

// Of the matrices.
Dtype base_dtype(const std::vector<ExportedWeight>& weights) {
    for (const ExportedWeight& weight : weights)
        if (weight.info.layer == 0 && !weight.info.is_vector()) return weight.dtype;
    return weights[0].dtype;
}

// After a user-defined token Hugging Face's programs put a space before the text, as after each added token.
void warn_of_user_defined(const Vocabulary& vocabulary, std::string_view source) {
    const SentencePieceRules& rules = vocabulary.sentencepiece;
    if (!rules.user_defined.empty() && rules.prefix == SpacePrefix::segments)
        log_warning(
            "{}: tokenizer.json cannot say that tokens such as '{}' are user-defined: text after them gets other "
            "ids there; a GGUF file can say it",
            source, printable(vocabulary.tokens[rules.user_defined[0]]));
}

void write_huggingface(const ModelExport& model, const fs::path& folder, std::optional<Dtype> type) {
    const ModelSource& source = model.source();
    std::vector<ExportedWeight> weights = model.weights(type);
    std::vector<TensorSpec> specs;
    for (const ExportedWeight& weight : weights)
        specs.push_back({hugging_face_name(weight.info), weight.dtype, weight.info.shape()});
    if (const std::optional<Tokenizer>& tokenizer = model.tokenizer()) {
        warn_of_user_defined(tokenizer->vocabulary(), source.path().string());
        save_tokenizer(*tokenizer, folder);
        save_chat_template(source.chat_template(*tokenizer), *tokenizer, folder);
    }
    std::string generation = source.generation_config().text;
    if (generation.empty()) generation = generation_config_json(model.config(), "");
    write_file(folder / "generation_config.json", generation);
    ModelWeightsWriter writer(folder, specs);
    model.write("converting", weights, RowOrder::halves, {}, [&](Tensor part) { writer.write(part); });
    writer.commit();
    write_file(folder / "config.json", config_json(model.config(), base_dtype(weights)));
}

// general.file_type of files whose matrices have one plain dtype.
uint32_t file_type_of(Dtype dtype) { return find_file_type(info(dtype).name).number; }

void write_gguf(const ModelExport& model, const fs::path& path, std::optional<Dtype> type) {
    std::vector<ExportedWeight> weights = model.weights(type);
    uint32_t file_type = file_type_of(base_dtype(weights));
    export_gguf(model, path, {.weights = std::move(weights), .file_type = file_type});
}

void write_meta(const ModelExport& model, const fs::path& folder, std::optional<Dtype> type) {
    std::string params = meta_params_json(model.config(), model.source().path().string());
    std::vector<ExportedWeight> weights = model.weights(type);
    std::vector<TensorSpec> specs;
    for (const ExportedWeight& weight : weights)
        specs.push_back({name_of(weight.info), weight.dtype, weight.info.shape()});
    if (const std::optional<Tokenizer>& tokenizer = model.tokenizer()) save_tokenizer_model(*tokenizer, folder);
    TorchWriter writer(folder / "consolidated.00.pth", specs);
    model.write("converting", weights, RowOrder::neighbors, {}, [&](Tensor part) { writer.write(part); });
    writer.commit();
    write_file(folder / "params.json", params);
}

bool is_written_here(const fs::path& entry) {
    constexpr std::string_view names[] = {
        "README.md",      "config.json",     "generation_config.json", "model.safetensors.index.json",
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json",  "chat_template.jinja",
        "params.json"};
    std::string extension = entry.extension();
    return std::find(std::begin(names), std::end(names), entry.filename()) != std::end(names) ||
           extension == ".safetensors" || extension == ".pth";
}

bool is_output(const fs::path& path) {
    return is_gguf_file(path) || (fs::is_directory(path) && is_model(path) && contains_only(path, is_written_here));
}

// The model's card, or one that says what its file did.
void write_card(const ModelSource& source, const fs::path& folder, const std::string& title) {
    CardMetadata card = card_of_copy(source.path());
    if (file_exists(source.path() / "README.md"))
        write_file(folder / "README.md", read_text(source.path() / "README.md"));
    else if (!card.license.empty() || !card.base_models.empty())
        write_file(folder / "README.md", card_text(title, card));
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
    check_overwrite(output, {"a model's file or folder", is_output}, options.force);
    ModelExport model(source);
    if (form == ModelForm::gguf) return write_gguf(model, output, options.type);
    NewFolder folder(output);
    make_folder(folder.path());
    form == ModelForm::meta ? write_meta(model, folder.path(), options.type)
                            : write_huggingface(model, folder.path(), options.type);
    write_card(source, folder.path(), output.filename().string());
    options.force ? folder.replace() : folder.commit();
}

}  // namespace puna
