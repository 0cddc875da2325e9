// Advanced SIMD on integers: three registers same and different, two registers, across lanes.
#include <bit>

#include "isa/arm64/lanes.h"

namespace deferscope::isa::arm64 {
namespace {

template <class T>
auto u(T x) {
  return static_cast<std::make_unsigned_t<T>>(x);
}
// All ones or zeros.
template <class T>
T truth(bool b) {
  return static_cast<T>(b ? ~T{0} : T{0});
}
// |a - b| without overflow.
template <class T>
auto distance(T a, T b) {
  return a > b ? u(a) - u(b) : u(b) - u(a);
}
template <class T>
T carryless(unsigned a, unsigned b) {
  unsigned r = 0;
  for (unsigned i = 0; i < 8; ++i) r ^= b >> i & 1 ? a << i : 0;
  return static_cast<T>(r);
}
template <class T>
T magnitude(T x) {
  return static_cast<T>(x < 0 ? 0 - u(x) : u(x));
}
// 2*a*b as SQDMULH and its kin want it: wide, saturated by the caller.
template <class T>
i128 doubled(T a, T b) {
  return i128{a} * b * 2;
}
template <unsigned Block, class T>
void reverse(Vec& d, const Vec& a, const Vec&, uint64_t imm) {
  constexpr unsigned k = Block / sizeof(T) - 1;
  Vec r;
  for (unsigned i = 0; i < lanes<T>(imm); ++i) r.set<T>(i, a.lane<T>(i ^ k));
  d = r;
}

}  // namespace

constexpr Set kAdd = make<Elementwise, "add", Unsigned>([](auto l) { return l.a + l.b; });
constexpr Set kSub = make<Elementwise, "sub", Unsigned>([](auto l) { return l.a - l.b; });
constexpr Set kMul = make<Elementwise, "mul", UnsignedBhs>([](auto l) { return uint64_t{l.a} * l.b; });
constexpr Set kMla = make<Elementwise, "mla", UnsignedBhs, kReadsDst>([](auto l) { return l.d + uint64_t{l.a} * l.b; });
constexpr Set kMls = make<Elementwise, "mls", UnsignedBhs, kReadsDst>([](auto l) { return l.d - uint64_t{l.a} * l.b; });
constexpr Set kPmul = make<Elementwise, "pmul", Bytes>([](auto l) { return carryless<uint8_t>(l.a, l.b); });
constexpr Set kAddp = make<Pairwise, "addp", Unsigned>([](auto l) { return l.a + l.b; });

constexpr Set kAnd = make<Elementwise, "and", Bytes>([](auto l) { return l.a & l.b; });
constexpr Set kBic = make<Elementwise, "bic", Bytes>([](auto l) { return l.a & ~l.b; });
constexpr Set kOrr = make<Elementwise, "orr", Bytes>([](auto l) { return l.a | l.b; });
constexpr Set kOrn = make<Elementwise, "orn", Bytes>([](auto l) { return l.a | ~l.b; });
constexpr Set kEor = make<Elementwise, "eor", Bytes>([](auto l) { return l.a ^ l.b; });
constexpr Set kBsl = make<Elementwise, "bsl", Bytes, kReadsDst>([](auto l) { return (l.a & l.d) | (l.b & ~l.d); });
constexpr Set kBit = make<Elementwise, "bit", Bytes, kReadsDst>([](auto l) { return (l.a & l.b) | (l.d & ~l.b); });
constexpr Set kBif = make<Elementwise, "bif", Bytes, kReadsDst>([](auto l) { return (l.d & l.b) | (l.a & ~l.b); });

constexpr Set kShadd = make<Elementwise, "shadd", SignedBhs>([](auto l) { return (int64_t{l.a} + l.b) >> 1; });
constexpr Set kUhadd = make<Elementwise, "uhadd", UnsignedBhs>([](auto l) { return (uint64_t{l.a} + l.b) >> 1; });
constexpr Set kShsub = make<Elementwise, "shsub", SignedBhs>([](auto l) { return (int64_t{l.a} - l.b) >> 1; });
constexpr Set kUhsub = make<Elementwise, "uhsub", UnsignedBhs>([](auto l) { return (uint64_t{l.a} - l.b) >> 1; });
constexpr Set kSrhadd = make<Elementwise, "srhadd", SignedBhs>([](auto l) { return (int64_t{l.a} + l.b + 1) >> 1; });
constexpr Set kUrhadd = make<Elementwise, "urhadd", UnsignedBhs>([](auto l) { return (uint64_t{l.a} + l.b + 1) >> 1; });

constexpr auto kSatAdd = [](auto l) { return saturate<decltype(l.a)>(l.s, i128{l.a} + l.b); };
constexpr auto kSatSub = [](auto l) { return saturate<decltype(l.a)>(l.s, i128{l.a} - l.b); };
constexpr Set kSqadd = make<Elementwise, "sqadd", Signed, kState>(kSatAdd);
constexpr Set kUqadd = make<Elementwise, "uqadd", Unsigned, kState>(kSatAdd);
constexpr Set kSqsub = make<Elementwise, "sqsub", Signed, kState>(kSatSub);
constexpr Set kUqsub = make<Elementwise, "uqsub", Unsigned, kState>(kSatSub);

constexpr Set kCmgt = make<Elementwise, "cmgt", Signed>([](auto l) { return truth<decltype(l.a)>(l.a > l.b); });
constexpr Set kCmhi = make<Elementwise, "cmhi", Unsigned>([](auto l) { return truth<decltype(l.a)>(l.a > l.b); });
constexpr Set kCmge = make<Elementwise, "cmge", Signed>([](auto l) { return truth<decltype(l.a)>(l.a >= l.b); });
constexpr Set kCmhs = make<Elementwise, "cmhs", Unsigned>([](auto l) { return truth<decltype(l.a)>(l.a >= l.b); });
constexpr Set kCmeq = make<Elementwise, "cmeq", Unsigned>([](auto l) { return truth<decltype(l.a)>(l.a == l.b); });
constexpr Set kCmtst =
    make<Elementwise, "cmtst", Unsigned>([](auto l) { return truth<decltype(l.a)>((l.a & l.b) != 0); });
constexpr Set kCmgt0 = make<Elementwise, "cmgt0", Signed>([](auto l) { return truth<decltype(l.a)>(l.a > 0); });
constexpr Set kCmge0 = make<Elementwise, "cmge0", Signed>([](auto l) { return truth<decltype(l.a)>(l.a >= 0); });
constexpr Set kCmeq0 = make<Elementwise, "cmeq0", Signed>([](auto l) { return truth<decltype(l.a)>(l.a == 0); });
constexpr Set kCmle0 = make<Elementwise, "cmle0", Signed>([](auto l) { return truth<decltype(l.a)>(l.a <= 0); });
constexpr Set kCmlt0 = make<Elementwise, "cmlt0", Signed>([](auto l) { return truth<decltype(l.a)>(l.a < 0); });

constexpr auto kMaxOf = [](auto l) { return l.a > l.b ? l.a : l.b; };
constexpr auto kMinOf = [](auto l) { return l.a < l.b ? l.a : l.b; };
constexpr Set kSmax = make<Elementwise, "smax", SignedBhs>(kMaxOf);
constexpr Set kUmax = make<Elementwise, "umax", UnsignedBhs>(kMaxOf);
constexpr Set kSmin = make<Elementwise, "smin", SignedBhs>(kMinOf);
constexpr Set kUmin = make<Elementwise, "umin", UnsignedBhs>(kMinOf);
constexpr Set kSmaxp = make<Pairwise, "smaxp", SignedBhs>(kMaxOf);
constexpr Set kUmaxp = make<Pairwise, "umaxp", UnsignedBhs>(kMaxOf);
constexpr Set kSminp = make<Pairwise, "sminp", SignedBhs>(kMinOf);
constexpr Set kUminp = make<Pairwise, "uminp", UnsignedBhs>(kMinOf);
constexpr Set kSmaxv = make<Across, "smaxv", SignedBhs>(kMaxOf);
constexpr Set kUmaxv = make<Across, "umaxv", UnsignedBhs>(kMaxOf);
constexpr Set kSminv = make<Across, "sminv", SignedBhs>(kMinOf);
constexpr Set kUminv = make<Across, "uminv", UnsignedBhs>(kMinOf);
constexpr Set kAddv = make<Across, "addv", UnsignedBhs>([](auto l) { return l.a + l.b; });
constexpr Set kSaddlv = make<AcrossLong, "saddlv", SignedBhs>([](auto l) { return l.a + l.b; });
constexpr Set kUaddlv = make<AcrossLong, "uaddlv", UnsignedBhs>([](auto l) { return l.a + l.b; });

constexpr auto kDistance = [](auto l) { return distance(l.a, l.b); };
constexpr auto kAddDistance = [](auto l) { return u(l.d) + distance(l.a, l.b); };
constexpr Set kSabd = make<Elementwise, "sabd", SignedBhs>(kDistance);
constexpr Set kUabd = make<Elementwise, "uabd", UnsignedBhs>(kDistance);
constexpr Set kSaba = make<Elementwise, "saba", SignedBhs, kReadsDst>(kAddDistance);
constexpr Set kUaba = make<Elementwise, "uaba", UnsignedBhs, kReadsDst>(kAddDistance);
constexpr Set kSabdl = make<Lengthen, "sabdl", SignedBhs>(kDistance);
constexpr Set kUabdl = make<Lengthen, "uabdl", UnsignedBhs>(kDistance);
constexpr Set kSabal = make<Lengthen, "sabal", SignedBhs, kReadsDst>(kAddDistance);
constexpr Set kUabal = make<Lengthen, "uabal", UnsignedBhs, kReadsDst>(kAddDistance);

constexpr Set kSqdmulh = make<Elementwise, "sqdmulh", SignedHs, kState>([](auto l) {
  using T = decltype(l.a);
  return saturate<T>(l.s, doubled(l.a, l.b) >> (8 * sizeof(T)));
});
constexpr Set kSqrdmulh = make<Elementwise, "sqrdmulh", SignedHs, kState>([](auto l) {
  using T = decltype(l.a);
  return saturate<T>(l.s, (doubled(l.a, l.b) + (i128{1} << (8 * sizeof(T) - 1))) >> (8 * sizeof(T)));
});

constexpr Set kAbs = make<Elementwise, "abs", Signed>([](auto l) { return magnitude(l.a); });
constexpr Set kNeg = make<Elementwise, "neg", Signed>([](auto l) { return 0 - u(l.a); });
constexpr Set kSqabs = make<Elementwise, "sqabs", Signed, kState>(
    [](auto l) { return saturate<decltype(l.a)>(l.s, l.a < 0 ? -i128{l.a} : i128{l.a}); });
constexpr Set kSqneg =
    make<Elementwise, "sqneg", Signed, kState>([](auto l) { return saturate<decltype(l.a)>(l.s, -i128{l.a}); });
constexpr Set kSuqadd = make<Elementwise, "suqadd", Signed, kState | kReadsDst>(
    [](auto l) { return saturate<decltype(l.a)>(l.s, i128{l.d} + u(l.a)); });
constexpr Set kUsqadd = make<Elementwise, "usqadd", Unsigned, kState | kReadsDst>([](auto l) {
  return saturate<decltype(l.a)>(l.s, i128{l.d} + static_cast<std::make_signed_t<decltype(l.a)>>(l.a));
});

constexpr Set kNot = make<Elementwise, "not", Bytes>([](auto l) { return ~l.a; });
constexpr Set kRbit = make<Elementwise, "rbit", Bytes>([](auto l) {
  unsigned r = 0;
  for (unsigned i = 0; i < 8; ++i) r |= (l.a >> i & 1u) << (7 - i);
  return r;
});
constexpr Set kCnt = make<Elementwise, "cnt", Bytes>([](auto l) { return std::popcount(l.a); });
constexpr Set kClz = make<Elementwise, "clz", UnsignedBhs>([](auto l) { return std::countl_zero(l.a); });
constexpr Set kCls = make<Elementwise, "cls", SignedBhs>([](auto l) {
  using U = std::make_unsigned_t<decltype(l.a)>;
  return std::countl_zero(static_cast<U>(l.a ^ (l.a >> 1))) - 1;  // at 0: all bits, less the sign
});
constexpr Set kRev16{{Helper{.name = "rev16.b", .vec = reverse<2, uint8_t>}, {}, {}, {}}};
constexpr Set kRev32{{Helper{.name = "rev32.b", .vec = reverse<4, uint8_t>},
                      Helper{.name = "rev32.h", .vec = reverse<4, uint16_t>},
                      {},
                      {}}};
constexpr Set kRev64{{Helper{.name = "rev64.b", .vec = reverse<8, uint8_t>},
                      Helper{.name = "rev64.h", .vec = reverse<8, uint16_t>},
                      Helper{.name = "rev64.s", .vec = reverse<8, uint32_t>},
                      {}}};

constexpr auto kSum = [](auto l) { return l.a + l.b; };
constexpr auto kSumOnto = [](auto l) { return u(l.d) + u(l.a) + u(l.b); };
constexpr Set kSaddlp = make<PairwiseLong, "saddlp", SignedBhs>(kSum);
constexpr Set kUaddlp = make<PairwiseLong, "uaddlp", UnsignedBhs>(kSum);
constexpr Set kSadalp = make<PairwiseLong, "sadalp", SignedBhs, kReadsDst>(kSumOnto);
constexpr Set kUadalp = make<PairwiseLong, "uadalp", UnsignedBhs, kReadsDst>(kSumOnto);

constexpr auto kUSum = [](auto l) { return u(l.a) + u(l.b); };
constexpr auto kUDiff = [](auto l) { return u(l.a) - u(l.b); };
constexpr Set kSaddl = make<Lengthen, "saddl", SignedBhs>(kUSum);
constexpr Set kUaddl = make<Lengthen, "uaddl", UnsignedBhs>(kUSum);
constexpr Set kSaddw = make<Widen, "saddw", SignedBhs>(kUSum);
constexpr Set kUaddw = make<Widen, "uaddw", UnsignedBhs>(kUSum);
constexpr Set kSsubl = make<Lengthen, "ssubl", SignedBhs>(kUDiff);
constexpr Set kUsubl = make<Lengthen, "usubl", UnsignedBhs>(kUDiff);
constexpr Set kSsubw = make<Widen, "ssubw", SignedBhs>(kUDiff);
constexpr Set kUsubw = make<Widen, "usubw", UnsignedBhs>(kUDiff);

// The high half of a wide sum or difference.
template <class W>
W high(W x, bool round) {
  constexpr unsigned n = sizeof(W) * 4;
  return static_cast<W>(static_cast<W>(x + (round ? W{1} << (n - 1) : W{0})) >> n);
}
constexpr Set kAddhn = make<Narrow, "addhn", UnsignedBhs>([](auto l) { return high<decltype(l.a)>(l.a + l.b, false); });
constexpr Set kRaddhn =
    make<Narrow, "raddhn", UnsignedBhs>([](auto l) { return high<decltype(l.a)>(l.a + l.b, true); });
constexpr Set kSubhn = make<Narrow, "subhn", UnsignedBhs>([](auto l) { return high<decltype(l.a)>(l.a - l.b, false); });
constexpr Set kRsubhn =
    make<Narrow, "rsubhn", UnsignedBhs>([](auto l) { return high<decltype(l.a)>(l.a - l.b, true); });

// The operands of a lengthening product fit half the lanes: it cannot overflow, the sums may wrap.
constexpr auto kProduct = [](auto l) { return l.a * l.b; };
constexpr auto kProductOnto = [](auto l) { return uint64_t{u(l.d)} + uint64_t{u(l.a)} * u(l.b); };
constexpr auto kProductOff = [](auto l) { return uint64_t{u(l.d)} - uint64_t{u(l.a)} * u(l.b); };
constexpr Set kSmull = make<Lengthen, "smull", SignedBhs>(kProduct);
constexpr Set kUmull = make<Lengthen, "umull", UnsignedBhs>(kProduct);
constexpr Set kSmlal = make<Lengthen, "smlal", SignedBhs, kReadsDst>(kProductOnto);
constexpr Set kUmlal = make<Lengthen, "umlal", UnsignedBhs, kReadsDst>(kProductOnto);
constexpr Set kSmlsl = make<Lengthen, "smlsl", SignedBhs, kReadsDst>(kProductOff);
constexpr Set kUmlsl = make<Lengthen, "umlsl", UnsignedBhs, kReadsDst>(kProductOff);
constexpr Set kSqdmull =
    make<Lengthen, "sqdmull", SignedHs, kState>([](auto l) { return saturate<decltype(l.a)>(l.s, doubled(l.a, l.b)); });
constexpr Set kSqdmlal = make<Lengthen, "sqdmlal", SignedHs, kState | kReadsDst>([](auto l) {
  using T = decltype(l.a);
  return saturate<T>(l.s, i128{l.d} + saturate<T>(l.s, doubled(l.a, l.b)));
});
constexpr Set kSqdmlsl = make<Lengthen, "sqdmlsl", SignedHs, kState | kReadsDst>([](auto l) {
  using T = decltype(l.a);
  return saturate<T>(l.s, i128{l.d} - saturate<T>(l.s, doubled(l.a, l.b)));
});

// 64 bits times 64 bits: the lower or the upper doublewords.
constexpr auto kPmullD = [](Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const uint64_t x = (imm & 3) == kFull ? a.hi : a.lo, y = (imm & 3) == kFull ? b.hi : b.lo;
  Vec r;
  for (unsigned i = 0; i < 64; ++i)
    if (y >> i & 1) r.lo ^= x << i, r.hi ^= i == 0 ? 0 : x >> (64 - i);
  d = r;
};
constexpr Set kPmull{{make<Lengthen, "pmull", Bytes>([](auto l) { return carryless<uint16_t>(l.a, l.b); }).h[0],
                      {},
                      {},
                      Helper{.name = "pmull.d", .vec = kPmullD}}};

constexpr Set kXtn = make<Narrow, "xtn", UnsignedBhs>([](auto l) { return l.a; });
template <class W>
using narrow_of =
    std::conditional_t<sizeof(W) == 2, std::conditional_t<std::is_signed_v<W>, int8_t, uint8_t>,
                       std::conditional_t<sizeof(W) == 4, std::conditional_t<std::is_signed_v<W>, int16_t, uint16_t>,
                                          std::conditional_t<std::is_signed_v<W>, int32_t, uint32_t>>>;
constexpr auto kNarrowed = [](auto l) { return saturate<narrow_of<decltype(l.a)>>(l.s, i128{l.a}); };
constexpr Set kSqxtn = make<Narrow, "sqxtn", SignedBhs, kState>(kNarrowed);
constexpr Set kUqxtn = make<Narrow, "uqxtn", UnsignedBhs, kState>(kNarrowed);
constexpr Set kSqxtun = make<Narrow, "sqxtun", SignedBhs, kState>(
    [](auto l) { return saturate<std::make_unsigned_t<narrow_of<decltype(l.a)>>>(l.s, i128{l.a}); });
// SHLL: by the width of the narrow element.
constexpr Set kShll = make<Lengthen, "shll", UnsignedBhs>([](auto l) { return uint64_t{l.a} << (sizeof(l.a) * 4); });

}  // namespace deferscope::isa::arm64
