#include "bench/golden.h"

#include "core/json_document.h"
#include "files/safetensors.h"
#include "kernels/host_copy.h"
#include "model/load.h"
#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace puna {

namespace {

// Tolerances with f32 and bf16 weights. With bf16, that of logits is relative to the largest one (`relative`), since
// operands are rounded to eight bits.
struct Tolerance {
    std::string_view what;
    double f32, bf16;
    bool relative = false;
};
constexpr Tolerance tolerances[] = {
    {"logits", 3e-5, 0.02, true},
    {"packed.logits", 3e-5, 0.02, true},
    {"loss", 1e-5, 0.01},
    {"grad.*", 1e-4, 0.1},
    {"adamw.losses", 1e-4, 0.006},
    {"adamw.grad_norms", 1e-4, 0.05},
    {"adamw.logits", 1e-3, 0.05, true},
};

double max_difference(std::span<const float> a, std::span<const float> b) {
    check(a.size() == b.size(), "golden: {} values and {}", a.size(), b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
    }
    return largest;
}

double max_abs(std::span<const float> a) {
    double largest = 0;
    for (float x : a) largest = std::max(largest, std::abs(static_cast<double>(x)));
    return largest;
}

// One golden folder, kernel table and weight dtype.
class Golden {
 public:
    Golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type)
        : folder_(folder), kernels_(kernels), type_(type), expected_(folder / "golden.safetensors") {
        Tensor tokens = expected_.tensor("tokens");
        if (tokens.dtype != Dtype::i32 || tokens.rank != 2 || tokens.size[0] < 1 || tokens.size[1] < 2)
            fail("{}: 'tokens' is {}, not i32 [rows, length + 1]", expected_.path().string(), tokens);
        rows_ = tokens.size[0];
        length_ = tokens.size[1] - 1;
        vocabulary_ = read_config(folder / "hf" / "config.json").vocabulary;
        for (int32_t id : tokens.span<int32_t>())
            if (id < 0 || id >= vocabulary_)
                fail("{}: 'tokens' contains id {}, but ids are 0 to {}", expected_.path().string(), id,
                     vocabulary_ - 1);
        for (int64_t r = 0; r < rows_; ++r)
            for (int64_t t = 0; t < length_; ++t) {
                batch_.tokens.push_back(tokens.row<int32_t>(r)[t]);
                batch_.targets.push_back(tokens.row<int32_t>(r)[t + 1]);
            }
        for (int64_t r = 0; r < rows_; ++r) batch_.sequences.push_back({r * length_, length_});
        batch_.chunk = chunks_of(rows_, length_);
    }

    // Throws Error if a tensor to compare does not fit this model. Called before any computation.
    void check_file(const std::vector<std::string>& names) {
        Llama llama = load(true);
        for (const std::string& what : names) {
            if (what.ends_with("logits")) logits(what);
            if (what == "packed.logits") packed();
            if (what == "loss") expected_values(what, {1});
            if (what.starts_with("adamw.") && what != "adamw.logits") expected_values(what, {steps});
            if (what != "grad.*") continue;
            for (Param* p : llama.params())
                if (p->master) gradient(*p);
        }
    }

    double tolerance_of(const std::string& what) {
        for (const Tolerance& tolerance : tolerances)
            if (tolerance.what == what)
                return type_ == Dtype::f32 ? tolerance.f32
                                           : tolerance.bf16 * (tolerance.relative ? max_abs(logits(what)) : 1);
        return 0;
    }

    double error_of(const std::string& what) {
        if (what == "logits") return logits_error(load(false), batch_, "logits");
        if (what == "packed.logits") return logits_error(load(false), packed(), "packed.logits");
        if (what == "loss") return loss_error();
        if (what == "grad.*") return gradient_error();
        if (what == "adamw.losses") return relative_error(train().losses, what);
        if (what == "adamw.grad_norms") return relative_error(train().norms, what);
        if (what == "adamw.logits") return logits_error(std::move(train().llama), batch_, what);
        fail("{}: golden.json lists '{}', which is not a known check", folder_.string(), what);
    }

 private:
    struct Training {
        Llama llama;
        std::vector<float> losses, norms;
    };

