// Loads and stores: what an access is, and the lifts of the addressing modes, instantiated for each access.
#pragma once
#include "isa/arm64/table.h"

namespace deferscope::isa::arm64 {

struct Access {
  enum Kind : uint8_t { Store, Load, LoadSigned64, LoadSigned32, StoreVector, LoadVector, Prefetch } kind;
  uint8_t log;  // log2 of the bytes of one register
};

inline constexpr Access kStrb{Access::Store, 0}, kLdrb{Access::Load, 0}, kLdrsbX{Access::LoadSigned64, 0},
    kLdrsbW{Access::LoadSigned32, 0}, kStrh{Access::Store, 1}, kLdrh{Access::Load, 1}, kLdrshX{Access::LoadSigned64, 1},
    kLdrshW{Access::LoadSigned32, 1}, kStrW{Access::Store, 2}, kLdrW{Access::Load, 2}, kLdrsw{Access::LoadSigned64, 2},
    kStrX{Access::Store, 3}, kLdrX{Access::Load, 3}, kPrfm{Access::Prefetch, 3};
inline constexpr Access kStrB{Access::StoreVector, 0}, kLdrB{Access::LoadVector, 0}, kStrH{Access::StoreVector, 1},
    kLdrH{Access::LoadVector, 1}, kStrS{Access::StoreVector, 2}, kLdrS{Access::LoadVector, 2},
    kStrD{Access::StoreVector, 3}, kLdrD{Access::LoadVector, 3}, kStrQ{Access::StoreVector, 4},
    kLdrQ{Access::LoadVector, 4};

// One access at [n + offset]; then, if `wback`, n += change.
void access(Emit& e, Access a, uint32_t n, int64_t offset, uint32_t t, bool wback, int64_t change);
void access_literal(Emit& e, Access a, int64_t offset, uint32_t t);
void access_register(Emit& e, Access a, uint32_t m, uint32_t option, bool scaled, uint32_t n, uint32_t t);
void access_pair(Emit& e, Access a, uint32_t n, int64_t offset, uint32_t t, uint32_t t2, bool wback, int64_t change);

template <Access A>
void unsigned_offset(Emit& e, Bits<12> i, B5 n, B5 t) {
  access(e, A, n, static_cast<int64_t>(i) << A.log, t, false, 0);
}
template <Access A>
void unscaled(Emit& e, Bits<9> i, B5 n, B5 t) {
  access(e, A, n, i.sign_extended(), t, false, 0);
}
template <Access A>
void post_index(Emit& e, Bits<9> i, B5 n, B5 t) {
  access(e, A, n, 0, t, true, i.sign_extended());
}
template <Access A>
void pre_index(Emit& e, Bits<9> i, B5 n, B5 t) {
  access(e, A, n, i.sign_extended(), t, true, i.sign_extended());
}
template <Access A>
void register_offset(Emit& e, B5 m, B3 option, Bit s, B5 n, B5 t) {
  access_register(e, A, m, option, s, n, t);
}
template <Access A>
void literal(Emit& e, Bits<19> i, B5 t) {
  access_literal(e, A, i.sign_extended() * 4, t);
}
template <Access A>
void pair_offset(Emit& e, Bits<7> i, B5 t2, B5 n, B5 t) {
  access_pair(e, A, n, i.sign_extended() * (1 << A.log), t, t2, false, 0);
}
template <Access A>
void pair_post(Emit& e, Bits<7> i, B5 t2, B5 n, B5 t) {
  access_pair(e, A, n, 0, t, t2, true, i.sign_extended() * (1 << A.log));
}
template <Access A>
void pair_pre(Emit& e, Bits<7> i, B5 t2, B5 n, B5 t) {
  access_pair(e, A, n, i.sign_extended() * (1 << A.log), t, t2, true, i.sign_extended() * (1 << A.log));
}

// LD1…LD4, ST1…ST4 of whole registers: `count` registers from t on; `interleaved` unless LD1, ST1. In the post-index
// form m = 31 adds the bytes transferred. `size` is the element's.
void structures(Emit& e, bool load, unsigned count, bool interleaved, bool q, uint32_t size, uint32_t n, uint32_t t);
// The same for one lane of each register, and for LD1R…LD4R.
void structure_lane(Emit& e, bool load, unsigned count, uint32_t size, unsigned lane, uint32_t n, uint32_t t);
void structure_replicate(Emit& e, unsigned count, bool q, uint32_t size, uint32_t n, uint32_t t);
void advance(Emit& e, uint32_t n, uint32_t m, unsigned bytes);
// Size and lane of the single-structure forms (scale 0: B, 1: H, 2: S or D); false if reserved.
bool lane_of(unsigned scale, bool q, bool s, uint32_t size, uint32_t& log, unsigned& lane);

template <bool Load, unsigned Count, bool Interleaved>
void multiple(Emit& e, Bit q, B2 size, B5 n, B5 t) {
  if (Interleaved && size == 3 && !q) return e.undefined();
  structures(e, Load, Count, Interleaved, q, size, n, t);
}
template <bool Load, unsigned Count, bool Interleaved>
void multiple_post(Emit& e, Bit q, B5 m, B2 size, B5 n, B5 t) {
  if (Interleaved && size == 3 && !q) return e.undefined();
  structures(e, Load, Count, Interleaved, q, size, n, t);
  advance(e, n, m, Count * (q ? 16 : 8));
}
template <bool Load, unsigned Count, unsigned Scale>
void single(Emit& e, Bit q, Bit s, B2 size, B5 n, B5 t) {
  uint32_t log;
  unsigned lane;
  if (!lane_of(Scale, q, s, size, log, lane)) return e.undefined();
  structure_lane(e, Load, Count, log, lane, n, t);
}
template <bool Load, unsigned Count, unsigned Scale>
void single_post(Emit& e, Bit q, B5 m, Bit s, B2 size, B5 n, B5 t) {
  uint32_t log;
  unsigned lane;
  if (!lane_of(Scale, q, s, size, log, lane)) return e.undefined();
  structure_lane(e, Load, Count, log, lane, n, t);
  advance(e, n, m, Count << log);
}
template <unsigned Count>
void replicate(Emit& e, Bit q, B2 size, B5 n, B5 t) {
  structure_replicate(e, Count, q, size, n, t);
}
template <unsigned Count>
void replicate_post(Emit& e, Bit q, B5 m, B2 size, B5 n, B5 t) {
  structure_replicate(e, Count, q, size, n, t);
  advance(e, n, m, Count << size);
}

}  // namespace deferscope::isa::arm64
