// The CUDA table. It is not available before it is complete: missing kernels would crash, and host kernels cannot
// access device memory.
#include "core/error.h"
#include "kernels/cpu/tables.h"
#include "kernels/cuda/launch.h"

namespace puna {

namespace {

void throw_on_error(std::string_view what) {
    if (const char* reason = cuda::last_error()) fail("CUDA: {}: {}", what, reason);
}

void* allocate(size_t bytes) {
    void* pointer = cuda::allocate(bytes);
    if (!pointer) fail(ErrorKind::out_of_memory, "CUDA: cannot allocate {} MiB of device memory", bytes >> 20);
    return pointer;
}

Kernels make_cuda_kernels() {
    Kernels table{};
    table.name = "cuda";
    table.memory = {.host_access = false, .mapped_files = false, .allocate = allocate, .release = cuda::release};
    table.copy = [](Stream stream, void* to, const void* from, size_t bytes) {
        cuda::copy(stream.handle, to, from, bytes);
    };
    table.zero = [](Stream stream, Tensor x) { cuda::zero(stream.handle, x.data, static_cast<size_t>(x.bytes())); };
    table.synchronize = [](Stream stream) {
        cuda::synchronize(stream.handle);
        throw_on_error("a kernel failed");
    };
    table.rms_norm = [](Stream stream, Tensor out, Tensor scale, Tensor x, Tensor w, float epsilon) {
        check(w.count() == x.columns() && out.rows() == x.rows(), "rms_norm: {} of {} with {}", out, x, w);
        cuda::rms_norm(stream.handle, out.as<float>(), scale.as<float>(), x.as<float>(), w.as<float>(), x.rows(),
                       x.columns(), epsilon);
        throw_on_error("rms_norm");
    };
    return table;
}

}  // namespace

const Kernels* cuda_table() {
    if (!cuda::has_device()) return nullptr;
    static const Kernels table = make_cuda_kernels();
    return &table;
}

const Kernels* cuda_kernels() { return nullptr; }

}  // namespace puna
