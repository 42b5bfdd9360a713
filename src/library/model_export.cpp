#include "library/model_export.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "kernels/kernels.h"

namespace puna {

namespace {

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

// Formats that name no token ids, as Meta's, leave them to the tokenizer.
Config with_token_ids(Config config, const std::optional<Tokenizer>& tokenizer) {
    if (!tokenizer || config.bos >= 0 || config.pad >= 0 || !config.eos.empty()) return config;
    config.bos = tokenizer->find_begin_of_text().value_or(-1);
    config.pad = tokenizer->roles().pad.value_or(-1);
    config.eos = tokenizer->stop_ids();
    return config;
}

const Kernels& host_kernels() {
    const Kernels& chosen = choose_kernels();
    if (chosen.memory.host_access && chosen.memory.mapped_files) return chosen;
    return *find_kernels("scalar");
}

}  // namespace

ModelExport::ModelExport(ModelSource& source)
    : source_(source), tokenizer_(find_tokenizer(source)), config_(with_token_ids(source.config(), tokenizer_)) {
    for (const WeightInfo& info : list_weights(source.config()))
        if (info.kind != WeightKind::output || !source.config().tied)
            weights_.push_back({info, source.inspect(info).parts[0].dtype});
}

Dtype ModelExport::matrix_dtype() const {
    for (const ExportedWeight& weight : weights_)
        if (weight.info.layer == 0 && !weight.info.is_vector()) return weight.dtype;
    return weights_[0].dtype;
}

std::vector<ExportedWeight> ModelExport::weights(std::optional<Dtype> type) const {
    Dtype base = type.value_or(is_block_type(matrix_dtype()) ? Dtype::bf16 : matrix_dtype());
    std::vector<ExportedWeight> list = weights_;
    for (ExportedWeight& weight : list)
        if (type || is_block_type(weight.dtype) || (weight.info.is_vector() && source_.widens_vectors()))
            weight.dtype = base;
    return list;
}

void ModelExport::write(std::string_view task, const std::vector<ExportedWeight>& weights, RowOrder order,
                        const NamedImportance& importance, const std::function<void(Tensor part)>& use) const {
    const Kernels& kernels = host_kernels();
    WeightExporter exporter(kernels);
    Arena memory(kernels);
    int64_t parameters = 0;
    for (const ExportedWeight& weight : weights) parameters += weight.info.count();
    Progress progress(std::string(task), parameters, "weights");
    MappingWatch files;
    for (const ExportedWeight& weight : weights) {
        memory.rewind({});
        WeightForm form{.dtype = weight.dtype};
        if (order == RowOrder::neighbors) form.neighbor_head = config().head_dim;
        if (is_block_type(weight.dtype))
            form.importance = importance_of(importance.matrix, weight.info, memory, importance.path);
        StoredWeight stored = source_.weight(weight.info);
        for (const Tensor& part : stored.parts) files.add(part.data);
        try {
            exporter.write(stored, weight.info, form, [&](Tensor part) {
                use(part);
                progress.advance(part.count());
            });
        } catch (const Error&) {  // a lost page cannot be written to a file
            files.check_unchanged();
            throw;
        }
    }
    files.check_unchanged();  // before the output is complete
}

}  // namespace puna
