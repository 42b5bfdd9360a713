// For tests: write_model FOLDER [CONTEXT [SEED]] writes a tiny model with random weights (infer/fake_model.h).
#include "chat/template_files.h"
#include "infer/fake_model.h"
#include "tokenizer/files.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    if (argc < 2) return std::fputs("usage: write_model FOLDER [CONTEXT [SEED]]\n", stderr), 2;
    puna::Llama llama =
        puna::fake_llama(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1, argc > 2 ? std::atoll(argv[2]) : 512);
    puna::save_llama(llama, argv[1], puna::Dtype::f32);
    puna::save_tokenizer(puna::fake_tokenizer(), argv[1]);
    puna::save_chat_template(puna::llama3_chat_template(puna::fake_tokenizer()), puna::fake_tokenizer(), argv[1]);
}
