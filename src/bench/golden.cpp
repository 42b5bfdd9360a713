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
struct Tolerance {
    std::string_view what;
    double f32, bf16;
    bool share = false;
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
        if (tokens.dtype != Dtype::i32 || tokens.rank != 2 || tokens.size[0] < 1 || tokens.size[1] < 2)
            fail("{}: 'tokens' is {}, not i32 [rows, length + 1]", expected_.path().string(), tokens);
        rows_ = tokens.size[0];
        length_ = tokens.size[1] - 1;
        vocabulary_ = read_config(folder / "hf" / "config.json").vocabulary;
        for (int32_t id : tokens.span<int32_t>())
            if (id < 0 || id >= vocabulary_)
                fail("{}: 'tokens' has the id {}, but the vocabulary's are 0 to {}", expected_.path().string(), id,
                     vocabulary_ - 1);
        for (int64_t r = 0; r < rows_; ++r)
            for (int64_t t = 0; t < length_; ++t) {
                batch_.tokens.push_back(tokens.row<int32_t>(r)[t]);
                batch_.targets.push_back(tokens.row<int32_t>(r)[t + 1]);
            }
        for (int64_t r = 0; r < rows_; ++r) batch_.sequences.push_back({r * length_, length_});
        batch_.chunk = chunks_of(rows_, length_);
    }

    // Throws Error if what is to be compared is not what this model has; before anything is computed.
    void check_file(const std::vector<std::string>& names) {
        Llama llama = load(true);
        for (const std::string& what : names) {
            if (what.ends_with("logits")) logits(what);
            if (what == "packed.logits") packed();
            if (what == "loss") numbers(what, {1});
            if (what.starts_with("adamw.") && what != "adamw.logits") numbers(what, {steps});
            if (what != "grad.*") continue;
            for (Param* p : llama.params())
                if (p->master) gradient(*p);
        }
    }

    double tolerance_of(const std::string& what) {
        for (const Tolerance& tolerance : tolerances)
            if (tolerance.what == what)
                return type_ == Dtype::f32 ? tolerance.f32
                                           : tolerance.bf16 * (tolerance.share ? largest_value(logits(what)) : 1);
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

    // What the file says under a name, if it is what is to be compared.
    Tensor expected(const std::string& name, Dtype dtype, std::initializer_list<int64_t> sizes) {
        Tensor tensor = expected_.tensor(name), due(tensor.data, dtype, sizes);
        if (tensor.dtype != dtype || tensor.rank != due.rank || tensor.size != due.size)
            fail("{}: '{}' is {}, not {}: it was not made for this model", expected_.path().string(), name, tensor,
                 due);
        return tensor;
    }
    std::span<const float> numbers(const std::string& name, std::initializer_list<int64_t> sizes) {
        std::span<const float> numbers = expected(name, Dtype::f32, sizes).span<float>();
        if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); }))
            fail("{}: '{}' has a number that is not finite: make the file again", expected_.path().string(), name);
        return numbers;
    }
    std::span<const float> logits(const std::string& name) { return numbers(name, {rows_, length_, vocabulary_}); }

    Llama load(bool trainable) { return load_llama(folder_ / "hf", {.dtype = type_, .trainable = trainable}); }

    double logits_error(Llama llama, const Batch& batch, const std::string& name) {
        std::span<const float> wanted = logits(name);
        Pass pass(kernels_);
        std::vector<int64_t> rows(batch.tokens.size());
        std::iota(rows.begin(), rows.end(), int64_t{0});
        return largest_difference(llama.logits(pass, llama.forward(pass, batch), rows).span<float>(), wanted);
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

    // The mean loss; gradients are left in `gradients`.
    double loss_of(Llama& llama, Gradients& gradients) {
        Pass pass(kernels_, &gradients);
        Value x = llama.forward(pass, batch_);
        double loss = tree_sum(llama.loss(pass, x, batch_, 1 / static_cast<float>(batch_.rows()))) /
                      static_cast<double>(batch_.rows());
        pass.backward();
        gradients.advance(rows_);
        return loss;
    }

    Gradients gradients_of(Llama& llama) {
        int64_t chunks = static_cast<int64_t>(batch_.chunk.size()) - 1;
        return Gradients(trainable_numbers(llama), {.chunks_per_pass = chunks, .chunks_per_step = chunks},
                         &llama.output.weight);
    }

    double loss_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        return std::abs(loss_of(llama, gradients) - static_cast<double>(numbers("loss", {1})[0]));
    }

    // Rows of wq and wk: a golden gradient has neighboring pairs (Meta), the Hugging Face folder halves.
    std::vector<float> as_meta(const Llama& llama, const Param& param, std::span<const float> gradient) {
        std::vector<float> out(gradient.begin(), gradient.end());
        if (!param.name.ends_with("wq.weight") && !param.name.ends_with("wk.weight")) return out;
        int64_t half = llama.config.head_dim / 2, columns = param.weight.columns();
        for (int64_t r = 0; r < param.weight.size[0]; ++r) {
            int64_t head = r / (2 * half), pair = r % (2 * half) % half, second = r % (2 * half) / half;
            std::copy_n(gradient.begin() + r * columns, columns,
                        out.begin() + (head * 2 * half + 2 * pair + second) * columns);
        }
        return out;
    }

    double gradient_error() {
        Llama llama = load(true);
        Gradients gradients = gradients_of(llama);
        loss_of(llama, gradients);
        std::span<float> sum = gradients.finish();
        auto part = [&](const Param& p) {
            return sum.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.weight.count()));
        };
        if (llama.config.tied) {
            std::span<float> embedding = part(llama.tok_embeddings), output = part(llama.output.weight);
            for (size_t i = 0; i < embedding.size(); ++i) embedding[i] += output[i];
        }
        double worst = 0;
        for (Param* p : llama.params()) {
            if (!p->master) continue;
            std::span<const float> wanted = gradient(*p);
            worst = std::max(worst, largest_difference(as_meta(llama, *p, part(*p)), wanted) / largest_value(wanted));
        }
        return worst;
    }

    std::span<const float> gradient(const Param& p) {
        return p.weight.rank == 1 ? numbers("grad." + p.name, {p.weight.size[0]})
                                  : numbers("grad." + p.name, {p.weight.size[0], p.weight.size[1]});
    }

    // Ten steps of AdamW on the same batch: lr 1e-3, betas 0.9 0.95, decay 0.1 of every tensor, clipped to norm 1.
    Training train() {
        Training t{load(true), {}, {}};
        Gradients gradients = gradients_of(t.llama);
        Optimizer optimizer(t.llama, {.decay = "all"});
        for (int64_t step = 0; step < steps; ++step) {
            t.losses.push_back(static_cast<float>(loss_of(t.llama, gradients)));
            t.norms.push_back(static_cast<float>(optimizer.step(kernels_, t.llama, gradients.finish(), 1e-3)));
        }
        return t;
    }

    double relative(const std::vector<float>& got, const std::string& name) {
        std::span<const float> wanted = numbers(name, {steps});
        double worst = 0;
        for (size_t i = 0; i < got.size(); ++i)
            worst = std::max(
                worst, largest_difference({&got[i], 1}, {&wanted[i], 1}) / std::abs(static_cast<double>(wanted[i])));
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

// What golden.json says is to be computed; inputs are not.
std::vector<std::string> names_of(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    MappedFile file(folder / "golden.json");
    read_json(file.text(), file.path().string(), [&](const JsonEvent& event) {
        if (event.depth == 0 && event.kind != JsonEvent::begin_object && event.kind != JsonEvent::end_object)
            fail("{}: not a JSON object", file.path().string());
        bool input = event.text == "tokens" || event.text == "packed.starts";
        if (event.kind == JsonEvent::key && event.depth == 1 && !input) names.emplace_back(event.text);
    });
    if (names.empty())
        fail("{}: names nothing to compare, as \"logits\": \"of the inputs\" would", file.path().string());
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
