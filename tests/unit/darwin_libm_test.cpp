// C's mathematics as libSystem has it: elementary functions against values that mpmath gave with 2400 bits, rounded to
// the nearest double; and the calls themselves, which take and give vector registers.
#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>

#include "darwin_harness.h"
#include "emu/darwin/elementary.h"

namespace deferscope::emu::darwin {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Row {
  const char* name;
  double (*one)(double);
  double (*two)(double, double);
  double x, y, want;
};
const Row kRows[] = {
    {"sin", elementary::sin, nullptr, 0x1.6ac5b262ca1ffp+849, 0, 0x1.0000000000000p+0},
    {"sin", elementary::sin, nullptr, 0x1.fffffffffffffp+1023, 0, 0x1.452fc98b34e97p-8},
    {"sin", elementary::sin, nullptr, 0x1.8000000000000p+1, 0, 0x1.210386db6d55bp-3},
    {"sin", elementary::sin, nullptr, -0x1.5798ee2308c3ap-29, 0, -0x1.5798ee2308c3ap-29},
    {"sin", elementary::sin, nullptr, 0x1.6000000000000p+3, 0, -0x1.fffeb762e93ebp-1},
    {"cos", elementary::cos, nullptr, 0x1.6ac5b262ca1ffp+849, 0, -0x1.14ae72e6ba22fp-61},
    {"cos", elementary::cos, nullptr, 0x1.0f0cf064dd592p+73, 0, 0x1.0be2cef01c8f4p-1},
    {"cos", elementary::cos, nullptr, -0x1.0000000000000p-1, 0, 0x1.c1528065b7d50p-1},
    {"tan", elementary::tan, nullptr, 0x1.6ac5b262ca1ffp+849, 0, -0x1.d9ba9a7975636p+60},
    {"tan", elementary::tan, nullptr, 0x1.921fb54442d18p+0, 0, 0x1.d02967c31cdb5p+53},
    {"tan", elementary::tan, nullptr, 0x1.7e43c8800759cp+996, 0, 0x1.6be411f37ac77p+0},
    {"exp", elementary::exp, nullptr, 0x1.0000000000000p+0, 0, 0x1.5bf0a8b145769p+1},
    {"exp", elementary::exp, nullptr, -0x1.748cccccccccdp+9, 0, 0x0.0000000000001p-1022},
    {"exp", elementary::exp, nullptr, 0x1.62e3d70a3d70ap+9, 0, 0x1.fe9ce5c4c52b4p+1023},
    {"exp", elementary::exp, nullptr, -0x1.b7cdfd9d7bdbbp-34, 0, 0x1.ffffffff24190p-1},
    {"exp", elementary::exp, nullptr, 0x1.0000000000000p-1, 0, 0x1.a61298e1e069cp+0},
    {"exp2", elementary::exp2, nullptr, -0x1.0c80000000000p+10, 0, 0x0.0000000000001p-1022},
    {"exp2", elementary::exp2, nullptr, 0x1.999999999999ap-4, 0, 0x1.125fbee250664p+0},
    {"exp2", elementary::exp2, nullptr, -0x1.0c53333333333p+10, 0, 0x0.0000000000002p-1022},
    {"exp10", elementary::exp10, nullptr, 0x1.6000000000000p+4, 0, 0x1.0f0cf064dd592p+73},
    {"exp10", elementary::exp10, nullptr, -0x1.4366666666666p+8, 0, 0x0.0000000000001p-1022},
    {"exp10", elementary::exp10, nullptr, 0x1.3333333333333p-2, 0, 0x1.fec982d5bb8afp+0},
    {"expm1", elementary::expm1, nullptr, 0x1.12e0be826d695p-30, 0, 0x1.12e0be84bbb51p-30},
    {"expm1", elementary::expm1, nullptr, -0x1.3333333333333p-2, 0, -0x1.0966f2c7907f6p-2},
    {"expm1", elementary::expm1, nullptr, 0x1.e800000000000p+4, 0, 0x1.0063f4e687aa2p+44},
    {"log", elementary::log, nullptr, 0x1.0000000000000p+1, 0, 0x1.62e42fefa39efp-1},
    {"log", elementary::log, nullptr, 0x0.0000000000001p-1022, 0, -0x1.74385446d71c3p+9},
    {"log", elementary::log, nullptr, 0x1.fffffffffffffp-1, 0, -0x1.0000000000000p-53},
    {"log", elementary::log, nullptr, 0x1.1ccf385ebc8a0p+1023, 0, 0x1.62991d5d62a5ep+9},
    {"log2", elementary::log2, nullptr, 0x1.0000000000000p+3, 0, 0x1.8000000000000p+1},
    {"log2", elementary::log2, nullptr, 0x1.8000000000000p+1, 0, 0x1.95c01a39fbd68p+0},
    {"log2", elementary::log2, nullptr, 0x1.0000000000001p+0, 0, 0x1.71547652b82fdp-52},
    {"log10", elementary::log10, nullptr, 0x1.f400000000000p+9, 0, 0x1.8000000000000p+1},
    {"log10", elementary::log10, nullptr, 0x1.999999999999ap-4, 0, -0x1.0000000000000p+0},
    {"log10", elementary::log10, nullptr, 0x1.c000000000000p+2, 0, 0x1.b0b0b0b78cc3fp-1},
    {"log1p", elementary::log1p, nullptr, 0x1.70ef54646d497p-57, 0, 0x1.70ef54646d497p-57},
    {"log1p", elementary::log1p, nullptr, -0x1.ccccccccccccdp-1, 0, -0x1.26bb1bbb55516p+1},
    {"log1p", elementary::log1p, nullptr, 0x1.6666666666666p-1, 0, 0x1.0fae81914a991p-1},
    {"cbrt", elementary::cbrt, nullptr, 0x1.b000000000000p+4, 0, 0x1.8000000000000p+1},
    {"cbrt", elementary::cbrt, nullptr, -0x1.0000000000000p+1, 0, -0x1.428a2f98d728bp+0},
    {"cbrt", elementary::cbrt, nullptr, 0x0.0000000000001p-1022, 0, 0x1.0000000000000p-358},
    {"asin", elementary::asin, nullptr, 0x1.0000000000000p-1, 0, 0x1.0c152382d7366p-1},
    {"asin", elementary::asin, nullptr, -0x1.fffffffffffffp-1, 0, -0x1.921fb50442d18p+0},
    {"asin", elementary::asin, nullptr, 0x1.5798ee2308c3ap-27, 0, 0x1.5798ee2308c3ap-27},
    {"acos", elementary::acos, nullptr, 0x1.0000000000000p-1, 0, 0x1.0c152382d7366p+0},
    {"acos", elementary::acos, nullptr, -0x1.fffffffffffffp-1, 0, 0x1.921fb52442d18p+1},
    {"acos", elementary::acos, nullptr, 0x1.fffffffffffffp-1, 0, 0x1.0000000000000p-26},
    {"acos", elementary::acos, nullptr, 0x1.79ca10c924223p-67, 0, 0x1.921fb54442d18p+0},
    {"atan", elementary::atan, nullptr, 0x1.0000000000000p+0, 0, 0x1.921fb54442d18p-1},
    {"atan", elementary::atan, nullptr, -0x1.3333333333333p-2, 0, -0x1.2a73a661eaf06p-2},
    {"atan", elementary::atan, nullptr, 0x1.6345785d8a000p+56, 0, 0x1.921fb54442d18p+0},
    {"sinh", elementary::sinh, nullptr, 0x1.4f8b588e368f1p-17, 0, 0x1.4f8b588e4e940p-17},
    {"sinh", elementary::sinh, nullptr, 0x1.8000000000000p+1, 0, 0x1.40926e70949aep+3},
    {"sinh", elementary::sinh, nullptr, -0x1.6326666666666p+9, 0, -0x1.ad6eb7ccb4488p+1023},
    {"cosh", elementary::cosh, nullptr, 0x1.4f8b588e368f1p-17, 0, 0x1.0000000036f9cp+0},
    {"cosh", elementary::cosh, nullptr, 0x1.8000000000000p+1, 0, 0x1.422a497d6185ep+3},
    {"cosh", elementary::cosh, nullptr, 0x1.6326666666666p+9, 0, 0x1.ad6eb7ccb4488p+1023},
    {"tanh", elementary::tanh, nullptr, 0x1.4f8b588e368f1p-17, 0, 0x1.4f8b588e06854p-17},
    {"tanh", elementary::tanh, nullptr, 0x1.6666666666666p-1, 0, 0x1.356fb17af2e91p-1},
    {"tanh", elementary::tanh, nullptr, -0x1.3000000000000p+4, 0, -0x1.fffffffffffffp-1},
    {"asinh", elementary::asinh, nullptr, 0x1.4f8b588e368f1p-17, 0, 0x1.4f8b588e1e8a2p-17},
    {"asinh", elementary::asinh, nullptr, -0x1.8000000000000p+1, 0, -0x1.d185b507edc0ep+0},
    {"asinh", elementary::asinh, nullptr, 0x1.7e43c8800759cp+996, 0, 0x1.59bbfd8b83e44p+9},
    {"acosh", elementary::acosh, nullptr, 0x1.0000000000001p+0, 0, 0x1.6a09e667f3bccp-26},
    {"acosh", elementary::acosh, nullptr, 0x1.8000000000000p+1, 0, 0x1.c34366179d427p+0},
    {"acosh", elementary::acosh, nullptr, 0x1.7e43c8800759cp+996, 0, 0x1.59bbfd8b83e44p+9},
    {"atanh", elementary::atanh, nullptr, 0x1.4f8b588e368f1p-17, 0, 0x1.4f8b588e6698ep-17},
    {"atanh", elementary::atanh, nullptr, -0x1.0000000000000p-1, 0, -0x1.193ea7aad030bp-1},
    {"atanh", elementary::atanh, nullptr, 0x1.fffffffffffffp-1, 0, 0x1.2b708872320e2p+4},
    {"pow", nullptr, elementary::pow, 0x1.0000000000000p+1, 0x1.0000000000000p-1, 0x1.6a09e667f3bcdp+0},
    {"pow", nullptr, elementary::pow, 0x1.4000000000000p+3, -0x1.4000000000000p+2, 0x1.4f8b588e368f1p-17},
    {"pow", nullptr, elementary::pow, 0x1.8000000000000p+0, 0x1.0000000000000p+1, 0x1.2000000000000p+1},
    {"pow", nullptr, elementary::pow, 0x1.999999999999ap-4, 0x1.8000000000000p+1, 0x1.0624dd2f1a9fdp-10},
    {"pow", nullptr, elementary::pow, -0x1.8000000000000p+1, 0x1.8000000000000p+1, -0x1.b000000000000p+4},
    {"pow", nullptr, elementary::pow, 0x1.6a09e6c000000p+26, 0x1.0000000000000p+1, 0x1.0000007c84becp+53},
    {"pow", nullptr, elementary::pow, 0x1.0000000000001p+0, 0x1.6345785d8a000p+56, 0x1.06272889f21c5p+32},
    {"pow", nullptr, elementary::pow, 0x0.0000000000001p-1022, 0x1.3333333333333p-2, 0x1.bdb8cdadbe161p-323},
    {"pow", nullptr, elementary::pow, 0x1.0000000000000p+1, -0x1.0c80000000000p+10, 0x0.0000000000001p-1022},
    {"pow", nullptr, elementary::pow, 0x1.5f90000000000p+16, 0x1.8000000000000p+0, 0x1.9bfcc00000000p+24},
    {"hypot", nullptr, elementary::hypot, 0x1.8000000000000p+1, 0x1.0000000000000p+2, 0x1.4000000000000p+2},
    {"hypot", nullptr, elementary::hypot, 0x1.1ccf385ebc8a0p+1023, 0x1.1ccf385ebc8a0p+1023, 0x1.92c80954c51f5p+1023},
    {"hypot", nullptr, elementary::hypot, 0x0.00000000007e8p-1022, 0x0.0000000000fd0p-1022, 0x0.00000000011aep-1022},
    {"atan2", nullptr, elementary::atan2, 0x1.0000000000000p+0, -0x1.0000000000000p+0, 0x1.2d97c7f3321d2p+1},
    {"atan2", nullptr, elementary::atan2, -0x1.56e1fc2f8f359p-997, 0x1.7e43c8800759cp+996, -0x0.0p+0},
    {"atan2", nullptr, elementary::atan2, 0x0.0000000000001p-1022, 0x1.8000000000000p+1, 0x0.0p+0},
    {"atan2", nullptr, elementary::atan2, 0x1.0000000000000p+1, 0x1.6666666666666p-1, 0x1.3bef63199bba3p+0},
};

uint64_t bits(double x) { return std::bit_cast<uint64_t>(x); }

TEST(Elementary, IsTheNearestDouble) {
  for (const Row& r : kRows) {
    const double got = r.one ? r.one(r.x) : r.two(r.x, r.y);
    EXPECT_EQ(bits(got), bits(r.want)) << r.name << " " << r.x << " " << r.y << ": " << got;
  }
}

TEST(Elementary, EndsAsTheStandardSays) {
  using namespace elementary;
  for (double (*f)(double) :
       {elementary::sin, elementary::tan, elementary::asin, elementary::atan, elementary::sinh, elementary::tanh,
        elementary::asinh, elementary::atanh, elementary::expm1, elementary::log1p, elementary::cbrt}) {
    EXPECT_EQ(bits(f(0.0)), bits(0.0));
    EXPECT_EQ(bits(f(-0.0)), bits(-0.0));
    EXPECT_EQ(bits(f(0x1p-1074)), bits(f(0x1p-1074) == 0x1p-1074 ? 0x1p-1074 : elementary::cbrt(0x1p-1074)));
    EXPECT_TRUE(std::isnan(f(kNan)));
  }
  for (double x : {HUGE_VAL, -HUGE_VAL}) {
    EXPECT_TRUE(std::isnan(elementary::sin(x)) && std::isnan(elementary::cos(x)) && std::isnan(elementary::tan(x)));
    EXPECT_EQ(elementary::atan(x), std::copysign(0x1.921fb54442d18p+0, x));
  }
  EXPECT_EQ(elementary::log(0.0), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(elementary::log(-1.0)));
  EXPECT_EQ(elementary::exp(-HUGE_VAL), 0);
  EXPECT_EQ(elementary::exp(1000), HUGE_VAL);
  EXPECT_EQ(elementary::pow(kNan, 0), 1);
  EXPECT_EQ(elementary::pow(-8, 3), -512);
  EXPECT_TRUE(std::isnan(elementary::pow(-8, 1.0 / 3)));
  EXPECT_EQ(elementary::pow(0, -3), HUGE_VAL);
  EXPECT_EQ(bits(elementary::atan2(-0.0, 1)), bits(-0.0));
  EXPECT_EQ(elementary::atan2(0.0, -1), 0x1.921fb54442d18p+1);
  EXPECT_EQ(elementary::atan2(HUGE_VAL, -HUGE_VAL), 0x1.2d97c7f3321d2p+1);
  EXPECT_EQ(elementary::hypot(HUGE_VAL, kNan), HUGE_VAL);
  EXPECT_EQ(elementary::fmax(kNan, 2), 2);
  EXPECT_EQ(bits(elementary::fmax(-0.0, 0.0)), bits(0.0));
  EXPECT_EQ(bits(elementary::fmin(0.0, -0.0)), bits(-0.0));
}

class Mathematics : public testing::TestWithParam<bool> {
 protected:
  double real(const char* name, std::initializer_list<double> x, std::initializer_list<uint64_t> words = {}) {
    isa::VReg reg = 0;
    for (double value : x) p.m.cpu().v[reg++].set(0, value);
    p.call(name, words);
    return p.m.cpu().v[0].lane<double>(0);
  }
  float single(const char* name, std::initializer_list<float> x) {
    isa::VReg reg = 0;
    for (float value : x) p.m.cpu().v[reg++].set(0, value);
    p.call(name);
    EXPECT_EQ(p.m.cpu().v[0].lane<uint32_t>(1), 0u);
    return p.m.cpu().v[0].lane<float>(0);
  }
  Process p{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(BothIsas, Mathematics, testing::Values(true, false),
                         [](const auto& isa) { return isa.param ? "amd64" : "arm64"; });

TEST_P(Mathematics, TakesAndGivesVectorRegisters) {
  EXPECT_EQ(real("acos", {-1}), 0x1.921fb54442d18p+1);
  EXPECT_EQ(real("pow", {2, 10}), 1024);
  EXPECT_EQ(real("fmod", {-7.5, 2}), -1.5);
  EXPECT_EQ(real("ldexp", {0.75, kNan}, {static_cast<uint64_t>(-3)}), 0.09375);
  EXPECT_EQ(real("fma", {0x1p53, 2, 1}), 0x1p54);
  EXPECT_EQ(real("round", {-2.5}), -3);
  EXPECT_EQ(real("rint", {-2.5}), -2);
  EXPECT_EQ(real("__exp10", {3}), 1000);
  EXPECT_EQ(single("sqrtf", {2}), 0x1.6a09e6p+0f);
  EXPECT_EQ(single("sinf", {1}), 0x1.aed548p-1f);
  EXPECT_EQ(single("fmaf", {0x1.000002p+0f, 0x1.000002p+0f, 0x1p-60f}), 0x1.000004p+0f);
  EXPECT_EQ(p.call("getpid"), p.call("getpid")) << "calls still come back";
}

TEST_P(Mathematics, GivesMoreThanOneResult) {
  EXPECT_EQ(real("frexp", {-6}, {Process::kBuffer}), -0.75);
  EXPECT_EQ(p.get<int32_t>(Process::kBuffer), 3);
  EXPECT_EQ(real("modf", {-2.25}, {Process::kBuffer}), -0.25);
  EXPECT_EQ(p.get<double>(Process::kBuffer), -2);
  EXPECT_EQ(real("modf", {-HUGE_VAL}, {Process::kBuffer}), 0);
  EXPECT_EQ(p.get<double>(Process::kBuffer), -HUGE_VAL);
  EXPECT_EQ(real("__sincos_stret", {0.5}), elementary::sin(0.5));
  EXPECT_EQ(p.m.cpu().v[1].lane<double>(0), elementary::cos(0.5));
}

TEST_P(Mathematics, IntegersThatDoNotFitAreTheProcessors) {
  real("llround", {-2.5});
  EXPECT_EQ(p.result(0), -3);
  real("lrint", {2.5});
  EXPECT_EQ(p.result(0), 2);
  real("lround", {1e300});
  EXPECT_EQ(p.result(0), GetParam() ? INT64_MIN : INT64_MAX);
  real("lround", {kNan});
  EXPECT_EQ(p.result(0), GetParam() ? INT64_MIN : 0);
}

TEST_P(Mathematics, NansAreTheSameOnEveryHost) {
  EXPECT_EQ(bits(real("sqrt", {-1})), bits(kNan));
  EXPECT_EQ(bits(real("fmod", {1, 0})), bits(kNan));
  const double own = std::bit_cast<double>(0x7ff8000000000123u);
  EXPECT_EQ(bits(real("floor", {own})), bits(own));
  EXPECT_EQ(bits(real("copysign", {own, -1})), bits(own) | uint64_t{1} << 63);
}

TEST_P(Mathematics, TheGuestsRoundingStaysItsOwn) {
  std::fesetround(FE_UPWARD);
  std::feclearexcept(FE_ALL_EXCEPT);
  const double got = real("exp", {1});
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0);
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
  EXPECT_EQ(bits(got), bits(0x1.5bf0a8b145769p+1));
}

}  // namespace
}  // namespace deferscope::emu::darwin
