#include "bench/golden.h"

#include "core/json.h"
#include "files/safetensors.h"
#include "model/load.h"
#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace puna {

namespace {

// Of f32 weights, and of bf16 weights; there, logits are held against a share of the largest, since every product is
// rounded to eight bits.
struct Bar {
    std::string_view what;
    double f32, bf16;
    bool share = false;
};
constexpr Bar bars[] = {
    {"logits", 3e-5, 0.02, true},   {"packed.logits", 3e-5, 0.02, true}, {"loss", 1e-5, 0.01},        {"grad.*", 1e-4, 0.1},
    {"adamw.losses", 1e-4, 0.006},  {"adamw.grad_norms", 1e-4, 0.05},    {"adamw.logits", 1e-3, 0.05, true},
};

double largest_difference(std::span<const float> a, std::span<const float> b) {
    check(a.size() == b.size(), "golden: {} numbers and {}", a.size(), b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
    }
    return largest;
}

double largest_value(std::span<const float> a) {
    double largest = 0;
    for (float x : a) largest = std::max(largest, std::abs(static_cast<double>(x)));
    return largest;
}

// One golden folder, one table of kernels, one type of weights.
class Golden {
 public:
    Golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type)
        : folder_(folder), kernels_(kernels), type_(type), expected_(folder / "golden.safetensors") {
        Tensor tokens = expected_.tensor("tokens");
        if (tokens.dtype != Dtype::i32 || tokens.rank != 2 || tokens.size[1] < 2) fail("{}: 'tokens' is {}", folder.string(), tokens);
        rows_ = tokens.size[0];
        length_ = tokens.size[1] - 1;
        for (int64_t r = 0; r < rows_; ++r)
            for (int64_t t = 0; t < length_; ++t) {
                batch_.tokens.push_back(tokens.row<int32_t>(r)[t]);
                batch_.targets.push_back(tokens.row<int32_t>(r)[t + 1]);
            }
        for (int64_t r = 0; r < rows_; ++r) batch_.sequences.push_back({r * length_, length_});
        batch_.chunk = chunks_of(rows_, length_);
    }

    double bar_of(const std::string& what) {
        for (const Bar& bar : bars)
            if (bar.what == what)
                return type_ == Dtype::f32 ? bar.f32 : bar.bf16 * (bar.share ? largest_value(expected_.tensor(what).span<float>()) : 1);
        return 0;
    }

    double error_of(const std::string& what) {
        if (what == "logits") return logits_error(load(false), batch_, "logits");
        if (what == "packed.logits") return logits_error(load(false), packed(), "packed.logits");
        if (what == "loss") return loss_error();
        if (what == "grad.*") return gradient_error();
        if (what == "adamw.losses") return relative(train().losses, what);
        if (what == "adamw.grad_norms") return relative(train().norms, what);
        if (what == "adamw.logits") return logits_error(std::move(train().llama), batch_, what);
        fail("{}: golden.json names '{}', which this program does not know", folder_.string(), what);
    }

 private:
    struct Training {
        Llama llama;
        std::vector<float> losses, norms;
    };

    Llama load(bool trainable) { return load_llama(folder_ / "hf", {.dtype = type_, .trainable = trainable}); }

    double logits_error(Llama llama, const Batch& batch, const std::string& name) {
        Pass pass(kernels_);
        std::vector<int64_t> rows(batch.tokens.size());
        std::iota(rows.begin(), rows.end(), int64_t{0});
        Tensor logits = llama.logits(pass, llama.forward(pass, batch), rows);
        return largest_difference(logits.span<float>(), expected_.tensor(name).span<float>());
    }

    Batch packed() {
        Batch batch = batch_;
        Tensor starts = expected_.tensor("packed.starts");
        batch.sequences.clear();
        for (int64_t t = 0; t < batch.rows(); ++t) {
            bool begins = t % length_ == 0 || starts.as<int32_t>()[t] != starts.as<int32_t>()[t - 1];
            if (begins) batch.sequences.push_back({t, 0});
            ++batch.sequences.back().n;
        }
        return batch;
    }

    // The mean loss; gradients are left in `gradients`.
    double loss_of(Llama& llama, Gradients& gradients) {
        Pass pass(kernels_, &gradients);
        Value x = llama.forward(pass, batch_);
        double loss = tree_sum(llama.loss(pass, x, batch_, 1 / static_cast<float>(batch_.rows()))) / static_cast<double>(batch_.rows());
        pass.backward();
        gradients.advance(rows_);
        return loss;
    }

