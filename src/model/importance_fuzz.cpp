// covers: src/model/read_importance.cpp
#include "core/fuzz.h"
#include "model/importance.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    puna::FuzzFile file({reinterpret_cast<const char*>(data), size});
    return puna::fuzz(data, size, [&](std::string_view) { puna::read_importance(file.path()); });
}
