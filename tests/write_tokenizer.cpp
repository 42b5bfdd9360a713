// Reads a tokenizer of any format and writes it as tokenizer.json, or as tokenizer.model.
// usage: write_tokenizer FROM FOLDER [json|model]
#include "tokenizer/files.h"

#include <cstdio>
#include <exception>
#include <string_view>

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    try {
        puna::Tokenizer tokenizer = puna::load_tokenizer(argv[1]);
        bool model = argc > 3 && std::string_view(argv[3]) == "model";
        model ? puna::save_tokenizer_model(tokenizer, argv[2]) : puna::save_tokenizer(tokenizer, argv[2]);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "%s\n", problem.what());
        return 1;
    }
}
