#include "runtime_model/sources.h"

#include <algorithm>

#include "runtime_model/program.h"

namespace deferscope::model {
namespace {

using isa::Op;

constexpr unsigned kIntegers = 16, kFloats = 16;
constexpr isa::Reg kAmd64[] = {isa::kRax, isa::kRbx, isa::kRcx, isa::kRdi, isa::kRsi, 8, 9, 10, 11};
constexpr const char* kAmd64Names[] = {"AX", "BX", "CX", "DI", "SI", "R8", "R9", "R10", "R11"};
constexpr const char* kArm64Names[] = {"R0", "R1", "R2",  "R3",  "R4",  "R5",  "R6",  "R7",
                                       "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"};
constexpr const char* kAmd64Floats[] = {"X0", "X1", "X2",  "X3",  "X4",  "X5",  "X6",  "X7",
                                        "X8", "X9", "X10", "X11", "X12", "X13", "X14", "X15"};
constexpr const char* kArm64Floats[] = {"F0", "F1", "F2",  "F3",  "F4",  "F5",  "F6",  "F7",
                                        "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F15"};
constexpr int kMaxExit = 2000;  // instructions from deferreturn to the RET

bool writes_vector(Op op) {
  return op == Op::LoadV || op == Op::LoadVPair || op == Op::VecOp || op == Op::VecPut || op == Op::VecFp;
}

std::optional<int64_t> from_sp(const Insn& i, const isa::Mem& m, isa::Reg sp) {
  if (m.seg != isa::kZero || m.index != isa::kZero) return std::nullopt;
  if (m.base == sp) return m.disp;
  if (m.base >= isa::kRegs || !i.known->from_sp[m.base]) return std::nullopt;
  return *i.known->from_sp[m.base] + m.disp;
}

}  // namespace

isa::Reg abi_register(bool amd64, unsigned index) {
  if (!amd64) return index < kIntegers ? static_cast<isa::Reg>(index) : isa::kZero;
  return index < std::size(kAmd64) ? kAmd64[index] : isa::kZero;
}

const char* abi_register_name(bool amd64, bool floating, unsigned index) {
  if (floating) return index >= kFloats ? "?" : amd64 ? kAmd64Floats[index] : kArm64Floats[index];
  if (amd64) return index < std::size(kAmd64Names) ? kAmd64Names[index] : "?";
  return index < kIntegers ? kArm64Names[index] : "?";
}

// --- following ---

std::optional<int64_t> Sources::frame_offset(const Insn& i, const isa::Mem& m) const { return from_sp(i, m, sp_); }

Source Sources::loaded(const Insn& i, const isa::Mem& m, int64_t plus, uint8_t width) const {
  if (const auto at = left_ ? std::nullopt : frame_offset(i, m)) {
    const auto known = stored_.find(*at + plus);
    if (known != stored_.end() && known->second.width == width) return known->second;
    return {Source::frame, width, *at + plus, 0};
  }
  if (m.seg != isa::kZero || m.index != isa::kZero) return {};
  const Source base = of(m.base);
  if (base.kind == Source::frame && base.width == 8) return {Source::behind, width, base.offset, m.disp + plus};
  if (base.kind == Source::closure && m.disp + plus) return {Source::captured, width, m.disp + plus, 0};
  return {};
}

void Sources::load(const Insn& i, const isa::Uop& u) {
  const Source one = loaded(i, u.mem, 0, u.width), two = loaded(i, u.mem, u.width, u.width);
  const bool pair = u.op == Op::LoadPair || u.op == Op::LoadVPair;
  if (u.op == Op::LoadV || u.op == Op::LoadVPair) {
    if (u.dst < vectors_.size()) vectors_[u.dst] = one;
    if (pair && u.dst2 < vectors_.size()) vectors_[u.dst2] = two;
    return;
  }
  set(u.dst, one);
  if (pair) set(u.dst2, two);
}

void Sources::store(const Insn& i, const isa::Uop& u) {
  const auto at = left_ ? std::nullopt : frame_offset(i, u.mem);
  if (!at) return;
  const auto put = [&](int64_t offset, Source s) {
    s.width = u.width;
    stored_[offset] = s;
  };
  const auto vector = [&](isa::Reg r) { return of_vector(r); };
  switch (u.op) {
    case Op::Store: return put(*at, u.b_imm ? Source{} : of(u.b));
    case Op::StorePair: return put(*at, of(u.a)), put(*at + u.width, of(u.b));
    case Op::StoreV: return put(*at, vector(u.a));
    case Op::StoreVPair: return put(*at, vector(u.a)), put(*at + u.width, vector(u.b));
    default: return;
  }
}

void Sources::see(const Insn& i) {
  for (unsigned n = 0; n < i.in->count; ++n) {
    const isa::Uop& u = i.in->uops[n];
    switch (u.op) {
      case Op::Load:
      case Op::LoadPair:
      case Op::LoadV:
      case Op::LoadVPair: load(i, u); continue;
      case Op::Store:
      case Op::StorePair:
      case Op::StoreV:
      case Op::StoreVPair: store(i, u); continue;
      case Op::Mov:
        if (u.dst == sp_) left_ = true;
        set(u.dst, !u.b_imm && u.width == 8 ? of(u.b) : Source{});
        continue;
      default: break;
    }
    if (writes_vector(u.op)) {
      if (u.dst < vectors_.size()) vectors_[u.dst] = {};
      continue;
    }
    if (u.dst == sp_) left_ = true;
    set(u.dst, {});
    set(u.dst2, {});
  }
}

// --- results ---

ResultPlaces result_places(const Program& p, const Function& f) {
  ResultPlaces out;
  if (!f.f.deferreturn) return out;
  const bool amd64 = p.amd64();
  uint64_t from = f.f.entry + f.f.deferreturn - static_cast<uint64_t>(amd64 ? p.mech().deferreturn_call_off : 0);
  Sources s(amd64);
  bool called = false, ends = false, whole = true;
  int left = kMaxExit;
  for (int jumps = 0; from && jumps < 8; ++jumps) {
    const uint64_t begin = std::exchange(from, 0);
    each_instruction(p.image(), begin, f.f.end, [&](const Insn& i) {
      if (!called) return called = true, as_call(i).has_value();
      if (is_return(i)) return ends = true, false;
      if (const auto j = as_jump(i)) return from = f.f.contains(*j) ? *j : 0, false;
      if (as_call(i) || jump_target(i) || --left < 0) return whole = false;
      s.see(i);
      return true;
    });
  }
  out.read = ends && whole;
  if (!out.read) return out;
  for (const auto& [offset, from_where] : s.stored())
    if (from_where.kind == Source::behind || from_where.kind == Source::frame) out.stack[offset] = from_where;
  const auto memory = [&](const Source& x) {
    return (x.kind == Source::frame || x.kind == Source::behind) &&
           std::none_of(out.stack.begin(), out.stack.end(), [&](const auto& y) { return y.second == x; });
  };
  if (p.register_abi()) {
    for (unsigned n = 0; n < kIntegers && memory(s.of(abi_register(amd64, n))); ++n)
      out.integers.push_back(s.of(abi_register(amd64, n)));
    for (unsigned n = 0; n < kFloats && memory(s.of_vector(n)); ++n) out.floats.push_back(s.of_vector(n));
  }
  return out;
}

namespace {

// Bytes of zero that a store writes: 0 if it writes anything else. The compiler's zero vector is X15 (1.17+ amd64);
// before, it clears one just ahead.
unsigned zero_bytes(const Insn& i, const isa::Uop& u, const Program& p) {
  const auto zero = [&](isa::Reg r) { return r == isa::kZero || (r < isa::kRegs && i.known->constant[r] == 0u); };
  switch (u.op) {
    case Op::Store: return (u.b_imm ? u.imm == 0 : zero(u.b)) ? u.width : 0;
    case Op::StorePair: return zero(u.a) && zero(u.b) ? 2u * u.width : 0;
    case Op::StoreV: return p.amd64() && (u.a == 15 || !p.register_abi()) ? u.width : 0;
    default: return 0;
  }
}

}  // namespace

// In the prologue parameters are read before they are written.
std::map<int64_t, uint8_t> zeroed_results(const Program& p, const Function& f) {
  std::map<int64_t, uint8_t> out;
  if (f.f.args <= 0) return out;
  const isa::Reg sp = p.amd64() ? isa::kRsp : isa::kSp;
  std::map<int64_t, bool> read;
  each_instruction(p.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    if (const auto c = as_call(i)) {  // arm64 1.17 clears the frame by one
      const Function* target = c->target ? p.function_at(c->target) : nullptr;
      return target && target->name() == "runtime.duffzero";
    }
    const auto delta = p.sp_delta(f, i.pc);
    if (!delta) return false;
    const int64_t first = *delta + (p.amd64() ? 8 : 0) + arguments_above(p.amd64());
    for (unsigned n = 0; n < i.in->count; ++n) {
      const isa::Uop& u = i.in->uops[n];
      const auto at = from_sp(i, u.mem, sp);
      if (!at || *at < first || *at >= first + f.f.args) continue;
      if (u.op == Op::Load || u.op == Op::LoadPair || u.op == Op::LoadV) read[*at - first] = true;
      const unsigned bytes = *delta == 0 || read.count(*at - first) ? 0 : zero_bytes(i, u, p);
      for (unsigned part = 0; part < bytes; part += 8) out[*at + part] = static_cast<uint8_t>(std::min(8u, bytes));
    }
    return true;
  });
  return out;
}

}  // namespace deferscope::model
