#include "bench/bench.h"
#include "core/error.h"
#include "core/mapped_file.h"
#include "core/threads.h"
#include "tokenizer/encoder.h"
#include "tokenizer/files.h"

#include <algorithm>
#include <filesystem>

namespace puna {

namespace {

std::vector<std::string> read_texts(const std::string& path) {
    if (path.empty()) fail("bench tokenizer: --text is missing: name a file, or a folder of files, to encode");
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(path))
        for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
    else
        files.push_back(path);
    std::sort(files.begin(), files.end());
    std::vector<std::string> texts;
    for (const std::filesystem::path& file : files) texts.push_back(read_text(file));
    return texts;
}

}  // namespace

// Encoding on one core, each text once, cold: loading the tokenizer counts too.
std::vector<BenchRow> bench_tokenizer(const BenchOptions& options) {
    if (options.tokenizer.empty()) fail("bench tokenizer: --tokenizer is missing: name a model, tokenizer.json or tokenizer.model");
    std::vector<std::string> texts = read_texts(options.text);
    double bytes = 0, tokens = 0;
    for (const std::string& text : texts) bytes += static_cast<double>(text.size());
    std::vector<double> rates, limits, shares;
    for (int64_t i = 0; i < options.repetitions; ++i) {
        MachinePeaks peaks = measure_peaks();
        double start = seconds_now();
        Tokenizer tokenizer = load_tokenizer(options.tokenizer);
        Encoder encoder(tokenizer);
        tokens = 0;
        for (const std::string& text : texts) tokens += static_cast<double>(encoder.encode(text).size());
        rates.push_back(bytes / (seconds_now() - start) / 1e6);
        limits.push_back(peaks.read_gbs * 1e3);
        shares.push_back(rates.back() / limits.back());
    }
    std::string shape = fmt::format("encode {:.1f} MB, {:.2f} bytes a token, one core", bytes / 1e6, bytes / std::max(tokens, 1.0));
    return {{"tokenizer", shape, "text", 1, median(rates), "MB/s", median(limits), median(shares)}};
}

}  // namespace puna
