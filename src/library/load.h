// library/load.h — creates an engine from a model folder.
//
//   Engine engine = load_engine("models/starter", {.context = 2048});
//   Engine tuned = load_engine("models/starter", {.adapters = {"my-adapter"}});
//
// LoRA adapters (model/adapter.h) are added to all answers; an adapter in place of a model is that of the base which it
// names, if that is here, by its path or by its name in the library.
//
// Sampling defaults and stop tokens are the model's own (model/generation_defaults.h); without any, those of
// SampleOptions apply. The folder of a training run that has not finished stands for its newest checkpoint, with a line
// in the log.
#pragma once
#include "core/dtype.h"
#include "infer/engine.h"
#include "model/adapter.h"
#include "model/source.h"
#include "tokenizer/chat_template_files.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace puna {

struct EngineLoadOptions {
    std::optional<Dtype> type;
    int64_t context = 0;
    int64_t sequences = 1;        // at once
    int64_t sequence_tokens = 0;  // of each at most, where that is known: the KV cache need not hold whole contexts
    Dtype cache_type = Dtype::f32;
    std::vector<std::string> adapters;
};
template <class F>
void fields(EngineLoadOptions& o, F field) {
    field.group("Model");
    field("type", o.type, "weight dtype for inference", {.word = "f32|bf16|f16", .unset = "as stored"});
    field("context", o.context, "maximum number of tokens, prompt and answer together",
          {.min = 0, .unset = "the model's limit, at most 8192"});
    field("cache_type", o.cache_type, "dtype of the KV cache: bf16 takes half the memory of f32", {.word = "f32|bf16"});
    field("adapter", o.adapters, "LoRA adapter to add to the model, a folder or GGUF file; may be given several times",
          {.word = "PATH"});
}

// Refuses what does not fit into memory before anything is loaded: throws Error (out_of_memory) with the numbers.
void check_memory(ModelSource& source, std::span<const Adapter> adapters, std::optional<Dtype> type,
                  const EngineOptions& options);

// Throws Error that names the folder or file and the reason.
Engine load_engine(const std::filesystem::path& folder, const EngineLoadOptions& options = {});

// The model's own chat template, or one of Llama's for a vocabulary of Llama's.
ChatTemplateText load_chat_template(const std::filesystem::path& folder, const Tokenizer& tokenizer);

// What makes the prompts of conversations with a model, an adapter or a tokenizer alone.
struct PromptFiles {
    Tokenizer tokenizer;
    ChatTemplateText chat;  // as of load_chat_template
};
PromptFiles load_prompt_files(const std::filesystem::path& path);

}  // namespace puna
