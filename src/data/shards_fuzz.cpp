// covers: src/data/shard.cpp src/data/shard_set.cpp
#include "core/fuzz.h"
#include "core/test_folder.h"
#include "data/shard_set.h"

#include <algorithm>
#include <fstream>

// The input is index.json, a zero byte, and the first shard.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static puna::TestFolder folder;
    const uint8_t* zero = std::find(data, data + size, 0);
    auto write = [](const std::filesystem::path& path, const uint8_t* begin, const uint8_t* end) {
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(begin), end - begin);
    };
    write(folder / "index.json", data, zero);
    write(folder / "00000.tokens", std::min(zero + 1, data + size), data + size);
    return puna::fuzz(data, size, [&](std::string_view) {
        puna::ShardSet set(folder.path());
        puna::parse_set_index(puna::set_index_json(set.index()), "its own output");
        std::vector<int32_t> ids(static_cast<size_t>(std::min<int64_t>(set.index().tokens, 1000)));
        set.read(0, ids);
        for (int64_t begin : set.documents_between(0, static_cast<int64_t>(ids.size()))) set.shards()[0].in_loss(begin);
        set.verify([](int64_t) {});
    });
}
