// bench/signature.h — a hash that changes if any numerical result does: of ten training steps and 32 greedily generated
// tokens of a tiny seeded model, with the scalar kernels. Independent of threads, compiler and processor.
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string compute_signature();                    // sixteen hexadecimal digits
extern const std::string_view committed_signature;  // expected value; a commit that changes it says so

}  // namespace puna
