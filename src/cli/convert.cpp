#include "library/convert.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "core/console.h"
#include "core/overwrite.h"
#include "core/progress.h"

#include <chrono>

namespace puna {

namespace {

struct ConvertFlags {
    std::string model, output;
    std::optional<ModelForm> form;
    ConvertOptions options;
};
template <class F>
void fields(ConvertFlags& o, F field) {
    field("to", o.form, "format of the output: a Hugging Face folder, a GGUF file, a folder in Meta's format",
          {.word = "hf|gguf|meta", .unset = "gguf if OUTPUT ends in .gguf, else hf"});
    field("type", o.options.type, "dtype of the weights",
          {.word = "f32|bf16|f16", .unset = "as stored; of quantized ones bf16"});
    field("force", o.options.force, force_help);
}

}  // namespace

int run_convert(Arguments arguments) {
    ConvertFlags convert;
    ModelArgumentOptions pulling;
    Flags flags(
        "convert",
        "Convert a model between the formats of Hugging Face, llama.cpp (GGUF) and Meta. Where weights keep their "
        "dtype, nothing is lost: converting back gives the same weights, config and vocabulary.",
        "puna convert my-model my-model.gguf\n"
        "puna convert Llama-3.2-1B.Q8_0.gguf Llama-3.2-1B --type f16\n"
        "puna convert models/starter starter-meta --to meta");
    flags.positional("MODEL", convert.model, model_help);
    flags.positional("OUTPUT", convert.output, "folder or .gguf file to write");
    flags.add(list_fields(convert));
    flags.add(list_fields(pulling));
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    auto start = std::chrono::steady_clock::now();
    std::shared_ptr<ModelSource> source = open_model(model_path(convert.model, pulling));
    convert_model(*source, convert.output, convert.form.value_or(form_of(convert.output)), convert.options);
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    print_status("{}: written in {}\n", convert.output, format_duration(seconds));
    return 0;
}

}  // namespace puna
