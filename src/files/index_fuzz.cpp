// covers: src/files/shard_index.cpp
#include "core/fuzz.h"
#include "files/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        for (const puna::ShardEntry& entry : puna::parse_shard_index(input, "index.json"))
            puna::check(entry.file.find('/') == entry.file.npos, "a file name leads outside the folder");
    });
}
