// covers: src/model/gguf_config.cpp src/model/gguf_source.cpp
#include "core/fuzz.h"
#include "files/gguf_writer.h"
#include "model/gguf_config.h"
#include "model/source.h"

// A model that can be read is written again. Those with many layers are left out: the list of their weights is larger
// than a small file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    FuzzFile file({reinterpret_cast<const char*>(data), size});
    return fuzz(data, size, [&](std::string_view) {
        std::shared_ptr<ModelSource> source = open_model(file.path());
        const Config& config = source->config();
        GgufMetadata metadata;
        add_gguf_config(metadata, config);
        rope_tensors(config);
        source->generation_defaults();
        source->tensor_names();
        if (config.layers > 16) return;
        for (const WeightInfo& weight : list_weights(config))
            if (weight.kind != WeightKind::output || !config.tied) source->weight(weight);
        Tokenizer tokenizer = source->tokenizer();
        source->chat_template(tokenizer);
        check(source->format().starts_with("GGUF v"), "a format named {}", source->format());
    });
}
