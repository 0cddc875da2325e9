// Loads and stores of one and two registers (C4.1, "Loads and Stores").
#include "isa/arm64/loads_stores.h"

namespace deferscope::isa::arm64 {
namespace {

bool is_load(Access a) {
  return a.kind == Access::Load || a.kind == Access::LoadSigned64 || a.kind == Access::LoadSigned32;
}
bool is_vector(Access a) { return a.kind == Access::StoreVector || a.kind == Access::LoadVector; }
Ext extension(Access a) {
  return a.kind == Access::LoadSigned64 ? Ext::Sign64 : a.kind == Access::LoadSigned32 ? Ext::Sign32 : Ext::Zero;
}

void one(Emit& e, Access a, Mem mem, uint32_t t) {
  const unsigned bytes = 1u << a.log;
  switch (a.kind) {
    case Access::Store: return e.store(bytes, src(t), mem);
    case Access::StoreVector: return e.store_v(bytes, vec(t), mem);
    case Access::LoadVector: return e.load_v(bytes, vec(t), mem);
    case Access::Prefetch: e.op(Op::Nop, 8); return;
    default: e.load(Op::Load, bytes, dest(t), mem, extension(a)); return;
  }
}

Mem at(uint32_t n, int64_t disp) { return Mem{sp(n), kZero, kZero, 0, disp}; }

// Base and loaded register the same: architecturally unpredictable. Here the load wins.
void write_back(Emit& e, uint32_t n, bool base_loaded, int64_t change) {
  if (!base_loaded) e.rri(Op::Add, 8, sp(n), sp(n), change);
}

}  // namespace

void access(Emit& e, Access a, uint32_t n, int64_t offset, uint32_t t, bool wback, int64_t change) {
  one(e, a, at(n, offset), t);
  if (wback) write_back(e, n, is_load(a) && n == t && n != 31, change);
}

void access_literal(Emit& e, Access a, int64_t offset, uint32_t t) {
  one(e, a, Mem{kZero, kZero, kZero, 0, e.relative(offset)}, t);
}

void access_register(Emit& e, Access a, uint32_t m, uint32_t option, bool scaled, uint32_t n, uint32_t t) {
  if (!(option & 2)) return e.undefined();
  Reg index = src(m);
  if (!(option & 1) && a.kind != Access::Prefetch) {  // UXTW, SXTW
    e.extract(option & 4 ? Op::Sbfx : Op::Ubfx, 8, kT0, index, 0, 32);
    index = kT0;
  }
  one(e, a, Mem{sp(n), index, kZero, static_cast<uint8_t>(scaled ? a.log : 0), 0}, t);
}

void access_pair(Emit& e, Access a, uint32_t n, int64_t offset, uint32_t t, uint32_t t2, bool wback, int64_t change) {
  Uop& u = e.op(Op::Nop, 1u << a.log);
  u.mem = at(n, offset);
  if (is_load(a)) {
    u.op = Op::LoadPair, u.dst = dest(t), u.dst2 = dest(t2), u.ext = extension(a);
  } else if (a.kind == Access::Store) {
    u.op = Op::StorePair, u.a = src(t), u.b = src(t2);
  } else if (a.kind == Access::LoadVector) {
    u.op = Op::LoadVPair, u.dst = vec(t), u.dst2 = vec(t2);
  } else {
    u.op = Op::StoreVPair, u.a = vec(t), u.b = vec(t2);
  }
  if (wback) write_back(e, n, !is_vector(a) && is_load(a) && n != 31 && (n == t || n == t2), change);
}

}  // namespace deferscope::isa::arm64
