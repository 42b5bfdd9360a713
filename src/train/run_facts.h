// train/run_facts.h — what a run is, beside its recipe: checkpoints/run.json, written when it starts and when it ends.
//
//   RunFacts facts = parse_run_facts(R"({"puna_run": 1})", "my-model/checkpoints/run.json");
//   std::string text = run_facts_json(facts);
//
// A run is resumed from it before its first checkpoint, and its report tells it. It holds private paths: the folder
// `checkpoints` is not part of the model. parse_run_facts throws Error for invalid input; unknown fields are ignored.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct SetFacts {
    std::string name;  // public_name of its folder (train/card.h)
    bool conversations = false;
    int64_t documents = 0, tokens = 0, trained = 0, bytes = 0;  // as in SetIndex
};

enum class RunEnd { none, finished, stopped, failed };  // none: running, or killed

struct RunFacts {
    std::string recipe;                // as JSON (core/fields.h), with paths as given
    std::vector<std::string> command;  // the program's arguments, without its own name
    std::string folder;                // the working directory: relative paths refer to it
    std::string version;               // of the program
    std::string kernels, processor;    // processor: empty if unknown
    int64_t threads = 0, processes = 0;
    int64_t started = 0;  // Unix time, of the last start or resumption
    int64_t parameters = 0, vocabulary = 0;
    int64_t rows_per_epoch = 0;
    SetFacts data;
    std::optional<SetFacts> validation;
    RunEnd end = RunEnd::none;
    std::string problem;  // of a run that failed
};

std::string run_facts_json(const RunFacts& facts);
RunFacts parse_run_facts(std::string_view json, std::string_view path);

}  // namespace puna
