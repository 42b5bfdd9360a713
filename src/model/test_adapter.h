// model/test_adapter.h — for tests: a LoRA adapter with random pairs, in PEFT's form and as GGUF.
//
//   TestAdapter adapter(config, {"self_attn.q_proj", "mlp.down_proj"}, 3);  // a seed
//   adapter.save_folder(folder / "adapter");
//   adapter.save_gguf(folder / "adapter.gguf");
#pragma once
#include "core/atomic_file.h"
#include "core/random.h"
#include "files/safetensors.h"
#include "files/test_gguf.h"
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

    void save_gguf(const std::filesystem::path& path) {
        GgufBytes file(2 * names_.size(), 4);
        file.key("general.type", GgufType::text).text("adapter");
        file.key("general.architecture", GgufType::text).text("llama");
        file.key("adapter.type", GgufType::text).text("lora");
        file.key("adapter.lora.alpha", GgufType::f32).add<float>(static_cast<float>(alpha));
        std::string data;
        for (size_t i = 0; i < names_.size(); ++i)
            for (Half* half : {&a_[i], &b_[i]}) {
                constexpr size_t alignment = 32;
                data.resize((data.size() + alignment - 1) / alignment * alignment);
                file.tensor(names_[i].gguf + (half == &a_[i] ? ".lora_a" : ".lora_b"),
                            {static_cast<uint64_t>(half->columns), static_cast<uint64_t>(half->rows)}, 0, data.size());
                std::vector<float> values = half->rotary ? with_neighbor_rows(*half) : half->values;
                data.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
            }
        write_file(path, file.data(data).bytes());
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
