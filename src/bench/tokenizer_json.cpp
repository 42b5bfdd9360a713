// How long loading a tokenizer takes: a row of `puna bench files`.
#include "bench/bench.h"
#include "core/folders.h"
#include "core/mapped_file.h"
#include "core/random.h"
#include "tokenizer/files.h"
#include "tokenizer/rank_file.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace puna {

namespace {

// As many tokens as Llama 3 has, of letters, of which a quarter of a million pairs can be merged.
Tokenizer random_tokenizer() {
    constexpr size_t count = 128'000, longest = 24;
    std::vector<std::string> words;
    for (char letter = 'a'; letter <= 'z'; ++letter) words.emplace_back(1, letter);
    words.emplace_back(" ");
    Vocabulary vocabulary;
    vocabulary.tokens = TokenTable(count, count * longest);
    int32_t next = 0;
    for (int byte = 0; byte < 256; ++byte)
        check(vocabulary.tokens.set(next++, std::string(1, static_cast<char>(byte))), "byte {}", byte);
    Random random(5);
    auto pick = [&]() -> const std::string& {  // short ones more often
        return words[static_cast<size_t>(static_cast<float>(words.size()) * std::pow(random.uniform(), 20.0f))];
    };
    while (next < static_cast<int32_t>(count)) {
        std::string word = pick(), end = pick();
        word += end;
        if (end[0] == ' ' || word.size() > longest || !vocabulary.tokens.set(next, word)) continue;
        words.push_back(std::move(word));
        ++next;
    }
    vocabulary.append_controls(control_names(ControlNames::llama3_1, 256));
    return Tokenizer(std::move(vocabulary));
}

}  // namespace

BenchRow bench_tokenizer_json(const BenchOptions& options) {
    TemporaryFolder folder("puna-bench");
    save_tokenizer(random_tokenizer(), folder.path());
    std::filesystem::path file = folder / "tokenizer.json";
    std::vector<double> milliseconds;
    for (int64_t i = 0; i < options.repetitions; ++i) {
        double start = seconds_now();
        load_tokenizer(file);
        milliseconds.push_back((seconds_now() - start) * 1e3);
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    std::string shape =
        fmt::format("load a tokenizer.json of {:.1f} MB", static_cast<double>(std::filesystem::file_size(file)) / 1e6);
    BenchRow row = measured_row("files", shape, "json", "ms", {milliseconds[milliseconds.size() / 2], 0, 0});
    row.threads = 1;
    return row;
}

}  // namespace puna
