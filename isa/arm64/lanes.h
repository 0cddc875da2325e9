// How a vector helper is made from a function of one lane. A helper's imm says the form in bits 1…0 and a parameter
// (shift count, index, …) from bit 8 on.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "isa/arm64/simd.h"

namespace deferscope::isa::arm64 {

// The lanes of one operation: the destination's old value, the operands, the parameter, the state (QC, FPCR, FPSR; null
// in helpers that do not ask for it).
template <class T>
struct Lane {
  T d, a, b;
  unsigned p;
  CpuState* s;
};

// The element types by log2 of the size; void: no such form.
template <class B, class H, class S, class D>
struct Types {
  using b = B;
  using h = H;
  using s = S;
  using d = D;
};
using Unsigned = Types<uint8_t, uint16_t, uint32_t, uint64_t>;
using Signed = Types<int8_t, int16_t, int32_t, int64_t>;
using UnsignedBhs = Types<uint8_t, uint16_t, uint32_t, void>;
using SignedBhs = Types<int8_t, int16_t, int32_t, void>;
using SignedHs = Types<void, int16_t, int32_t, void>;
using Bytes = Types<uint8_t, void, void, void>;
using Floats = Types<void, void, float, double>;
using FloatBits = Types<void, void, uint32_t, uint64_t>;

enum Use : unsigned { kPlain = 0, kReadsDst = 1, kState = 2 };

template <class T>
struct Wider;
template <>
struct Wider<uint8_t> {
  using type = uint16_t;
};
template <>
struct Wider<uint16_t> {
  using type = uint32_t;
};
template <>
struct Wider<uint32_t> {
  using type = uint64_t;
};
template <>
struct Wider<int8_t> {
  using type = int16_t;
};
template <>
struct Wider<int16_t> {
  using type = int32_t;
};
template <>
struct Wider<int32_t> {
  using type = int64_t;
};
template <class T>
using wider_t = typename Wider<T>::type;

template <class T>
unsigned lanes(uint64_t imm) {
  return (imm & 3) == kScalar ? 1 : ((imm & 1) + 1) * 8 / sizeof(T);
}
inline unsigned parameter(uint64_t imm) { return static_cast<unsigned>(imm >> 8); }

// What the form leaves of a whole result.
template <class T>
Vec trimmed(const Vec& r, uint64_t imm) {
  if ((imm & 3) == kFull) return r;
  Vec t{r.lo, 0};
  if constexpr (sizeof(T) < 8)
    if ((imm & 3) == kScalar) t.lo &= (uint64_t{1} << (8 * sizeof(T) % 64)) - 1;
  return t;
}

// r[i] = f(d[i], a[i], b[i]). Where a lane can change the state only the form's lanes are computed, else all (the host
// does them at once).
struct Elementwise {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
    Vec r;
    for (unsigned i = 0; i < 16 / sizeof(T); ++i) {
      if (s && i >= lanes<T>(imm)) break;
      r.set<T>(i, static_cast<T>(F{}(Lane<T>{d.lane<T>(i), a.lane<T>(i), b.lane<T>(i), parameter(imm), s})));
    }
    d = trimmed<T>(r, imm);
  }
};
// Narrow operands (the lower or, in the form of all 128 bits, the upper half), wide result.
struct Lengthen {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
    using W = wider_t<T>;
    const unsigned n = (imm & 3) == kScalar ? 1 : 8 / sizeof(T), from = (imm & 3) == kFull ? n : 0;
    Vec r;
    for (unsigned i = 0; i < n; ++i)
      r.set<W>(i,
               static_cast<W>(F{}(Lane<W>{d.lane<W>(i), a.lane<T>(from + i), b.lane<T>(from + i), parameter(imm), s})));
    d = r;
  }
};
// The first operand wide, the second narrow.
struct Widen {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
    using W = wider_t<T>;
    const unsigned n = 8 / sizeof(T), from = (imm & 3) == kFull ? n : 0;
    Vec r;
    for (unsigned i = 0; i < n; ++i)
      r.set<W>(i, static_cast<W>(F{}(Lane<W>{d.lane<W>(i), a.lane<W>(i), b.lane<T>(from + i), parameter(imm), s})));
    d = r;
  }
};
// Wide operands, narrow result in the lower half (the rest cleared) or the upper (the rest kept). f gets wide lanes.
struct Narrow {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
    using W = wider_t<T>;
    const unsigned n = (imm & 3) == kScalar ? 1 : 8 / sizeof(T);
    Vec r;
    for (unsigned i = 0; i < n; ++i)
      r.set<T>(i, static_cast<T>(F{}(Lane<W>{W{}, a.lane<W>(i), b.lane<W>(i), parameter(imm), s})));
    d = (imm & 3) == kFull ? Vec{d.lo, r.lo} : Vec{r.lo, 0};
  }
};
// f over neighbours of a, then of b. Scalar: the two lanes of a.
struct Pairwise {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
    const unsigned n = lanes<T>(imm), half = (imm & 3) == kScalar ? 1 : n / 2;
    Vec r;
    for (unsigned i = 0; i < n; ++i) {
      const Vec& v = i < half ? a : b;
      const unsigned k = 2 * (i % half);
      r.set<T>(i, static_cast<T>(F{}(Lane<T>{T{}, v.lane<T>(k), v.lane<T>(k + 1), parameter(imm), s})));
    }
    d = r;
  }
};
// f over neighbours of a, each pair to one wide lane: SADDLP and its kin.
struct PairwiseLong {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec&, uint64_t imm) {
    using W = wider_t<T>;
    Vec r;
    for (unsigned i = 0; i < lanes<W>(imm); ++i)
      r.set<W>(i,
               static_cast<W>(F{}(Lane<W>{d.lane<W>(i), a.lane<T>(2 * i), a.lane<T>(2 * i + 1), parameter(imm), s})));
    d = r;
  }
};
// All lanes to one, halves first, as the manual's Reduce.
struct Across {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec&, uint64_t imm) {
    T x[16];
    unsigned n = lanes<T>(imm);
    for (unsigned i = 0; i < n; ++i) x[i] = a.lane<T>(i);
    for (; n > 1; n /= 2)
      for (unsigned i = 0; i < n / 2; ++i) x[i] = static_cast<T>(F{}(Lane<T>{T{}, x[2 * i], x[2 * i + 1], 0, s}));
    d = Vec{};
    d.set<T>(0, x[0]);
  }
};
struct AcrossLong {
  template <class T, class F>
  static void run(CpuState* s, Vec& d, const Vec& a, const Vec&, uint64_t imm) {
    using W = wider_t<T>;
    W sum{};
    for (unsigned i = 0; i < lanes<T>(imm); ++i) sum = static_cast<W>(F{}(Lane<W>{W{}, sum, a.lane<T>(i), 0, s}));
    d = Vec{};
    d.set<W>(0, sum);
  }
};

