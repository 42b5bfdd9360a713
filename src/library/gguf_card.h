// library/gguf_card.h — what a model card says, in the keys of a GGUF file.
//
//   add_card(metadata, {.license = "llama3.2", .base_models = {"meta-llama/Llama-3.2-1B"}, .relation = "quantized"});
//   CardMetadata card = read_card(GgufFile("model.gguf"));
//
// general.license and general.base_model.*; the relation to the bases, for which the format has no key, in
// puna.base_model_relation. Source: ggml-org/ggml, gguf.md.
#pragma once
#include "files/gguf.h"
#include "files/gguf_writer.h"
#include "library/card.h"

namespace puna {

void add_card(GgufMetadata& metadata, const CardMetadata& card);  // nothing for what is empty
CardMetadata read_card(const GgufFile& file);

}  // namespace puna
