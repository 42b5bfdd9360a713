#include "model/initialize.h"

#include "core/checked.h"
#include "core/random.h"
#include "kernels/arena.h"
#include "kernels/host_copy.h"

#include <algorithm>
#include <cmath>

namespace puna {

namespace {

bool is_vector(const Param& param) { return param.weight.rank == 1; }

// Numbers of weights of this kind are normal with this standard deviation.
float deviation_of(WeightKind kind, int64_t layers) {
    float deviation = 0.02f;
    return kind == WeightKind::residual ? deviation / std::sqrt(2 * static_cast<float>(layers)) : deviation;
}

}  // namespace

void allocate_weight(const Llama& llama, Param& param) {
    auto memory = std::make_shared<Buffer>(llama.kernels, param.weight.bytes());  // shared: see Param
    param.weight.data = memory->data();
    param.memory = memory;
}

void allocate_weights(Llama& llama, const LoadOptions& options) {
    Dtype matrix_dtype = options.dtype.value_or(Dtype::f32);
    int64_t parameters = 0, bytes = 0;
    for (Param* p : llama.params()) {
        p->weight.dtype = is_vector(*p) ? Dtype::f32 : matrix_dtype;
        if (options.trainable) p->offset = parameters;
        if (is_tied_output(llama, p)) continue;
        std::optional<int64_t> more = checked_add(bytes, p->weight.bytes());
        if (!more || *more > max_weight_bytes)
            fail(ErrorKind::out_of_memory, "the weights do not fit in memory: {} layers of width {}",
                 llama.config.layers, llama.config.dim);
        parameters += p->weight.count();
        bytes = *more;
    }
    std::shared_ptr<Buffer> masters;  // shared: see Param
    if (options.trainable) masters = std::make_shared<Buffer>(llama.kernels, *bytes_of(Dtype::f32, parameters));
    for (Param* p : llama.params()) {
        if (is_tied_output(llama, p)) continue;
        if (masters) {
            p->master = p->values(masters->data() + *bytes_of(Dtype::f32, p->offset));
            p->master_memory = masters;
        }
        if (masters && p->weight.dtype == Dtype::f32) {  // the master doubles as the weight
            p->weight.data = p->master.data;
            continue;
        }
        if (masters && llama.can_pack(p->weight)) p->weight = p->weight.in_panels(nullptr, llama.kernels.panel_rows);
        allocate_weight(llama, *p);
    }
}

void tie(Llama& llama) {
    if (!llama.config.tied) return;
    llama.output.weight.weight = llama.tok_embeddings.weight;
    llama.output.weight.memory = llama.tok_embeddings.memory;
}

bool is_tied_output(const Llama& llama, const Param* param) {
    return llama.config.tied && param == &llama.output.weight;
}

Llama uninitialized_llama(const Kernels& kernels, const Config& config, const LoadOptions& options) {
    check(options.group.size() == 1, "initialization in a group of {}", options.group.size());
    Llama llama(kernels, config, options.group);
    allocate_weights(llama, options);
    tie(llama);
    return llama;
}

Llama seeded_llama(const Kernels& kernels, const Config& config, uint64_t seed, const LoadOptions& options) {
    Llama llama = uninitialized_llama(kernels, config, options);
    uint64_t stream = 0;
    visit(config, llama, [&](auto& weight, const WeightInfo& info) {
        Param& param = param_of(weight);
        if (is_tied_output(llama, &param)) return;
        Random random(seed, stream++);
        float deviation = deviation_of(info.kind, config.layers),
              constant = info.kind == WeightKind::norm ? 1.0f : 0.0f;
        HostCopy values(kernels, {}, param.master ? param.master : param.weight);
        with_type(values.tensor().dtype, [&]<class T>() {
            for (T& value : values.tensor().span<T>())
                value = info.is_vector() ? T(constant) : T(random.normal() * deviation);
        });
        values.upload();
    });
    refresh_weights(llama);
    return llama;
}

void refresh_weights(Llama& llama) {
    Arena rows(llama.kernels);
    for (Param* p : llama.params()) {
        if (!p->master || p->master.data == p->weight.data) continue;
        if (!p->weight.is_packed()) {
            llama.kernels.convert({}, p->weight, p->master);
            continue;
        }
        rows.rewind({});
        Tensor converted = rows.tensor(p->weight.dtype, {p->weight.size[0], p->weight.size[1]});
        llama.kernels.convert({}, converted, p->master);
        llama.kernels.pack({}, p->weight, converted);
    }
}

Llama shared_llama(Llama& llama) {
    Llama other(llama.kernels, llama.config, llama.group);
    std::vector<Param*> from = llama.params(), to = other.params();
    for (size_t i = 0; i < from.size(); ++i) {
        to[i]->weight = from[i]->weight;
        to[i]->memory = from[i]->memory ? from[i]->memory : from[i]->master_memory;
    }
    return other;
}

int64_t gradient_elements(Llama& llama) {
    int64_t parameters = 0;
    for (Param* p : llama.params())
        if (p->trainable()) parameters = std::max(parameters, p->offset + p->weight.count());
    return parameters;
}

}  // namespace puna
