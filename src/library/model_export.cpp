#include "library/model_export.h"

#include "core/error.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "core/threads.h"
#include "kernels/kernels.h"
#include "model/load.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>

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

struct ExportedPart {
    const ExportedWeight* weight;
    const StoredWeight* stored;
    int64_t first;  // its first row
};

std::vector<ExportedPart> list_parts(const std::vector<ExportedWeight>& weights,
                                     const std::vector<StoredWeight>& stored) {
    std::vector<ExportedPart> parts;
    for (size_t i = 0; i < weights.size(); ++i)
        for (int64_t first = 0; first < weights[i].info.rows; first += exported_rows(weights[i].info))
            parts.push_back({&weights[i], &stored[i], first});
    return parts;
}

// Calls by several threads, one after another in the order of their numbers, until one fails.
class InOrder {
 public:
    // Waits for its turn; without a call if an earlier number has failed.
    template <class F>
    void call(int64_t number, F&& f) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return next_ == number || failed_ < number; });
        if (failed_ < number) return;
        f();
        ++next_;
        changed_.notify_all();
    }
    void fail(int64_t number) {
        std::lock_guard lock(mutex_);
        failed_ = std::min(failed_, number);
        changed_.notify_all();
    }
    bool failed_before(int64_t number) {
        std::lock_guard lock(mutex_);
        return failed_ < number;
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int64_t next_ = 0;
    int64_t failed_ = std::numeric_limits<int64_t>::max();  // the first that did
};

}  // namespace

ModelExport::ModelExport(ModelSource& source)
    : source_(source), tokenizer_(find_tokenizer(source)), config_(with_token_ids(source.config(), tokenizer_)) {
    check_tensors(source);  // what is not exported would be lost
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
    int64_t parameters = 0;
    MappingWatch files;
    std::vector<StoredWeight> stored;
    for (const ExportedWeight& weight : weights) {
        parameters += weight.info.count();
        stored.push_back(source_.weight(weight.info));
        for (const Tensor& part : stored.back().parts) files.add(part.data);
    }
    std::vector<ExportedPart> parts = list_parts(weights, stored);
    Progress progress(std::string(task), parameters, "weights");
    // Each thread computes a part, and writes it when it is its turn: those who wait for the disk leave the processors
    // to those who compute. At most as many parts as threads are unfinished, and these have consecutive numbers.
    InOrder turns;
    std::vector<Arena> scratch;
    for (int i = 0; i < threads(); ++i) scratch.emplace_back(host_kernels());
    auto rows_of = [&](const ExportedPart& part, const WeightForm& form, Arena& memory) {
        try {
            return export_rows(*part.stored, part.weight->info, form, part.first, memory);
        } catch (const Error& problem) {
            rethrow_with(source_.path().string(), problem);
        }
    };
    auto export_part = [&](int64_t number) {
        const ExportedPart& part = parts[static_cast<size_t>(number)];
        Arena& memory = scratch[static_cast<size_t>(number) % scratch.size()];
        memory.rewind({});
        WeightForm form{.dtype = part.weight->dtype, .name = source_.stored_name(part.weight->info)};
        if (order == RowOrder::neighbors) form.neighbor_head = config().head_dim;
        if (is_block_type(form.dtype))
            form.importance = importance_of(importance.matrix, part.weight->info, memory, importance.path);
        Tensor rows = rows_of(part, form, memory);
        turns.call(number, [&] { use(rows); });
        progress.advance(rows.count());
    };
    try {
        parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t number) {
            if (turns.failed_before(number)) return;
            try {
                export_part(number);
            } catch (...) {
                turns.fail(number);
                throw;
            }
        });
    } catch (const Error&) {  // a lost page cannot be written to a file
        files.check_unchanged();
        throw;
    }
    files.check_unchanged();  // before the output is complete
}

}  // namespace puna
