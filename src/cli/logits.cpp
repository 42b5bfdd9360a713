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
    bool json = false;
};
template <class F>
void fields(LogitsOptions& o, F field) {
    field("tokens", o.tokens,
          "token ids, as text separated by white space, JSON, or u32 little-endian; - reads standard input",
          {.word = "FILE", .required = true});
    field("output", o.output, "safetensors file to write: logits, F32 [tokens, vocabulary]", {.word = "FILE"});
    field("chunk", o.chunk, "tokens per forward pass; the output does not depend on it",
          {.min = 0, .unset = "all at once"});
    field("type", o.type, "weight dtype", {.word = "f32|bf16|f16", .unset = "as stored"});
    field("json", o.json, "print a summary as JSON");
}

}  // namespace

int run_logits(Arguments arguments) {
    LogitsOptions options;
    ThreadOptions compute;
    Flags flags("logits", "Compute a model's logits for token ids, to compare this engine with another.",
                "puna logits models/starter --tokens ids.txt --output logits.safetensors");
    flags.positional("MODEL", options.model, "model folder in Hugging Face format");
    flags.add(list_fields(options));
    flags.add(list_fields(compute));
    if (!flags.parse(arguments)) return 0;
    flags.check([&] { check_values(options); });
    set_threads(compute.threads);

    Llama llama = load_llama(options.model, {.dtype = weights_dtype(options.type)});
    std::vector<int32_t> ids = read_ids(options.tokens, llama.config.vocabulary);
    if (ids.empty()) fail("{}: contains no token ids", options.tokens);
    int64_t n = static_cast<int64_t>(ids.size()), chunk = options.chunk == 0 ? n : options.chunk;
    if (n > llama.config.context)
        fail("{}: {} tokens exceed the model's context of {}; use fewer", options.tokens, n, llama.config.context);
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
