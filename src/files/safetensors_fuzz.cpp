// covers: src/files/safetensors.cpp src/files/tensor_table.cpp src/files/json_strings.cpp
#include "core/fuzz.h"
#include "files/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    puna::FuzzFile input({reinterpret_cast<const char*>(data), size});
    return puna::fuzz(data, size, [&](std::string_view) {
        puna::SafetensorsFile file(input.path());
        file.metadata("format");
        for (const puna::TensorEntry& entry : file.entries()) {
            puna::check(file.find(entry.name) == &entry, "an entry is not found by its name");
            if (entry.dtype && entry.rank <= 4) file.tensor(entry);
        }
        file.tensor("weight");
    });
}
