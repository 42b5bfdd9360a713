// covers: src/files/gguf.cpp src/files/gguf_value.cpp src/files/tensor_table.cpp
#include "core/fuzz.h"
#include "files/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    puna::FuzzFile input({reinterpret_cast<const char*>(data), size});
    return puna::fuzz(data, size, [&](std::string_view) {
        puna::GgufFile file(input.path());
        for (const puna::GgufValue& value : file.values()) {
            puna::check(file.find_value(value.key) == &value, "a value is not found by its key");
            integer_of(value), number_of(value), boolean_of(value), text_of(value);
            integers_of(value), numbers_of(value), texts_of(value);
        }
        for (const puna::TensorEntry& entry : file.entries()) {
            puna::check(file.find(entry.name) == &entry, "an entry is not found by its name");
            if (entry.dtype) file.tensor(entry);
        }
        file.text("general.name");
    });
}
