#include "kernels/cases.h"
#include "kernels/cpu/tables.h"
#include "kernels/host_copy.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace puna {
namespace {

bool is_implemented(std::string_view kernel) { return kernel == "rms_norm"; }

// With a device its kernels match scalar; without one the CPU is chosen, unless tools/gpu asks for a device.
TEST(Cuda, ImplementedKernelsMatchScalar) {
    const Kernels* cuda = cuda_table();
    if (!cuda) {
        EXPECT_EQ(std::getenv("PUNA_NEEDS_GPU"), nullptr) << "no device, or a build without CUDA";
        EXPECT_EQ(find_kernels("cuda"), nullptr);
        EXPECT_NE(choose_kernels().name, "cuda");
        return;
    }
    const Kernels& scalar = *find_kernels("scalar");
    for (int64_t dim : {1, 72, 1000}) {
        Arena host(scalar), device(*cuda);
        std::vector<KernelCase> expected = kernel_cases({.dim = dim}, host, is_implemented),
                                cases = kernel_cases({.dim = dim}, device, is_implemented);
        for (size_t i = 0; i < cases.size(); ++i) {
            expected[i].run(scalar);
            cases[i].run(*cuda);
            for (size_t o = 0; o < cases[i].outputs.size(); ++o) {
                HostCopy output(*cuda, {}, cases[i].outputs[o]);
                std::span<float> values = output.download().span<float>(), right = expected[i].outputs[o].span<float>();
                for (size_t j = 0; j < values.size(); ++j)
                    ASSERT_NEAR(values[j], right[j], 1e-5) << cases[i].kernel << " " << cases[i].detail;
            }
        }
    }
}

}  // namespace
}  // namespace puna
