// What an importance matrix is worth: how far a quantized model diverges from the original with one and without.
//
// usage: importance_gain MODEL TEXT [TYPE...]
//
// Importance is measured on the first tokens of the text, divergence on those after them. Run by importance_gain.sh.
#include "core/mapped_file.h"
#include "model/test_divergence.h"

#include <fmt/format.h>

#include <algorithm>

int main(int argc, char** argv) {
    using namespace puna;
    constexpr size_t length = 256, measured = 64 * length, tested = 32 * length;
    MappedFile text(argv[2]);
    std::vector<int32_t> tokens = open_model(argv[1])->tokenizer().encode(text.text().substr(0, 1 << 20));
    QuantizedDivergence divergence(argv[1], std::span(tokens).subspan(measured, tested), length);
    ImportanceMatrix importance =
        measure_importance(divergence.llama(), std::span(tokens).first(measured), {.chunk = length});
    fmt::print("type,without,with,ratio\n");
    std::vector<std::string_view> types(argv + 3, argv + argc);
    if (types.empty()) types = {"q4_k_m"};
    for (std::string_view type : types) {
        double without = divergence.of(find_file_type(type)), with = divergence.of(find_file_type(type), importance);
        fmt::print("{},{:.5g},{:.5g},{:.3f}\n", type, without, with, with / without);
    }
}
