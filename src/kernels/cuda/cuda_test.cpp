#include "core/random.h"
#include "kernels/cpu/tables.h"

#include <gtest/gtest.h>

#include <vector>

namespace puna {
namespace {

// With a device its kernels match scalar; without one the CPU is chosen.
TEST(Cuda, ImplementedKernelsMatchScalar) {
    const Kernels* cuda = cuda_table();
    if (!cuda) {
        EXPECT_EQ(find_kernels("cuda"), nullptr);
        EXPECT_NE(choose_kernels().name, "cuda");
        return;
    }
    constexpr int64_t rows = 5, columns = 1000;
    Random random(1);
    std::vector<float> x(rows * columns), w(columns), expected(rows * columns), scale(rows), got(rows * columns);
    for (float& value : x) value = random.normal();
    for (float& value : w) value = random.normal();
    Tensor host_x(x.data(), Dtype::f32, {rows, columns}), host_w(w.data(), Dtype::f32, {columns});
    find_kernels("scalar")->rms_norm({}, Tensor(expected.data(), Dtype::f32, {rows, columns}),
                                     Tensor(scale.data(), Dtype::f32, {rows}), host_x, host_w, 1e-5f);
    auto on_device = [&](Tensor host) {
        Tensor device = host;
        device.data = cuda->allocate(static_cast<size_t>(host.bytes()));
        cuda->copy({}, device.data, host.data, static_cast<size_t>(host.bytes()));
        return device;
    };
    Tensor out = on_device(host_x);
    cuda->rms_norm({}, out, on_device(Tensor(scale.data(), Dtype::f32, {rows})), on_device(host_x), on_device(host_w),
                   1e-5f);
    cuda->copy({}, got.data(), out.data, static_cast<size_t>(out.bytes()));
    cuda->synchronize({});
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5) << i;
}

}  // namespace
}  // namespace puna
