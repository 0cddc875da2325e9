// LD1…LD4, ST1…ST4, LD1R…LD4R. Everything is loaded into temporaries before the first register is written, and all
// stores are checked before the first: an access that faults leaves no trace.
#include "isa/arm64/loads_stores.h"
#include "isa/arm64/simd.h"

namespace deferscope::isa::arm64 {
namespace {

Mem at(uint32_t n, int64_t disp) { return Mem{sp(n), kZero, kZero, 0, disp}; }

void load_pair(Emit& e, unsigned width, VReg d, VReg d2, Mem mem) {
  Uop& u = e.op(Op::LoadVPair, width);
  u.dst = d, u.dst2 = d2, u.mem = mem;
}
void store_pair(Emit& e, unsigned width, VReg a, VReg b, Mem mem) {
  Uop& u = e.op(Op::StoreVPair, width);
  u.a = a, u.b = b, u.mem = mem;
}

// Elements of `count` registers kVT0… that memory holds interleaved: register r gets elements r, r + count, …
// imm: form | count << 8.
template <class T>
Fault deinterleave(CpuState& s, const Uop& u) {
  const unsigned count = static_cast<unsigned>(u.imm >> 8), n = (u.imm & 1 ? 16 : 8) / sizeof(T);
  const unsigned per = (u.imm & 1 ? 16u : 8u) / sizeof(T);
  Vec out[4];
  for (unsigned i = 0; i < n * count; ++i)
    out[i % count].template set<T>(i / count, s.v[kVT0 + i / per].template lane<T>(i % per));
  for (unsigned r = 0; r < count; ++r) s.v[kVT0 + r] = out[r];
  return Fault::None;
}
template <class T>
Fault interleave(CpuState& s, const Uop& u) {
  const unsigned count = static_cast<unsigned>(u.imm >> 8), n = (u.imm & 1 ? 16 : 8) / sizeof(T);
  Vec out[4];
  for (unsigned i = 0; i < n * count; ++i)
    out[i / n].template set<T>(i % n, s.v[kVT0 + i % count].template lane<T>(i / count));
  for (unsigned r = 0; r < count; ++r) s.v[kVT0 + r] = out[r];
  return Fault::None;
}
constexpr Helper kDeinterleave[4] = {{.name = "deinterleave.b", .any = deinterleave<uint8_t>},
                                     {.name = "deinterleave.h", .any = deinterleave<uint16_t>},
                                     {.name = "deinterleave.s", .any = deinterleave<uint32_t>},
                                     {.name = "deinterleave.d", .any = deinterleave<uint64_t>}};
constexpr Helper kInterleave[4] = {{.name = "interleave.b", .any = interleave<uint8_t>},
                                   {.name = "interleave.h", .any = interleave<uint16_t>},
                                   {.name = "interleave.s", .any = interleave<uint32_t>},
                                   {.name = "interleave.d", .any = interleave<uint64_t>}};

// `count` whole registers from first on (wrapping at 32 if it is not a temporary).
VReg nth(VReg first, unsigned i) { return first >= kVT0 ? static_cast<VReg>(first + i) : vec(first + i); }

void load_whole(Emit& e, unsigned count, unsigned width, uint32_t n, VReg to) {
  for (unsigned i = 0; i + 1 < count; i += 2)
    load_pair(e, width, nth(to, i), nth(to, i + 1), at(n, static_cast<int64_t>(i) * width));
  if (count & 1) e.load_v(width, nth(to, count - 1), at(n, static_cast<int64_t>(count - 1) * width));
}
void store_whole(Emit& e, unsigned count, unsigned width, uint32_t n, VReg from) {
  if (count > 2)
    for (unsigned i = 0; i < count; ++i) e.store_check(width, at(n, static_cast<int64_t>(i) * width));
  for (unsigned i = 0; i + 1 < count; i += 2)
    store_pair(e, width, nth(from, i), nth(from, i + 1), at(n, static_cast<int64_t>(i) * width));
  if (count & 1) e.store_v(width, nth(from, count - 1), at(n, static_cast<int64_t>(count - 1) * width));
}

}  // namespace

void structures(Emit& e, bool load, unsigned count, bool interleaved, bool q, uint32_t size, uint32_t n, uint32_t t) {
  const unsigned width = q ? 16 : 8;
  const uint64_t imm = (q ? 1u : 0u) | count << 8;
  // One op that checks before it writes needs no temporaries.
  if (!interleaved && count <= 2)
    return load ? load_whole(e, count, width, n, vec(t)) : store_whole(e, count, width, n, vec(t));
  if (load) {
    load_whole(e, count, width, n, kVT0);
    if (interleaved) e.call(kDeinterleave[size], 8, kSink, kZero, kZero, imm);
    for (unsigned i = 0; i < count; ++i)
      e.vec_op(kMovV, vec(t + i), static_cast<VReg>(kVT0 + i), static_cast<VReg>(kVT0 + i), 0);
    return;
  }
  if (!interleaved) return store_whole(e, count, width, n, vec(t));
  for (unsigned i = 0; i < count; ++i) e.vec_op(kMovV, static_cast<VReg>(kVT0 + i), vec(t + i), vec(t + i), 0);
  e.call(kInterleave[size], 8, kSink, kZero, kZero, imm);
  store_whole(e, count, width, n, kVT0);
}

bool lane_of(unsigned scale, bool q, bool s, uint32_t size, uint32_t& log, unsigned& lane) {
  const unsigned bits = (q ? 8u : 0u) | (s ? 4u : 0u) | size;  // Q:S:size
  log = scale;
  if (scale == 2 && size == 1) {
    if (s) return false;
    log = 3, lane = bits >> 3;
    return true;
  }
  if (bits & ((1u << scale) - 1)) return false;
  lane = bits >> scale;
  return true;
}

void structure_lane(Emit& e, bool load, unsigned count, uint32_t size, unsigned lane, uint32_t n, uint32_t t) {
  const unsigned width = 1u << size;
  const auto temp = [](unsigned i) { return static_cast<Reg>(kT0 + i); };
  const auto place = [&](unsigned i) { return at(n, static_cast<int64_t>(i) << size); };
  if (load) {
    for (unsigned i = 0; i < count; ++i) e.load(Op::Load, width, temp(i), place(i));
    for (unsigned i = 0; i < count; ++i) e.vec_put(kInsert[size], vec(t + i), temp(i), lane);
    return;
  }
  for (unsigned i = 0; count > 1 && i < count; ++i) e.store_check(width, place(i));
  for (unsigned i = 0; i < count; ++i) {
    e.vec_get(kExtract[size], 8, temp(i), vec(t + i), lane);
    e.store(width, temp(i), place(i));
  }
}

void structure_replicate(Emit& e, unsigned count, bool q, uint32_t size, uint32_t n, uint32_t t) {
  const auto temp = [](unsigned i) { return static_cast<Reg>(kT0 + i); };
  for (unsigned i = 0; i < count; ++i) e.load(Op::Load, 1u << size, temp(i), at(n, static_cast<int64_t>(i) << size));
  for (unsigned i = 0; i < count; ++i)
    e.vec_put(kDupReg[size], vec(t + i), temp(i), q ? kFull : size == 3 ? kScalar : kHalf);
}

void advance(Emit& e, uint32_t n, uint32_t m, unsigned bytes) {
  if (m == 31)
    e.rri(Op::Add, 8, sp(n), sp(n), bytes);
  else
    e.rrr(Op::Add, 8, sp(n), sp(n), src(m));
}

}  // namespace deferscope::isa::arm64
