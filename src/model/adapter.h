// model/adapter.h — a LoRA adapter from its files: pairs of small matrices, each of which adds scale * b a to a matrix
// of a base model.
//
//   Adapter adapter("my-adapter");                                  // PEFT's folder, or a GGUF file
//   for (const AdapterPair& pair : adapter.pairs(llama.config)) use(pair);
//
// A folder has adapter_config.json (model/adapter_config.h) and adapter_model.safetensors, or .bin, with the tensors
// base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [rank, columns] and lora_B.weight [rows, rank]. A GGUF
// file has general.type "adapter", adapter.type "lora", adapter.lora.alpha and the tensors blk.0.attn_q.weight.lora_a
// and .lora_b; the rows of b of queries and keys are in its own order. Either fits any base of the same shapes. Strict:
// a tensor that is no half of a pair of a Llama's matrix is an Error. For using them see model/apply_adapter.h.
// Sources: peft/utils/save_and_load.py; llama-adapter.cpp of llama.cpp.
#pragma once
#include "files/gguf.h"
#include "files/weights_file.h"
#include "model/stored_weight.h"
#include "model/weights.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace puna {

struct AdapterPair {
    WeightInfo matrix;  // of the base
    StoredWeight a, b;  // [rank, columns], [rows, rank]: views of the adapter's file, of any floating or block type
    float scale = 1;

    int64_t rank() const { return a.parts[0].size[0]; }
};

// Whether it looks like one: a folder with adapter_config.json, or a GGUF file that says so, by itself or as the only
// one of its folder.
bool is_adapter(const std::filesystem::path& path);

class Adapter {
 public:
    // Throws Error that names the file and the field or tensor.
    explicit Adapter(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    const std::string& base() const { return base_; }  // its name, as the author had it; empty: not stated
    int64_t parameters() const;                        // numbers in all pairs

    // In the order of the model's weights; for as long as the adapter lives. Throws Error that names the tensor if the
    // base has no such matrix, or one of another shape.
    std::vector<AdapterPair> pairs(const Config& base);

 private:
    struct Half {
        const TensorEntry *a = nullptr, *b = nullptr;
    };
    struct StoredPair {
        int64_t layer = -1;       // -1: the output matrix
        std::string_view module;  // WeightInfo::hugging_face
        Half half;
        float scale = 1;
    };

    void read_folder();
    void read_gguf();
    void add_pairs(std::span<const TensorEntry> entries, bool gguf);
    void check_targets(const std::vector<std::string>& targets) const;
    Tensor tensor(const TensorEntry& entry);
    AdapterPair fit(const StoredPair& pair, const WeightInfo& matrix);

    std::filesystem::path path_;
    std::string base_, weights_path_;
    std::variant<std::monostate, WeightsFile, GgufFile> file_;
    bool neighbors_ = false;         // rows of queries and keys are in the order of GGUF
    std::vector<StoredPair> pairs_;  // sorted by layer
};

// What a command is given as its model, with further adapters: an adapter in place of a model is that of the base which
// it names: in its own folder, as a path, or where `find` finds a model of that name.
struct AdaptedModel {
    std::filesystem::path path;  // of the model itself
    std::vector<Adapter> adapters;
};
using FindModel = std::function<std::optional<std::filesystem::path>(const std::string& name)>;
AdaptedModel find_adapted(const std::filesystem::path& model, const std::vector<std::string>& adapters,
                          const FindModel& find = {});

}  // namespace puna
