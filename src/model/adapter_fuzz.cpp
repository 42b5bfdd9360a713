// covers: src/model/adapter.cpp src/model/adapter_config.cpp
#include "core/fuzz.h"
#include "core/test_folder.h"
#include "model/adapter.h"

// The input is a GGUF file, or adapter_config.json, a zero byte and adapter_model.safetensors. The base has two layers
// of width 8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace puna;
    static TestFolder folder, file_folder;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    bool gguf = input.starts_with("GGUF");
    size_t end = std::min(input.find('\0'), size);
    std::filesystem::path path = gguf ? file_folder / "adapter.gguf" : folder.path();
    auto write = [](const std::filesystem::path& file, std::string_view bytes) {
        std::ofstream(file, std::ios::binary) << bytes;
    };
    if (gguf) {
        write(path, input);
    } else {
        write(path / "adapter_config.json", input.substr(0, end));
        write(path / "adapter_model.safetensors", input.substr(std::min(end + 1, size)));
    }
    return fuzz(data, size, [&](std::string_view) {
        if (!is_adapter(path)) return;
        Adapter adapter(path);
        check(adapter.parameters() > 0, "an adapter without numbers");
        adapter.pairs({.dim = 8, .layers = 2, .heads = 2, .kv_heads = 1, .head_dim = 4, .ffn = 8, .vocabulary = 8});
    });
}
