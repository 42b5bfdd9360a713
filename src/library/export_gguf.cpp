#include "library/export_gguf.h"

#include "core/log.h"
#include "files/gguf_writer.h"
#include "library/gguf_card.h"
#include "library/lineage.h"
#include "model/gguf_config.h"
#include "tokenizer/gguf_vocabulary.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

void add_tokenizer(GgufMetadata& metadata, const ModelExport& model, const fs::path& path) {
    const std::optional<Tokenizer>& tokenizer = model.tokenizer();
    if (!tokenizer) return;
    if (std::string note = add_gguf_vocabulary(metadata, *tokenizer); !note.empty())
        log_info("{}: {}", path.string(), note);
    ChatTemplateText chat = model.source().chat_template(*tokenizer);
    if (!chat.text.empty()) metadata.add("tokenizer.chat_template", chat.text);
    if (!chat.tool_text.empty()) metadata.add("tokenizer.chat_template.tool_use", chat.tool_text);
}

void add_importance(GgufMetadata& metadata, const NamedImportance& importance) {
    if (importance.matrix.mean_squares.empty()) return;
    metadata.add("quantize.imatrix.file", importance.path);
    if (!importance.matrix.dataset.empty()) metadata.add("quantize.imatrix.dataset", importance.matrix.dataset);
    metadata.add("quantize.imatrix.entries_count", static_cast<uint32_t>(importance.matrix.mean_squares.size()));
    metadata.add("quantize.imatrix.chunks_count", static_cast<uint32_t>(importance.matrix.chunks));
}

GgufMetadata metadata_of(const ModelExport& model, const Config& config, const fs::path& path, const GgufExport& file) {
    GgufMetadata metadata;
    add_gguf_config(metadata, config);
    metadata.add("general.type", "model");
    add_card(metadata, card_of_copy(model.source().path(), file.relation));
    metadata.add("general.file_type", file.file_type);
    metadata.add("general.quantization_version", uint32_t{2});
    add_tokenizer(metadata, model, path);
    if (std::string generation = model.source().generation_config().text; !generation.empty())
        metadata.add("puna.generation_config", generation);
    add_importance(metadata, file.importance);
    return metadata;
}

}  // namespace

void export_gguf(const ModelExport& model, const fs::path& path, GgufExport file) {
    Config config = model.config();
    if (!config.dtype) config.dtype = is_block_type(model.matrix_dtype()) ? Dtype::bf16 : model.matrix_dtype();
    std::vector<TensorSpec> specs;
    std::vector<RopeTensor> factors = rope_tensors(config);
    for (const RopeTensor& factor : factors) specs.push_back({factor.name, Dtype::f32, {std::ssize(factor.divisors)}});
    for (ExportedWeight& weight : file.weights) {
        if (weight.info.is_vector()) weight.dtype = Dtype::f32;
        specs.push_back({gguf_name(weight.info), weight.dtype, weight.info.shape()});
    }
    GgufWriter writer(path, metadata_of(model, config, path, file), specs);
    for (RopeTensor& factor : factors)
        writer.write(Tensor(factor.divisors.data(), Dtype::f32, {std::ssize(factor.divisors)}));
    model.write(file.task, file.weights, RowOrder::neighbors, file.importance,
                [&](Tensor part) { writer.write(part); });
    writer.commit();
}

}  // namespace puna
