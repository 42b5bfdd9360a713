// Random mutations of small model files: flipped bits, lengths with extreme values, missing, moved and inserted pieces.
// Each is refused with an Error or loads and runs, and reading it takes no more memory than twice the model and a fixed
// amount.
//
//   PUNA_MUTATIONS=1000 PUNA_SEED=7 mutations_test            of each file; the seed is printed
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/mapped_file.h"
#include "core/random.h"
#include "core/test_folder.h"
#include "counted_memory.h"
#include "library/convert.h"
#include "library/model_facts.h"
#include "library/text_facts.h"
#include "model/adapter.h"
#include "model/initialize.h"
#include "model/load.h"
#include "model/test_adapter.h"
#include "model/test_model.h"
#include "tokenizer/test_tokenizer.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>

namespace puna {
namespace {

namespace fs = std::filesystem;

constexpr size_t base_bytes = size_t{8} << 20;  // of memory, beside twice the model's files

int64_t from_environment(const char* name, int64_t fallback) {
    const char* text = std::getenv(name);
    return text ? std::atoll(text) : fallback;
}

const uint64_t seed = static_cast<uint64_t>(from_environment("PUNA_SEED", 1));

// What is being tried, for the last words of a crash or a hang.
char current[1024];
void print_current(int signal) {
    ssize_t ignored = ::write(STDERR_FILENO, current, std::strlen(current));
    static_cast<void>(ignored);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

// Of a processor, from now on.
void limit_time(int64_t seconds) {
    itimerval timer{};
    timer.it_value.tv_sec = seconds;
    ::setitimer(ITIMER_PROF, &timer, nullptr);
}

class Mutator {
 public:
    Mutator(std::string original, uint64_t stream) : original_(std::move(original)), random_(seed, stream) {}

    std::string next() {
        std::string text = original_;
        for (uint64_t changes = 1 + random_.below(3); changes > 0; --changes) change(text);
        return text;
    }

 private:
    void change(std::string& text) {
        switch (random_.below(6)) {
            case 0:
                return flip_bits(text);
            case 1:
                return overwrite_number(text);
            case 2:
                return insert_word(text);
            case 3:
                return move_piece(text);
            case 4:
                return text.erase(position(text), length()), void();
            default:
                if (random_.below(4) == 0) text.resize(position(text));
                return overwrite_number(text);
        }
    }

    // Mostly where headers and directories are.
    size_t position(const std::string& text) {
        constexpr size_t edge = 4096;
        size_t n = text.size() + 1, near = std::min(n, edge);
        uint64_t where = random_.below(8);
        if (where < 5) return random_.below(near);
        return where < 7 ? n - 1 - random_.below(near) : random_.below(n);
    }
    size_t length() { return random_.below(1 + (uint64_t{1} << random_.below(10))); }

    void flip_bits(std::string& text) {
        for (uint64_t bits = 1 + random_.below(8); bits > 0 && !text.empty(); --bits)
            text[position(text) % text.size()] ^= static_cast<char>(1 << random_.below(8));
    }
    void overwrite_number(std::string& text) {
        constexpr uint64_t extremes[] = {0,          1,          uint64_t(-1),          0x7fffffff,
                                         0x80000000, 0xffffffff, 0x7fffffffffffffff,    0x8000000000000000,
                                         1ull << 60, 1ull << 62, 0x4000000000000001ull, 0xffff,
                                         0x7fc00000, 0xff800000, 0x7ff8000000000000ull};
        uint64_t value = random_.below(4) == 0 ? random_.below(300) : extremes[random_.below(std::size(extremes))];
        size_t size = size_t{1} << random_.below(4), at = position(text);
        text.resize(std::max(text.size(), at + size));
        std::memcpy(text.data() + at, &value, size);
    }
    void insert_word(std::string& text) {
        constexpr std::string_view words[] = {"{",
                                              "[",
                                              "\"",
                                              "}",
                                              "]",
                                              ",",
                                              "-1",
                                              "1e999",
                                              "0.5",
                                              "null",
                                              "true",
                                              "NaN",
                                              "99999999999999999999",
                                              "\\ud8",
                                              "\\",
                                              "\xff",
                                              "\n",
                                              "{% for ",
                                              "{{",
                                              "%}",
                                              "..",
                                              "-0",
                                              "\"type\"",
                                              ":",
                                              "4096",
                                              "2147483648"};
        std::string_view word = words[random_.below(std::size(words))];
        size_t at = position(text);
        random_.below(2) == 0 ? text.insert(at, word) : text.replace(at, std::min(word.size(), text.size() - at), word);
    }
    void move_piece(std::string& text) {
        std::string piece = text.substr(position(text), length());
        size_t at = position(text);
        random_.below(2) == 0 ? text.insert(at, piece) : text.replace(at, piece.size(), piece);
    }

    std::string original_;
    Random random_;
};

size_t bytes_below(const fs::path& path) {
    if (!fs::is_directory(path)) return fs::file_size(path);
    size_t total = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) total += entry.file_size();
    return total;
}

// All that is read of a model before it runs.
std::shared_ptr<ModelSource> read_all(const fs::path& path) {
    AdaptedModel model = find_adapted(path, {});
    ModelFacts facts = read_model_facts(model.path);
    for (Adapter& adapter : model.adapters) adapter.pairs(facts.config);
    if (!facts.source) return nullptr;
    TextFacts text = read_text_facts(*facts.source);
    if (text.problem) throw *text.problem;
    return facts.source;
}

void run(const std::shared_ptr<ModelSource>& source) {
    if (source->config().vocabulary < 50) return;
    Llama llama = load_llama(choose_kernels(), source, {});
    logits_of(llama, 3);
    source->tokenizer().decode(source->tokenizer().encode("Hello, world! 12345"));
}

struct Counts {
    int loaded = 0, refused = 0;
};

void try_one(const fs::path& model, Counts& counts) {
    std::shared_ptr<ModelSource> source;
    bool refused = false;
    try {
        MemoryLimit limit(2 * bytes_below(model) + base_bytes);
        source = read_all(model);
        limit.lift();
        if (source) run(source);
    } catch (const Error&) {
        refused = true;
    } catch (const std::exception& problem) {
        ADD_FAILURE() << current << problem.what();
    }
    ++(refused ? counts.refused : counts.loaded);
}

void write_plain(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Mutations of one file of a model, which is restored.
Counts mutate(const fs::path& model, const fs::path& file, int64_t n) {
    static uint64_t stream = 0;
    std::string original = read_text(file);
    Mutator mutator(original, ++stream);
    Counts counts;
    for (int64_t i = 0; i < n && !testing::Test::HasFailure(); ++i) {
        std::snprintf(current, sizeof current,
                      "seed %llu: mutation %lld of %s: ", static_cast<unsigned long long>(seed),
                      static_cast<long long>(i), file.c_str());
        write_plain(file, mutator.next());
        limit_time(20);
        try_one(model, counts);
    }
    limit_time(0);
    if (!testing::Test::HasFailure()) write_plain(file, original);
    return counts;
}

// Every file of a model, after it was tried as it is.
void mutate_files_of(const fs::path& model, int64_t n) {
    Counts valid;
    try_one(model, valid);
    ASSERT_EQ(valid.loaded, 1) << model;
    std::vector<fs::path> files{model};
    if (fs::is_directory(model)) {
        files.clear();
        for (const auto& entry : fs::directory_iterator(model))
            if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
        Counts counts = mutate(model, file, n);
        fmt::print("{}: {} refused, {} loaded\n", file.filename().string(), counts.refused, counts.loaded);
    }
}

class Mutations : public testing::Test {
 protected:
    void SetUp() override {
        log_info("PUNA_SEED={}", seed);
        spdlog::get("puna")->set_level(spdlog::level::off);  // thousands of notes about what loads
        for (int signal : {SIGABRT, SIGPROF}) std::signal(signal, print_current);
    }

    Config config() const {
        Config config = small_config(false);
        config.ffn = 64;  // what Meta's params.json can say
        config.vocabulary = small_tokenizer().size();
        return config;
    }
    fs::path huggingface(const ShardOptions& shards = {}) const {
        Llama llama = seeded_llama(choose_kernels(), config(), 1, {});
        fs::path path = folder_ / "huggingface";
        save_llama(llama, path, Dtype::f32, shards);
        save_tokenizer(small_tokenizer(), path);
        write_file(path / "generation_config.json",
                   R"({"do_sample": true, "temperature": 0.5, "eos_token_id": [4, 5]})");
        write_file(
            path / "chat_template.jinja",
            "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{% if loop.last %}\n{% endif %}{% endfor %}");
        return path;
    }
    fs::path converted(ModelForm form, const char* name) const {
        convert_model(*open_model(huggingface()), folder_ / name, form, {});
        return folder_ / name;
    }

    int64_t count_ = from_environment("PUNA_MUTATIONS", 300);
    TestFolder folder_;
};

TEST_F(Mutations, OfAHuggingFaceFolder) { mutate_files_of(huggingface(), count_); }
TEST_F(Mutations, OfShards) { mutate_files_of(huggingface({.max_shard_bytes = 100'000}), count_); }
TEST_F(Mutations, OfAGgufFile) { mutate_files_of(converted(ModelForm::gguf, "model.gguf"), count_); }
TEST_F(Mutations, OfAMetaFolder) { mutate_files_of(converted(ModelForm::meta, "meta"), count_); }

TEST_F(Mutations, OfAdapters) {
    TestAdapter adapter(config(), {"self_attn.q_proj", "mlp.down_proj"}, 1);
    adapter.save_folder(folder_ / "adapter");
    fs::rename(huggingface(), folder_ / "adapter" / "base");
    mutate_files_of(folder_ / "adapter", count_);
}

// ../shared/hostile: the valid files are mutated; what each malformed one is refused with is tested by hostile_test.py.
class SharedFiles : public Mutations {
 protected:
    void SetUp() override {
        Mutations::SetUp();
        fs::path archive = fs::absolute("../shared/hostile/files.tar.zst");
        if (!fs::exists(archive)) GTEST_SKIP() << "../shared/hostile is missing";
        std::string command = fmt::format("tar x --zstd -C '{}' -f '{}'", folder_.path().string(), archive.string());
        ASSERT_EQ(std::system(command.c_str()), 0);
    }
    void for_each(bool valid, const std::function<void(const fs::path& model)>& f) {
        for (const char* kind :
             {"adapter", "config", "gguf", "index", "pth", "rankfile", "safetensors", "template", "tokenizer"})
            for (const auto& entry : fs::directory_iterator(folder_ / kind))
                if ((entry.path().filename().string().find("-ok-") != std::string::npos) == valid) f(entry.path());
    }
};

TEST_F(SharedFiles, MutationsOfUnusualOnes) {
    for_each(true, [&](const fs::path& model) { mutate_files_of(model, count_); });
}

TEST_F(SharedFiles, MalformedOnesAreRefusedOrRun) {
    Counts counts;
    for_each(false, [&](const fs::path& model) {
        std::snprintf(current, sizeof current, "%s: ", model.c_str());
        limit_time(60);
        try_one(model, counts);
    });
    limit_time(0);
    EXPECT_GT(counts.refused, 10 * counts.loaded);
}

}  // namespace
}  // namespace puna
