// train/manifest.h — what a checkpoint says of itself: manifest.json, written last.
//
// Throws Error for anything that this program did not write: another version, names that leave the folder, missing
// fields. Its last line is a hash of the others: manifest_json(parse_manifest(text)) is `text`, or the text is damaged.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct RunState {
    int64_t step = 0;                             // steps that were taken
    int64_t position = 0;                         // rows of the data that were trained on
    int64_t metrics_bytes = 0, timing_bytes = 0;  // of metrics.jsonl and timing.jsonl that belong to these steps
    std::string recipe;                           // as JSON (core/fields.h)
    std::string data;                             // hash of the index of the data that it trains on
    std::vector<std::string> changes;  // of the recipe on the way: "from step 100 on: steps = 200 instead of 100"
};

struct ManifestFile {
    std::string name, hash;  // hash: core/hash.h
    int64_t bytes = 0;
};

struct Manifest {
    RunState state;
    std::vector<ManifestFile> files;
};

Manifest parse_manifest(std::string_view json, std::string_view path);
std::string manifest_json(const Manifest& manifest);

}  // namespace puna
