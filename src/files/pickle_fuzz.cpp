// covers: src/files/pickle.cpp
#include "core/fuzz.h"
#include "files/pickle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        for (const puna::PickledTensor& tensor : puna::parse_pickle(std::as_bytes(std::span(input)), "x.pth"))
            puna::check(tensor.storage.type != nullptr, "a tensor has no storage");
    });
}
