#include "library/quantize.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/model_argument.h"
#include "core/console.h"
#include "core/error.h"
#include "core/overwrite.h"
#include "core/progress.h"
#include "model/quantization_mix.h"

namespace puna {

namespace {

namespace fs = std::filesystem;

struct QuantizeFlags {
    std::string model, type, output;
    std::string importance, text, save_importance;
    bool force = false;
};
template <class F>
void fields(QuantizeFlags& o, F field) {
    field("importance", o.importance, "importance matrix to quantize by: a .gguf or .dat file, of other programs too",
          {.word = "FILE"});
    field("text", o.text, "measure an importance matrix on this text: 100 kB or more of what the model is used for",
          {.word = "FILE"});
    field("save_importance", o.save_importance, "keep the measured matrix, for --importance", {.word = "FILE"});
    field("force", o.force, force_help);
}

void check_flags(const QuantizeFlags& flags) {
    if (!flags.importance.empty() && !flags.text.empty()) fail_field("text", "has no effect with --importance");
    if (!flags.save_importance.empty() && flags.text.empty())
        fail_field("save_importance", "needs --text, on which the matrix is measured");
}

NamedImportance load_importance(const QuantizeFlags& flags, const fs::path& model) {
    if (!flags.importance.empty()) return {read_importance(flags.importance), flags.importance};
    NamedImportance measured{measure_importance(model, flags.text), flags.text};
    if (!flags.save_importance.empty()) write_importance(measured.matrix, flags.save_importance);
    return measured;
}

std::vector<Choice> choices() {
    std::vector<Choice> list;
    for (const FileType& type : file_types()) list.push_back({type.name, type.description});
    return list;
}

}  // namespace

int run_quantize(Arguments arguments) {
    QuantizeFlags quantize;
    ModelArgumentOptions pulling;
    Flags flags(
        "quantize",
        "Quantize a model: write its weights with fewer bits, as a GGUF file that every program of the format "
        "reads. An importance matrix, measured on a text, makes the result better; the smallest types need one. "
        "The bits are per weight, of Llama 3.1 8B.",
        "puna quantize meta-llama/Llama-3.2-1B-Instruct q4_k_m llama.gguf\n"
        "puna quantize my-model iq3_s my-model.gguf --text notes.txt");
    flags.positional("MODEL", quantize.model, model_help);
    flags.positional("TYPE", quantize.type, "what to store", choices());
    flags.positional("OUTPUT", quantize.output, ".gguf file to write");
    flags.add(list_fields(quantize));
    flags.add(list_fields(pulling));
    flags.add_threads();
    if (!flags.parse(arguments)) return 0;
    check_flags(quantize);
    bool has_importance = !quantize.importance.empty() || !quantize.text.empty();
    if (find_file_type(quantize.type).needs_importance && !has_importance)
        throw UsageError(
            fmt::format("{} needs an importance matrix: measure one with --text FILE, or pass one with "
                        "--importance FILE",
                        quantize.type));
    double start = seconds_now();
    fs::path model = model_path(quantize.model, pulling);
    QuantizeOptions options{.force = quantize.force};
    if (has_importance) options.importance = [&] { return load_importance(quantize, model); };
    quantize_model(*open_model(model), quantize.type, quantize.output, options);
    std::error_code special;  // a device or a pipe has no size
    double bytes = static_cast<double>(fs::file_size(quantize.output, special));
    print_status("{}: {}written in {}\n", quantize.output, special ? "" : format_quantity(bytes, "B") + ", ",
                 format_duration(seconds_now() - start));
    return 0;
}

}  // namespace puna
