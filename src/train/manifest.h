// train/manifest.h — a checkpoint's manifest.json, written last.
//
// parse_manifest throws Error for invalid input: another version, file names outside the folder, fields of the wrong
// type. The last field is a hash of the others: if manifest_json(parse_manifest(text)) != text, the text is damaged.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct RunState {
    int64_t step = 0;                             // optimizer steps done
    int64_t position = 0;                         // rows of the data consumed
    int64_t metrics_bytes = 0, timing_bytes = 0;  // size of metrics.jsonl and timing.jsonl at this step
    std::string recipe;                           // as JSON (core/fields.h)
    std::string data;                             // hash of the training set's index.json
    std::vector<std::string> changes;  // of the recipe during the run: "from step 100 on: steps = 200 instead of 100"
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