    Gradients gradients_of(Llama& llama) {
        int64_t chunks = static_cast<int64_t>(batch_.chunk.size()) - 1;
        return Gradients(trainable_numbers(llama), {.chunks_per_pass = chunks, .chunks_per_step = chunks}, &llama.output.weight);
    }

    double loss_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        return std::abs(loss_of(llama, gradients) - static_cast<double>(expected_.tensor("loss").as<float>()[0]));
    }

    // Rows of wq and wk: a golden gradient has neighbouring pairs (Meta), the Hugging Face folder halves.
    std::vector<float> as_meta(const Llama& llama, const Param& param, std::span<const float> gradient) {
        std::vector<float> out(gradient.begin(), gradient.end());
        if (!param.name.ends_with("wq.weight") && !param.name.ends_with("wk.weight")) return out;
        int64_t half = llama.config.head_dim / 2, columns = param.weight.columns();
        for (int64_t r = 0; r < param.weight.size[0]; ++r) {
            int64_t head = r / (2 * half), pair = r % (2 * half) % half, second = r % (2 * half) / half;
            std::copy_n(gradient.begin() + r * columns, columns, out.begin() + (head * 2 * half + 2 * pair + second) * columns);
        }
        return out;
    }

    double gradient_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        loss_of(llama, gradients);
        std::span<float> sum = gradients.finish();
        auto part = [&](const Param& p) { return sum.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.weight.count())); };
        if (llama.config.tied) {
            std::span<float> embedding = part(llama.tok_embeddings), output = part(llama.output.weight);
            for (size_t i = 0; i < embedding.size(); ++i) embedding[i] += output[i];
        }
        double worst = 0;
        for (Param* p : llama.params()) {
            if (!p->master) continue;
            std::span<const float> wanted = expected_.tensor("grad." + p->name).span<float>();
            worst = std::max(worst, largest_difference(as_meta(llama, *p, part(*p)), wanted) / largest_value(wanted));
        }
        return worst;
    }

    // Ten steps of AdamW on the same batch: lr 1e-3, betas 0.9 0.95, decay 0.1 of every tensor, clipped to norm 1.
    Training train() {
        Training t{load(true), {}, {}};
        Gradients gradients = gradients_of(t.llama);
        Optimizer optimizer(t.llama, {.decay = "all"});
        for (int step = 0; step < 10; ++step) {
            t.losses.push_back(static_cast<float>(loss_of(t.llama, gradients)));
            t.norms.push_back(static_cast<float>(optimizer.step(kernels_, t.llama, gradients.finish(), 1e-3)));
        }
        return t;
    }

    double relative(const std::vector<float>& got, const std::string& name) {
        std::span<const float> wanted = expected_.tensor(name).span<float>();
        if (wanted.size() != got.size()) fail("{}: '{}' has {} numbers, not {}", folder_.string(), name, wanted.size(), got.size());
        double worst = 0;
        for (size_t i = 0; i < got.size(); ++i)
            worst = std::max(worst, largest_difference({&got[i], 1}, {&wanted[i], 1}) / std::abs(static_cast<double>(wanted[i])));
        return worst;
    }

    std::filesystem::path folder_;
    const Kernels& kernels_;
    Dtype type_;
    SafetensorsFile expected_;
    Batch batch_;
    int64_t rows_ = 0, length_ = 0;
};

// What golden.json says is to be computed; inputs are not.
std::vector<std::string> names_of(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    MappedFile file(folder / "golden.json");
    read_json(file.text(), file.path().string(), [&](const JsonEvent& event) {
        bool input = event.text == "tokens" || event.text == "packed.starts";
        if (event.kind == JsonEvent::key && event.depth == 1 && !input) names.emplace_back(event.text);
    });
    return names;
}

}  // namespace

std::vector<GoldenRow> check_golden(const std::filesystem::path& folder, const Kernels& kernels, Dtype type) {
    std::vector<GoldenRow> rows;
    Golden golden(folder, kernels, type);
    for (const std::string& what : names_of(folder))
        rows.push_back({std::string(kernels.name), std::string(info(type).name), what, golden.error_of(what), golden.bar_of(what)});
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