    // The expected tensor of this name. Throws Error if its dtype or shape differs.
    Tensor expected(const std::string& name, Dtype dtype, std::initializer_list<int64_t> sizes) {
        Tensor tensor = expected_.tensor(name), required(tensor.data, dtype, sizes);
        if (tensor.dtype != dtype || tensor.rank != required.rank || tensor.size != required.size)
            fail("{}: '{}' is {}, not {}: it belongs to another model", expected_.path().string(), name, tensor,
                 required);
        return tensor;
    }
    std::span<const float> expected_values(const std::string& name, std::initializer_list<int64_t> sizes) {
        std::span<const float> values = expected(name, Dtype::f32, sizes).span<float>();
        if (!std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }))
            fail("{}: '{}' contains a non-finite value: regenerate the file", expected_.path().string(), name);
        return values;
    }
    std::span<const float> logits(const std::string& name) {
        return expected_values(name, {rows_, length_, vocabulary_});
    }

    Llama load(bool trainable) {
        return load_llama(kernels_, folder_ / "hf", {.dtype = type_, .trainable = trainable});
    }

    double logits_error(Llama llama, const Batch& batch, const std::string& name) {
        std::span<const float> reference = logits(name);
        Pass pass(kernels_);
        pass.begin(batch);
        std::vector<int64_t> rows(batch.tokens.size());
        std::iota(rows.begin(), rows.end(), int64_t{0});
        HostCopy logits(kernels_, pass.stream, llama.logits(pass, llama.forward(pass), rows));
        return max_difference(logits.download().span<float>(), reference);
    }

    Batch packed() {
        Batch batch = batch_;
        Tensor starts = expected("packed.starts", Dtype::i32, {rows_, length_});
        batch.sequences.clear();
        for (int64_t t = 0; t < batch.rows(); ++t) {
            bool begins = t % length_ == 0 || starts.as<int32_t>()[t] != starts.as<int32_t>()[t - 1];
            if (begins) batch.sequences.push_back({t, 0});
            ++batch.sequences.back().n;
        }
        return batch;
    }

    // The mean loss; adds its gradients to `gradients`.
    double loss_of(Llama& llama, Gradients& gradients) {
        Pass pass(kernels_, &gradients);
        pass.begin(batch_);
        Value x = llama.forward(pass);
        double loss =
            tree_sum(llama.loss(pass, x, 1 / static_cast<float>(batch_.rows()))) / static_cast<double>(batch_.rows());
        pass.backward();
        gradients.advance(rows_);
        return loss;
    }

    Gradients gradients_of(Llama& llama) {
        int64_t chunks = static_cast<int64_t>(batch_.chunk.size()) - 1;
        return Gradients(kernels_, gradient_elements(llama), {.chunks_per_pass = chunks, .chunks_per_step = chunks},
                         &llama.output.weight);
    }

    double loss_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        return std::abs(loss_of(llama, gradients) - static_cast<double>(expected_values("loss", {1})[0]));
    }

    // In the order of Meta's rows, which the golden gradients have.
    std::vector<float> as_meta(const Llama& llama, const WeightInfo& weight, std::span<const float> gradient) {
        std::vector<float> out(gradient.begin(), gradient.end());
        for (int64_t r = 0; weight.rotary && r < weight.rows; ++r)
            std::copy_n(gradient.begin() + r * weight.columns, weight.columns,
                        out.begin() + neighbor_row(r, llama.config.head_dim) * weight.columns);
        return out;
    }

    double gradient_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        loss_of(llama, gradients);
        HostCopy on_host(kernels_, {}, gradients.finish());
        std::span<float> sum = on_host.download().span<float>();
        auto part = [&](const Param& p) {
            return sum.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.weight.count()));
        };
        if (llama.config.tied) {
            std::span<float> embedding = part(llama.tok_embeddings), output = part(llama.output.weight);
            for (size_t i = 0; i < embedding.size(); ++i) embedding[i] += output[i];
        }
        double worst = 0;
        visit(llama.config, llama, [&](auto& weight, const WeightInfo& info) {
            const Param& p = param_of(weight);
            if (!p.master) return;
            std::span<const float> reference = gradient(p);
            worst = std::max(worst, max_difference(as_meta(llama, info, part(p)), reference) / max_abs(reference));
        });
        return worst;
    }

    std::span<const float> gradient(const Param& p) {
        return p.weight.rank == 1 ? expected_values("grad." + p.name, {p.weight.size[0]})
                                  : expected_values("grad." + p.name, {p.weight.size[0], p.weight.size[1]});
    }

    // Ten AdamW steps on one batch: learning rate 1e-3, betas 0.9 and 0.95, weight decay 0.1 for all tensors, gradient
    // norm clipped to 1.
    Training train() {
        Training t{load(true), {}, {}};
        Gradients gradients = gradients_of(t.llama);
        Optimizer optimizer(t.llama, {.decay = DecayedWeights::all});
        for (int64_t step = 0; step < steps; ++step) {
            t.losses.push_back(static_cast<float>(loss_of(t.llama, gradients)));
            t.norms.push_back(static_cast<float>(optimizer.step(t.llama, gradients.finish(), 1e-3)));
        }
        return t;
    }

    double relative_error(const std::vector<float>& actual, const std::string& name) {
        std::span<const float> reference = expected_values(name, {steps});
        double worst = 0;
        for (size_t i = 0; i < actual.size(); ++i)
            worst = std::max(worst, max_difference({&actual[i], 1}, {&reference[i], 1}) /
                                        std::abs(static_cast<double>(reference[i])));
        return worst;
    }

    static constexpr int64_t steps = 10;

    std::filesystem::path folder_;
    const Kernels& kernels_;
    Dtype type_;
    SafetensorsFile expected_;
    Batch batch_;
    int64_t rows_ = 0, length_ = 0, vocabulary_ = 0;
};

// The keys of golden.json except the inputs.
std::vector<std::string> names_of(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    MappedFile file(folder / "golden.json");
    JsonDocument document(file.text(), file.path().string());
    for (const JsonMember& member : document.root().members())
        if (member.name != "tokens" && member.name != "packed.starts") names.push_back(member.name);
    if (names.empty())
        fail("{}: lists nothing to compare: an entry such as \"logits\": \"of the inputs\" is missing",
             file.path().string());
    return names;
}

}  // namespace

std::vector<GoldenRow> check_golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type) {
    std::vector<GoldenRow> rows;
    Golden golden(folder, kernels, type);
    std::vector<std::string> names = names_of(folder);
    golden.check_file(names);
    for (const std::string& what : names)
        rows.push_back({std::string(kernels.name), std::string(info(type).name), what, golden.error_of(what),
                        golden.tolerance_of(what)});
    return rows;
}

std::vector<GoldenRow> check_golden(const std::filesystem::path& folder) {
    std::vector<GoldenRow> rows;
    for (const Kernels* kernels : available_kernels())
        for (Dtype type : {Dtype::f32, Dtype::bf16}) {
            std::vector<GoldenRow> part = check_golden(folder, *kernels, type);
            rows.insert(rows.end(), part.begin(), part.end());
        }
    return rows;
}

}  // namespace puna
