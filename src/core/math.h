// core/math.h — exp, log, sin and cos bit-identical on every machine and compiler.
//
// Built from IEEE double additions, multiplications and divisions in a fixed order (the build disables contraction to
// FMA), independent of the C library. Rounded to float, the error is below 0.501 ulp. They define the results of the
// scalar kernels; SIMD kernels have their own approximations.
#pragma once

namespace puna::exact {

double exp(double x);
double log(double x);  // x > 0
double sin(double x);  // |x| < 6e6, as for cos
double cos(double x);

}  // namespace puna::exact
