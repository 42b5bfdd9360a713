// covers: src/files/torch_file.cpp
#include "core/fuzz.h"
#include "files/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        puna::TensorTable table = puna::parse_torch(std::as_bytes(std::span(input)), "x.pth");
        for (const puna::TensorEntry& entry : table.entries())
            if (entry.dtype && entry.rank <= 4) table.tensor(entry);
    });
}
