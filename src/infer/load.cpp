#include "infer/load.h"

#include "core/fields.h"
#include "core/mapped_file.h"
#include "infer/generation_config.h"
#include "model/load.h"
#include "tokenizer/files.h"

namespace puna {

namespace {

GenerationConfig read_generation_config(const std::filesystem::path& path) {
    if (!file_exists(path)) return {};
    return parse_generation_config(MappedFile(path).text(), path.string());
}

}  // namespace

void validate(const EngineLoadOptions& options) { check_values(options); }

Engine load_engine(const std::filesystem::path& folder, const EngineLoadOptions& options) {
    validate(options);
    GenerationConfig config = read_generation_config(folder / "generation_config.json");
    Llama llama = load_llama(folder, {.dtype = weights_dtype(options.type)});
    return Engine(std::move(llama), load_tokenizer(folder), {.context = options.context, .slots = options.slots},
                  config.sample, config.stops);
}

}  // namespace puna
