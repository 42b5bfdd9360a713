// library/model_export.h — a model on its way into another file: its weights, each with the dtype that it gets there.
//
//   std::shared_ptr<ModelSource> source = open_model("Llama-3.2-1B");
//   ModelExport model(*source);
//   std::vector<ExportedWeight> weights = model.weights(Dtype::f16);
//   model.write("converting", weights, RowOrder::halves, {}, [&](Tensor part) { writer.write(part); });
//
// Weights are streamed: memory does not grow with the model.
#pragma once
#include "model/export_weight.h"
#include "model/importance.h"
#include "model/source.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct ExportedWeight {
    WeightInfo info;
    Dtype dtype;
};

// Of the weights whose rows are rotated in pairs: which rows are a pair. Hugging Face's format has halves of a head,
// GGUF and Meta's have neighbors.
enum class RowOrder : uint8_t { halves, neighbors };

// What quantization goes by; without a matrix all columns count alike.
struct NamedImportance {
    ImportanceMatrix matrix;
    std::string path;  // for messages
};

class ModelExport {
 public:
    explicit ModelExport(ModelSource& source);  // which must outlive it

    ModelSource& source() const { return source_; }
    const Config& config() const { return config_; }  // with the tokenizer's ids if the source's config names none
    const std::optional<Tokenizer>& tokenizer() const { return tokenizer_; }
    Dtype matrix_dtype() const;  // as stored; of several the first layer's

    // type: of all weights; without it they keep theirs, but block types become bf16. Vectors that the source's format
    // has widened to f32 get the dtype of the matrices again.
    std::vector<ExportedWeight> weights(std::optional<Dtype> type) const;

    // use: called with parts of the weights, one at a time and in their order, from the threads that compute them.
    // Throws Error that names the weight, and if a file of the source changes meanwhile.
    void write(std::string_view task, const std::vector<ExportedWeight>& weights, RowOrder order,
               const NamedImportance& importance, const std::function<void(Tensor part)>& use) const;

 private:
    ModelSource& source_;
    std::optional<Tokenizer> tokenizer_;
    Config config_;
    std::vector<ExportedWeight> weights_;  // as stored
};

}  // namespace puna
