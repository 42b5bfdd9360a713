// core/math.h — exp, log, sin and cos with the same bits on every machine and from every compiler.
//
// Made of IEEE double additions, multiplications and divisions in a fixed order (the build forbids fusing them), so
// that nothing depends on a C library. Rounded to float they are right to within 0.501 ulp. They specify what the
// scalar kernels compute; fast kernels have their own.
#pragma once

namespace puna::exact {

double exp(double x);
double log(double x);  // x > 0
double sin(double x);  // |x| < 6e6, as for cos
double cos(double x);

}  // namespace puna::exact
