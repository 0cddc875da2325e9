// Elementary functions whose results are the same on every host: a host's libm differs from the next one's in the last
// bit, and what a guest computes may not depend on where it runs. Each is computed to about 100 bits with additions,
// products and fused products alone (IEEE 754 says all their bits) and rounded once, so that it is the nearest double
// but in about one case of 2^40, where it is a neighbour. Apple's own may differ from it in the last bit.
// Wanted: rounding to nearest. Cost: some microseconds.
#pragma once

namespace deferscope::emu::darwin::elementary {

double exp(double x);
double exp2(double x);
double exp10(double x);
double expm1(double x);
double log(double x);
double log2(double x);
double log10(double x);
double log1p(double x);
double pow(double x, double y);
double cbrt(double x);
double hypot(double x, double y);
double sin(double x);
double cos(double x);
double tan(double x);
double asin(double x);
double acos(double x);
double atan(double x);
double atan2(double y, double x);
double sinh(double x);
double cosh(double x);
double tanh(double x);
double asinh(double x);
double acosh(double x);
double atanh(double x);
double fmax(double x, double y);  // as 754-2019's maximumNumber: +0 is more than -0
double fmin(double x, double y);

}  // namespace deferscope::emu::darwin::elementary
