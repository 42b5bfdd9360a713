#include "cli/command.h"
#include "cli/flags.h"
#include "cli/ids.h"
#include "cli/model_argument.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/overwrite.h"
#include "files/safetensors.h"
#include "kernels/host_copy.h"
#include "library/load.h"
#include "library/names.h"
#include "model/apply_adapter.h"
#include "model/load.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

namespace puna {

namespace {

struct LogitsOptions {
    std::string model, tokens, output = "logits.safetensors";
    std::optional<Dtype> type;
    std::vector<std::string> adapters;
    int64_t chunk = EngineOptions{}.step_tokens;
    bool force = false;
};
template <class F>
void fields(LogitsOptions& o, F field) {
    field("tokens", o.tokens,
          "token ids, as text separated by white space, JSON, or u32 little-endian; - reads standard input",
          {.word = "FILE", .required = true});
    field("output", o.output, "safetensors file to write: logits, F32 [tokens, vocabulary]", {.word = "FILE"});
    field("force", o.force, force_help);
    field("chunk", o.chunk, "tokens per forward pass; the output does not depend on it", {.min = 1});
    field("type", o.type, "weight dtype", {.word = "f32|bf16|f16", .unset = "as stored"});
    field("adapter", o.adapters, "LoRA adapter to add to the model, a folder or GGUF file; may be given several times",
          {.word = "PATH"});
}

bool is_logits_file(const std::filesystem::path& path) {
    if (std::filesystem::is_empty(path)) return true;
    try {
        return SafetensorsFile(path).find("logits") != nullptr;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

int run_logits(Arguments arguments) {
    LogitsOptions options;
    ModelArgumentOptions pulling;
    Flags flags("logits", "Compute a model's logits for token ids, to compare this engine with another.",
                "puna logits models/starter --tokens ids.txt --output logits.safetensors");
    flags.positional("MODEL", options.model, model_help);
    flags.add(list_fields(options));
    flags.add(list_fields(pulling));
    flags.add_json("print a summary as JSON");
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    flags.check_required();
    check_overwrite(options.output, {"a file of logits", is_logits_file}, options.force);

    AdaptedModel model =
        find_adapted(model_path(options.model, pulling), model_paths(options.adapters, pulling), find_in_library);
    std::shared_ptr<ModelSource> source = open_model(model.path);
    std::vector<int32_t> ids = read_ids(options.tokens, source->config().vocabulary);
    std::string name = input_name(options.tokens);
    if (ids.empty()) fail("{}: contains no token ids", name);
    int64_t n = static_cast<int64_t>(ids.size()), most = max_context(source->config());
    if (n > most)
        fail(ErrorKind::too_large, "{}: {} tokens exceed the model's context of {}; use fewer", name, n, most);
    check_memory(*source, model.adapters, options.type, {.context = n, .step_tokens = std::min(options.chunk, n)});
    Llama llama = load_llama(choose_kernels(), source, {.dtype = options.type});
    int adapter = model.adapters.empty() ? -1 : add_adapter(llama, model.adapters);
    llama.set_context(n);
    KvCache cache = llama.make_cache(pages_for(n));
    SafetensorsWriter writer(options.output, {{"logits", Dtype::f32, {n, llama.config.vocabulary}}});
    Pass pass(llama.kernels);
    for (int64_t first = 0; first < n; first += options.chunk) {
        size_t count = static_cast<size_t>(std::min(options.chunk, n - first));
        Batch batch = batch_of(std::span(ids).subspan(static_cast<size_t>(first), count));
        batch.sequences[0].past = first;
        batch.sequences[0].adapter = adapter;
        batch.sequences[0].pages = consecutive_pages(0, first + batch.rows());
        batch.cache = &cache;
        std::vector<int64_t> rows(count);
        std::iota(rows.begin(), rows.end(), int64_t{0});
        pass.begin(std::move(batch));
        Value hidden = llama.forward(pass);
        for (std::span<const int64_t> left = rows; !left.empty();) {
            Arena::Mark mark = pass.arena.mark();
            std::span<const int64_t> part = left.first(std::min<size_t>(left.size(), max_logit_rows));
            HostCopy logits(llama.kernels, pass.stream, llama.logits(pass, hidden, part));
            writer.write(logits.download());
            pass.arena.rewind(mark);
            left = left.subspan(part.size());
        }
    }
    writer.commit();
    if (flags.json())
        fmt::print(
            "{}\n",
            JsonObject{{"output", options.output}, {"tokens", n}, {"vocabulary", llama.config.vocabulary}}.text());
    return 0;
}

}  // namespace puna
