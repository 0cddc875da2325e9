// Instructions that save and restore the state of x87, SSE and AVX as a whole: FXSAVE and XSAVE (fpu_area.h), and x87's
// own environment:
//   28 bytes: control, status, tags (two bits a register), and addresses, each in 4 bytes (with prefix 66: in 2)
//   behind it, of FNSAVE and FRSTOR: ST(0)…ST(7), 10 bytes each
#include <algorithm>
#include <cstring>

#include "isa/x86_64/fpu_area.h"
#include "isa/x86_64/rows.h"
#include "isa/x86_64/x87_float.h"

namespace deferscope::isa::x86_64 {
namespace {

// ---- FXSAVE, FXRSTOR

Fault fxsave(CpuState& s, uint8_t* area, const Uop&) {
  put_x87(area, s.x87);
  put_mxcsr(area, s);
  put_xmm(area, s);
  return Fault::None;
}

Fault fxrstor(CpuState& s, uint8_t* area, const Uop&) {
  const uint32_t mxcsr = get_mxcsr(area);
  if (mxcsr & ~kMxcsrBits) return Fault::Privileged;
  s.x87 = get_x87(area);
  s.mxcsr = mxcsr;
  get_xmm(area, s);
  return Fault::None;
}

// ---- XSAVE, XRSTOR: the parts in EDX:EAX that there are

uint64_t requested(const CpuState& s) { return s.r[kRax] & (kX87Part | kSsePart | kAvxPart); }

Fault xsave(CpuState& s, uint8_t* area, const Uop&) {
  const uint64_t parts = requested(s);
  if (parts & kX87Part) {
    uint8_t mxcsr[8];
    std::memcpy(mxcsr, area + 24, sizeof mxcsr);
    put_x87(area, s.x87);
    std::memcpy(area + 24, mxcsr, sizeof mxcsr);
  }
  if (parts & (kSsePart | kAvxPart)) put_mxcsr(area, s);
  if (parts & kSsePart) put_xmm(area, s);
  if (parts & kAvxPart) put_ymm(area, s);
  uint64_t used;
  std::memcpy(&used, area + kXsaveHeader, sizeof used);
  used = (used & ~parts) | (parts_in_use(s) & parts);
  std::memcpy(area + kXsaveHeader, &used, sizeof used);
  return Fault::None;
}

Fault xrstor(CpuState& s, uint8_t* area, const Uop&) {
  uint64_t header[3];
  std::memcpy(header, area + kXsaveHeader, sizeof header);
  const uint64_t parts = requested(s), there = header[0] & parts;
  if (header[0] & ~(kX87Part | kSsePart | kAvxPart) || header[1] != 0 || header[2] != 0) return Fault::Privileged;
  if (parts & (kSsePart | kAvxPart)) {
    if (get_mxcsr(area) & ~kMxcsrBits) return Fault::Privileged;
    s.mxcsr = get_mxcsr(area);
  }
  if (parts & kX87Part) s.x87 = there & kX87Part ? get_x87(area) : X87{};
  if (parts & kSsePart) std::fill_n(s.v.begin(), 16, Vec{});
  if (parts & kAvxPart) std::fill_n(s.v.begin() + kUpper, 16, Vec{});
  if (there & kSsePart) get_xmm(area, s);
  if (there & kAvxPart) get_ymm(area, s);
  return Fault::None;
}

// ---- FNSTENV, FLDENV, FNSAVE, FRSTOR

// Two bits a register, in their order: 0 a number, 1 zero, 2 something special, 3 empty
uint16_t tag_word(const X87& f) {
  unsigned tags = 0;
  for (unsigned r = 0; r < 8; ++r) {
    const x87::Class k = x87::class_of({f.significand[r], f.exponent[r]});
    const unsigned tag = !(f.full >> r & 1) ? 3 : k == x87::Class::Normal ? 0 : k == x87::Class::Zero ? 1 : 2;
    tags |= tag << (2 * r);
  }
  return static_cast<uint16_t>(tags);
}

// Words of an environment: of 2 bytes, or of 4 whose upper half is all ones but for the addresses'.
unsigned word_bytes(const Uop& u) { return static_cast<unsigned>(u.width); }
void put_word(uint8_t* area, const Uop& u, unsigned i, uint16_t x) {
  const uint32_t word = 0xffff0000u | x;
  std::memcpy(area + i * word_bytes(u), &word, word_bytes(u));
}
uint16_t get_word(const uint8_t* area, const Uop& u, unsigned i) {
  uint16_t x;
  std::memcpy(&x, area + i * word_bytes(u), sizeof x);
  return x;
}

Fault store_environment(CpuState& s, uint8_t* area, const Uop& u) {
  X87& f = s.x87;
  std::memset(area, 0, 7 * word_bytes(u));
  put_word(area, u, 0, f.control);
  put_word(area, u, 1, f.status);
  put_word(area, u, 2, tag_word(f));
  if (word_bytes(u) == 4) put_word(area, u, 6, 0);
  f.control |= 0x3f;
  f.status = x87_status(f.status, f.control);
  return Fault::None;
}

Fault load_environment(CpuState& s, uint8_t* area, const Uop& u) {
  X87& f = s.x87;
  f.control = x87_control(get_word(area, u, 0));
  f.status = x87_status(get_word(area, u, 1), f.control);
  f.full = 0;
  for (unsigned r = 0; r < 8; ++r)
    if ((get_word(area, u, 2) >> (2 * r) & 3) != 3) f.full = static_cast<uint8_t>(f.full | 1u << r);
  return Fault::None;
}

Fault save_all(CpuState& s, uint8_t* area, const Uop& u) {
  X87& f = s.x87;
  uint8_t* at = area + 7 * word_bytes(u);
  for (unsigned i = 0; i < 8; ++i, at += 10) {
    const unsigned r = (f.top() + i) % 8;
    std::memcpy(at, &f.significand[r], 8);
    std::memcpy(at + 8, &f.exponent[r], 2);
  }
  store_environment(s, area, u);
  f.control = 0x37f, f.status = 0, f.full = 0;
  return Fault::None;
}

Fault restore_all(CpuState& s, uint8_t* area, const Uop& u) {
  load_environment(s, area, u);
  X87& f = s.x87;
  const uint8_t* at = area + 7 * word_bytes(u);
  for (unsigned i = 0; i < 8; ++i, at += 10) {
    const unsigned r = (f.top() + i) % 8;
    std::memcpy(&f.significand[r], at, 8);
    std::memcpy(&f.exponent[r], at + 8, 2);
  }
  return Fault::None;
}

// ---- lift

Uop& area_op(Builder& b, unsigned bytes, unsigned log_alignment) {
  const Mem m = b.mem(0);
  Uop& u = b.emit(b.row.op, 8);
  u.mem = m, u.imm2 = bytes, u.helper = b.helper;
  u.aligned = log_alignment != 0, u.imm = log_alignment;
  return u;
}

void fx(Builder& b) { area_op(b, kFxsaveBytes, 4); }
void xarea(Builder& b) { area_op(b, kXsaveBytes, 6); }
// param: bytes of registers behind the environment
void environment(Builder& b) {
  const unsigned word = b.in.operand_width == 16 ? 2 : 4;
  area_op(b, 7 * word + static_cast<unsigned>(b.row.param), 0).width = static_cast<uint8_t>(word);
}

constexpr Row row(ZydisMnemonic m, void (*lift)(Builder&), Op op, const char* name,
                  Fault (*area)(CpuState&, uint8_t*, const Uop&), int64_t param = 0) {
  return Row{m, lift, op, FlagRule::None, param, Cond::Always, {.name = name, .area = area}};
}
constexpr int64_t kRegisters = 80;

const Row kFpuStateRows[] = {
    row(ZYDIS_MNEMONIC_FXSAVE, fx, Op::StoreArea, "fxsave", fxsave),
    row(ZYDIS_MNEMONIC_FXSAVE64, fx, Op::StoreArea, "fxsave", fxsave),
    row(ZYDIS_MNEMONIC_FXRSTOR, fx, Op::LoadArea, "fxrstor", fxrstor),
    row(ZYDIS_MNEMONIC_FXRSTOR64, fx, Op::LoadArea, "fxrstor", fxrstor),
    row(ZYDIS_MNEMONIC_XSAVE, xarea, Op::StoreArea, "xsave", xsave),
    row(ZYDIS_MNEMONIC_XSAVE64, xarea, Op::StoreArea, "xsave", xsave),
    row(ZYDIS_MNEMONIC_XRSTOR, xarea, Op::LoadArea, "xrstor", xrstor),
    row(ZYDIS_MNEMONIC_XRSTOR64, xarea, Op::LoadArea, "xrstor", xrstor),
    row(ZYDIS_MNEMONIC_FNSTENV, environment, Op::StoreArea, "fnstenv", store_environment),
    row(ZYDIS_MNEMONIC_FLDENV, environment, Op::LoadArea, "fldenv", load_environment),
    row(ZYDIS_MNEMONIC_FNSAVE, environment, Op::StoreArea, "fnsave", save_all, kRegisters),
    row(ZYDIS_MNEMONIC_FRSTOR, environment, Op::LoadArea, "frstor", restore_all, kRegisters),
};

}  // namespace

std::span<const Row> fpu_state_rows() { return kFpuStateRows; }

}  // namespace deferscope::isa::x86_64
