// bench/signature.h — one number that changes when any number does: over ten training steps and 32 greedy tokens of a
// seeded tiny model, with the scalar kernels. The same for any number of threads, compiler and processor.
#pragma once
#include <string>
#include <string_view>

namespace puna {

std::string compute_signature();                    // sixteen hexadecimal digits
extern const std::string_view committed_signature;  // what it should be; a change of it is said in the commit

}  // namespace puna
