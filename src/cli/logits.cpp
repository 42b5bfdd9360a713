#include "cli/command.h"
#include "cli/flags.h"
#include "cli/ids.h"
#include "files/safetensors.h"
#include "model/load.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

namespace puna {

namespace {

struct LogitsOptions {
    std::string model, tokens, output = "logits.safetensors", type;
    int64_t chunk = 0;
    int threads = 0;
    bool json = false;
};
template <class F>
void fields(LogitsOptions& o, F field) {
    field("tokens", o.tokens,
          "a file of token ids, as text separated by white space or as u32 little-endian; - reads standard input");
    field("output", o.output, "the safetensors file to write: logits, F32 [tokens, vocabulary]");
    field("chunk", o.chunk, "tokens per forward pass; 0: all at once. The output does not depend on it");
    field("type", o.type, "weight type: f32, bf16 or f16; default: as stored");
    field("threads", o.threads, "number of threads; 0 uses all processors");
    field("json", o.json, "print a summary as JSON");
}

}  // namespace

int run_logits(Arguments arguments) {
    LogitsOptions options;
    Flags flags("logits", "Compute a model's logits for token ids, to compare this engine with another.",
                "puna logits MODEL --tokens ids.txt --output logits.safetensors");
    flags.positional("MODEL", options.model, "a Hugging Face folder");
    flags.add(list_fields(options));
    if (!flags.parse(arguments)) return 0;
    if (options.tokens.empty()) throw UsageError("--tokens is missing: name a file of token ids");
    if (options.chunk < 0) throw UsageError("--chunk: must be 0 or more");
    std::optional<Dtype> dtype;
    check_usage([&] { dtype = weights_dtype(options.type); });
    use_threads(options.threads);

    Llama llama = load_llama(options.model, {.dtype = dtype});
    std::vector<int32_t> ids = read_ids(options.tokens, llama.config.vocabulary);
    if (ids.empty()) fail("{}: contains no token ids", options.tokens);
    int64_t n = static_cast<int64_t>(ids.size()), chunk = options.chunk == 0 ? n : options.chunk;
    if (n > llama.config.context)
        fail("{}: has {} tokens, the model's context holds {}", options.tokens, n, llama.config.context);
    KvCache cache(llama.config.layers, 1, n, llama.config.kv_dim());
    SafetensorsWriter writer(options.output, {{"logits", Dtype::f32, {n, llama.config.vocabulary}}});
    Pass pass(choose_kernels());
    for (int64_t first = 0; first < n; first += chunk) {
        pass.reset();
        Batch batch = batch_of(
            std::span(ids).subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(chunk, n - first))));
        batch.sequences[0].past = first;
        batch.cache = &cache;
        std::vector<int64_t> rows(batch.tokens.size());
        std::iota(rows.begin(), rows.end(), int64_t{0});
        writer.write(llama.logits(pass, llama.forward(pass, batch), rows));
    }
    writer.commit();
    if (options.json)
        fmt::print(
            "{}\n",
            nlohmann::ordered_json{{"output", options.output}, {"tokens", n}, {"vocabulary", llama.config.vocabulary}}
                .dump());
    return 0;
}

}  // namespace puna
