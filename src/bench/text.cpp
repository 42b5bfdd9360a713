#include "bench/bench.h"
#include "chat/template_files.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/folders.h"
#include "core/mapped_file.h"
#include "core/threads.h"
#include "data/byte_stream.h"
#include "data/count_pieces.h"
#include "data/input_files.h"
#include "data/pack.h"
#include "tokenizer/encoder.h"
#include "tokenizer/files.h"
#include "tokenizer/train.h"

#include <fstream>

namespace puna {

namespace {

namespace fs = std::filesystem;

// Writes all texts below a path, decompressed, to one plain file. Returns its size in bytes.
double gather_text(const std::string& from, const fs::path& into) {
    AtomicFile file(into);
    std::vector<char> buffer(1 << 20);
    size_t bytes = 0;
    for (const InputFile& input : find_input_files({from})) {
        ByteStream stream(input.path);
        while (size_t n = stream.read(buffer)) {
            file.write({buffer.data(), n});
            bytes += n;
        }
    }
    if (bytes == 0) fail("{}: contains no text: name a file, or a folder of files, to encode", from);
    file.commit();
    return static_cast<double>(bytes);
}

// Encodes a file to a file of ids, in the format of `puna tokenizer encode` but without fsync. Returns the number of
// tokens.
double encode_file(const Tokenizer& tokenizer, const fs::path& from, const fs::path& into) {
    MappedFile text(from);
    std::ofstream file(into, std::ios::binary);
    Encoder encoder(tokenizer);
    size_t tokens = 0;
    encoder.encode_parts(text.text(), [&](std::span<const int32_t> ids, size_t) {
        file.write(reinterpret_cast<const char*>(ids.data()), static_cast<std::streamsize>(ids.size_bytes()));
        tokens += ids.size();
    });
    if (!file.flush()) fail("{}: cannot write: is the disk full?", into.string());
    return static_cast<double>(tokens);
}

// Throughput of `run` in MB/s per core; it processes `bytes` on `cores` cores.
Measured measure_throughput(const BenchOptions& options, double bytes, int cores, const std::function<void()>& run) {
    return measure(
        options.repetitions, [&] { return measure_read(choose_kernels()) * 1e3 / cores; },
        [&] {
            double start = seconds_now();
            run();
            return bytes / (seconds_now() - start) / 1e6 / cores;
        });
}

}  // namespace

// Encoding on one core, without caches of earlier repetitions. Includes reading the text and writing the ids, but not
// decompression and loading the tokenizer. Then `puna tokenizer train` on all cores.
std::vector<BenchRow> bench_tokenizer(const BenchOptions& options) {
    TemporaryFolder folder("puna-bench");
    double bytes = gather_text(options.text, folder / "text"), tokens = 0;
    Tokenizer tokenizer = load_tokenizer(options.tokenizer);
    Measured encode_speed = measure_throughput(
        options, bytes, 1, [&] { tokens = encode_file(tokenizer, folder / "text", folder / "ids"); });
    Measured train_speed = measure_throughput(options, bytes, 1, [&] {
        BadInputs bad(false);
        train_tokenizer(count_pieces(find_input_files({folder / "text"}), {}, bad), {.vocabulary = 4096});
    });
    std::string encoded = fmt::format("encode {:.1f} MB, {:.2f} bytes a token, one core", bytes / 1e6, bytes / tokens);
    std::string trained = fmt::format("train 4096 tokens on {:.1f} MB", bytes / 1e6);
    BenchRow encoding = measured_row("tokenizer", encoded, "text", "MB/s", encode_speed);
    encoding.threads = 1;
    return {encoding, measured_row("tokenizer", trained, "text", "MB/s", train_speed)};
}

// `puna data pack`, end to end, on all cores.
std::vector<BenchRow> bench_pack(const BenchOptions& options) {
    TemporaryFolder folder("puna-bench");
    double bytes = gather_text(options.text, folder / "text");
    PackOptions pack_options{.inputs = {folder / "text"}, .output = folder / "packed"};
    Tokenizer tokenizer = load_tokenizer(options.tokenizer);
    Measured pack_speed = measure_throughput(options, bytes, threads(), [&] {
        fs::remove_all(folder / "packed");
        pack(pack_options, tokenizer, find_chat_template(options.tokenizer, tokenizer));
    });
    std::string shape = fmt::format("pack {:.1f} MB of text", bytes / 1e6);
    return {measured_row("pack", shape, "text", "MB/s/core", pack_speed)};
}

}  // namespace puna
