#include "library/quantize.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "files/gguf.h"
#include "library/export_gguf.h"
#include "model/load.h"
#include "model/quantization_mix.h"

#include <algorithm>

namespace puna {

namespace {

namespace fs = std::filesystem;

// Before the first weight is quantized, which may be minutes before the one that is wrong.
void check_importance(const FileType& type, const QuantizationMix& mix, const NamedImportance& importance) {
    for (const auto& [weight, dtype, wanted] : mix.weights) {
        bool has_entry = find_importance(importance.matrix, weight, importance.path) != nullptr;
        if (!has_entry && type.needs_importance && dtype == type.base && weight.kind != WeightKind::embedding)
            fail(ErrorKind::usage, "{}: has no entry for '{}', which {} needs", importance.path, gguf_name(weight),
                 type.name);
    }
}

}  // namespace

void quantize_model(ModelSource& source, std::string_view file_type, const fs::path& output,
                    const QuantizeOptions& options) {
    const FileType& type = find_file_type(file_type);
    check_overwrite(output, {"a GGUF file", is_gguf_file}, options.force);
    QuantizationMix mix = mix_weights(type, source.config(), options.importance != nullptr);
    ModelExport model(source);
    if (is_block_type(model.matrix_dtype()) && model.matrix_dtype() != type.base)
        log_warning("{}: its weights are quantized already, in {}: quantizing the original model gives better ones",
                    source.path().string(), info(model.matrix_dtype()).name);
    GgufExport file{.weights = {}, .file_type = type.number, .task = "quantizing", .relation = "quantized"};
    if (options.importance) file.importance = options.importance();
    check_importance(type, mix, file.importance);
    if (std::string note = mix.fallbacks(); !note.empty()) log_warning("{}: {}", output.string(), note);
    for (const MixedWeight& mixed : mix.weights) file.weights.push_back({mixed.weight, mixed.dtype});
    export_gguf(model, output, std::move(file));
}

ImportanceMatrix measure_importance(const fs::path& path, const fs::path& text) {
    Llama llama = load_llama(choose_kernels(), path, {});
    Tokenizer tokenizer = open_model(path)->tokenizer();
    std::vector<int32_t> tokens = tokenizer.encode(read_text(text));
    ImportanceMatrix importance = measure_importance(
        llama, tokens,
        {.chunk = std::min<int64_t>(512, llama.config.context), .bos = tokenizer.begin_of_text().value_or(-1)});
    importance.dataset = text.filename().string();
    return importance;
}

}  // namespace puna
