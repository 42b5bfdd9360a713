// model/test_adapter.h — for tests: a LoRA adapter with random pairs, in PEFT's form and as GGUF.
//
//   TestAdapter adapter(config, {"self_attn.q_proj", "mlp.down_proj"}, 3);  // a seed
//   adapter.save_folder(folder / "adapter");
//   adapter.save_gguf(folder / "adapter.gguf");
#pragma once
#include "core/atomic_file.h"
#include "core/random.h"
#include "files/gguf_writer.h"
#include "files/safetensors.h"
#include "model/stored_weight.h"
#include "model/weights.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

class TestAdapter {
 public:
    struct Half {
        std::string name;  // without the end that says which half it is
        int64_t rows, columns;
        std::vector<float> values;
        bool rotary = false;
        Tensor tensor() { return {values.data(), Dtype::f32, {rows, columns}}; }
    };

    static constexpr int64_t rank = 4;
    static constexpr double alpha = 6;

    // modules: of every layer, as Hugging Face names them; "lm_head".
    TestAdapter(const Config& config, const std::vector<std::string>& modules, uint64_t seed)
        : modules_(modules), head_dim_(config.head_dim) {
        Random random(seed);
        for (const WeightInfo& weight : list_weights(config)) {
            bool chosen = std::find(modules.begin(), modules.end(), weight.hugging_face) != modules.end();
            if (!chosen || weight.is_vector()) continue;
            names_.push_back({stem(hugging_face_name(weight)), gguf_name(weight)});
            a_.push_back({{}, rank, weight.columns, {}});
            b_.push_back({{}, weight.rows, rank, {}, weight.rotary});
            for (Half* half : {&a_.back(), &b_.back()})
                for (int64_t i = 0; i < half->rows * half->columns; ++i) half->values.push_back(random.normal() / 4);
        }
    }

    // fields: further ones of adapter_config.json, as R"("use_rslora": true,)".
    void save_folder(const std::filesystem::path& folder, std::string_view fields = "") {
        make_folder(folder);
        std::string targets;
        for (const std::string& module : modules_)
            targets += (targets.empty() ? "\"" : ", \"") + module.substr(module.rfind('.') + 1) + '"';
        write_file(folder / "adapter_config.json",
                   fmt::format(R"({{{} "peft_type": "LORA", "r": {}, "lora_alpha": {}, "target_modules": [{}],
                                    "base_model_name_or_path": "base"}})",
                               fields, rank, alpha, targets));
        std::vector<NamedTensor> tensors;
        for (size_t i = 0; i < names_.size(); ++i) {
            tensors.push_back({"base_model.model." + names_[i].hugging_face + ".lora_A.weight", a_[i].tensor()});
            tensors.push_back({"base_model.model." + names_[i].hugging_face + ".lora_B.weight", b_[i].tensor()});
        }
        write_safetensors(folder / "adapter_model.safetensors", tensors);
    }

    void save_gguf(const std::filesystem::path& path, std::string_view base = "") const {
        GgufMetadata metadata;
        metadata.add("general.type", "adapter");
        metadata.add("general.architecture", "llama");
        metadata.add("adapter.type", "lora");
        metadata.add("adapter.lora.alpha", static_cast<float>(alpha));
        if (!base.empty()) metadata.add("general.base_model.0.repo_url", base);
        std::vector<TensorSpec> specs;
        for (size_t i = 0; i < names_.size(); ++i) {
            specs.push_back({names_[i].gguf + ".lora_a", Dtype::f32, {a_[i].rows, a_[i].columns}});
            specs.push_back({names_[i].gguf + ".lora_b", Dtype::f32, {b_[i].rows, b_[i].columns}});
        }
        GgufWriter writer(path, metadata, specs);
        for (size_t i = 0; i < names_.size(); ++i) {
            Half b = b_[i];
            if (b.rotary) b.values = with_neighbor_rows(b);
            writer.write(Half(a_[i]).tensor());
            writer.write(b.tensor());
        }
        writer.commit();
    }

 private:
    struct Names {
        std::string hugging_face, gguf;
    };
    static std::string stem(const std::string& name) { return name.substr(0, name.rfind(".weight")); }
    std::vector<float> with_neighbor_rows(const Half& half) const {
        std::vector<float> values(half.values.size());
        for (int64_t r = 0; r < half.rows; ++r)
            std::copy_n(half.values.begin() + r * half.columns, half.columns,
                        values.begin() + neighbor_row(r, head_dim_) * half.columns);
        return values;
    }

    std::vector<std::string> modules_;
    int64_t head_dim_;
    std::vector<Names> names_;
    std::vector<Half> a_, b_;
};

}  // namespace puna