// A helper's name: the set's and the element size.
template <size_t N>
struct Name {
  char text[N];
  consteval Name(const char (&s)[N]) { std::copy_n(s, N, text); }
};
template <Name N, char Suffix>
struct Named {
  static constexpr auto text = [] {
    std::array<char, sizeof(N.text) + 2> out{};
    std::copy_n(N.text, sizeof(N.text) - 1, out.data());
    out[sizeof(N.text) - 1] = '.', out[sizeof(N.text)] = Suffix;
    return out;
  }();
};

template <class Shape, class T, class F>
void run_plain(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Shape::template run<T, F>(nullptr, d, a, b, imm);
}
template <class Shape, class T, class F>
void run_state(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Shape::template run<T, F>(&s, d, a, b, imm);
}

template <class Shape, Name N, char Suffix, class T, unsigned U, class F>
constexpr Helper helper_for() {
  Helper h{};
  if constexpr (!std::is_void_v<T>) {
    h.name = Named<N, Suffix>::text.data();
    h.reads_dst = (U & kReadsDst) != 0 || std::is_same_v<Shape, Narrow>;
    if constexpr ((U & kState) != 0)
      h.fp = run_state<Shape, T, F>;
    else
      h.vec = run_plain<Shape, T, F>;
  }
  return h;
}

// The helpers of one operation for the element sizes of Ts.
template <class Shape, Name N, class Ts, unsigned U = kPlain, class F>
constexpr Set make(F) {
  return {{helper_for<Shape, N, 'b', typename Ts::b, U, F>(), helper_for<Shape, N, 'h', typename Ts::h, U, F>(),
           helper_for<Shape, N, 's', typename Ts::s, U, F>(), helper_for<Shape, N, 'd', typename Ts::d, U, F>()}};
}

// Saturation to T; a cut notes QC.
template <class T, class I>
T saturate(CpuState* s, I x) {
  constexpr I lo = std::numeric_limits<T>::min(), hi = static_cast<I>(std::numeric_limits<T>::max());
  if (x >= lo && x <= hi) return static_cast<T>(x);
  s->fpsr |= 1u << 27;
  return static_cast<T>(x < lo ? lo : hi);
}
using i128 = __int128;

}  // namespace deferscope::isa::arm64
