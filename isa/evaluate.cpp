// The reference evaluator. Plain on purpose: one case an op, eager flags.
#include "isa/evaluate.h"

#include <algorithm>
#include <bit>

#include "isa/fp_env.h"
#include "isa/op_traits.h"

namespace deferscope::isa {

bool holds(Cond c, uint32_t f) {
  const bool cf = f & flag::CF, zf = f & flag::ZF, sf = f & flag::SF, of = f & flag::OF, pf = f & flag::PF;
  switch (c) {
    case Cond::O: return of;
    case Cond::NO: return !of;
    case Cond::B: return cf;
    case Cond::AE: return !cf;
    case Cond::E: return zf;
    case Cond::NE: return !zf;
    case Cond::BE: return cf || zf;
    case Cond::A: return !cf && !zf;
    case Cond::S: return sf;
    case Cond::NS: return !sf;
    case Cond::P: return pf;
    case Cond::NP: return !pf;
    case Cond::L: return sf != of;
    case Cond::GE: return sf == of;
    case Cond::LE: return zf || sf != of;
    case Cond::G: return !zf && sf == of;
    case Cond::ArmHi: return cf && !zf;
    case Cond::ArmLs: return !cf || zf;
    case Cond::Always: return true;
  }
  return true;
}

namespace {

using u128 = unsigned __int128;
using i128 = __int128;

uint64_t mask_of(unsigned width) { return width >= 8 ? ~uint64_t{0} : (uint64_t{1} << (width * 8)) - 1; }
uint64_t cut(uint64_t x, unsigned width) { return x & mask_of(width); }
uint64_t msb_of(unsigned width) { return uint64_t{1} << (width * 8 - 1); }
int64_t sext(uint64_t x, unsigned width) {
  const unsigned s = 64 - width * 8;
  return static_cast<int64_t>(x << s) >> s;
}

uint32_t pzs(uint64_t r, unsigned width) {  // PF ZF SF of a result
  uint32_t f = 0;
  if ((std::popcount(static_cast<uint8_t>(r)) & 1) == 0) f |= flag::PF;
  if (cut(r, width) == 0) f |= flag::ZF;
  if (r & msb_of(width)) f |= flag::SF;
  return f;
}

uint32_t add_flags(uint64_t a, uint64_t b, uint64_t carry, unsigned w) {
  a = cut(a, w), b = cut(b, w);
  const u128 wide = u128{a} + b + carry;
  const uint64_t r = cut(static_cast<uint64_t>(wide), w);
  uint32_t f = pzs(r, w);
  if (wide >> (w * 8)) f |= flag::CF;
  if ((a ^ b ^ r) & 16) f |= flag::AF;
  if (~(a ^ b) & (a ^ r) & msb_of(w)) f |= flag::OF;
  return f;
}

uint32_t sub_flags(uint64_t a, uint64_t b, uint64_t borrow, unsigned w) {
  a = cut(a, w), b = cut(b, w);
  const uint64_t r = cut(a - b - borrow, w);
  uint32_t f = pzs(r, w);
  if (u128{a} < u128{b} + borrow) f |= flag::CF;
  if ((a ^ b ^ r) & 16) f |= flag::AF;
  if ((a ^ b) & (a ^ r) & msb_of(w)) f |= flag::OF;
  return f;
}

constexpr uint32_t kNzcv = flag::N | flag::Z | flag::C | flag::V;
uint32_t add_flags_arm(uint64_t a, uint64_t b, uint64_t carry, unsigned w) { return add_flags(a, b, carry, w) & kNzcv; }
uint32_t sub_flags_arm(uint64_t a, uint64_t b, uint64_t borrow, unsigned w) {
  return (sub_flags(a, b, borrow, w) & kNzcv) ^ flag::C;
}

// What FPCR (AHP, DN, FZ, RMode) and FPSR (AArch32's NZCV, QC, IDC and the sticky five) implement; the rest is 0.
constexpr uint32_t kFpcrBits = 0x07c00000, kFpsrBits = 0xf800009f;

// One instruction's execution.
struct Evaluation {
  const Lifted& in;
  CpuState& s;
  Bus& bus;
  const CpuModel& model;
  uint64_t count;
  Outcome out{};
  uint64_t next = 0;    // pc afterwards
  uint32_t f = 0;       // flags, eager
  uint32_t raised = 0;  // by SSE, not yet in MXCSR

  uint64_t reg(Reg r) const { return r == kZero ? 0 : s.r[r]; }
  uint64_t rhs(const Uop& u) const { return u.b_imm ? static_cast<uint64_t>(u.imm) : reg(u.b); }

  void put(Reg r, uint64_t x, unsigned width) {
    if (r == kSink) return;
    uint64_t& d = s.r[r];
    d = width >= 4 ? cut(x, width) : (d & ~mask_of(width)) | cut(x, width);
  }

  uint64_t address(const Uop& u) const {
    return reg(u.mem.base) + (reg(u.mem.index) << u.mem.shift) + static_cast<uint64_t>(u.mem.disp) + reg(u.mem.seg);
  }

  bool fail(Fault fault, uint64_t at, Access access) {
    out = Outcome{Outcome::Fault, fault, access, at, 0};
    return false;
  }
  bool load(uint64_t at, void* p, unsigned n) {
    return bus.read(at, p, n) || fail(bus.fault, bus.fault_address, Access::Read);
  }
  bool store(uint64_t at, const void* p, unsigned n) {
    return bus.write(at, p, n) || fail(bus.fault, bus.fault_address, Access::Write);
  }

  void put_loaded(Reg r, uint64_t x, const Uop& u) {
    switch (u.ext) {
      case Ext::Zero: put(r, cut(x, u.width), 8); break;
      case Ext::Sign32: put(r, static_cast<uint64_t>(sext(x, u.width)), 4); break;
      case Ext::Sign64: put(r, static_cast<uint64_t>(sext(x, u.width)), 8); break;
      case Ext::Merge: put(r, x, u.width); break;
    }
  }

  // dst = x, flags by the rule of add, sub and logic.
  bool alu(const Uop& u, uint64_t x, uint32_t flags_if_any) {
    put(u.dst, x, u.width);
    if (u.flags != FlagRule::None) f = flags_if_any;
    return true;
  }

  bool run(const Uop& u);
  bool arithmetic(const Uop& u);
  bool shift(const Uop& u);
  bool multiply(const Uop& u);
  bool divide(const Uop& u);
  bool divide_wide(const Uop& u);
  bool select(const Uop& u);
  bool compare_if(const Uop& u);
  bool zeros(const Uop& u, uint64_t b, uint64_t x);
  bool lowest(const Uop& u, uint64_t x, bool carry);
  bool bits(const Uop& u);
  bool memory(const Uop& u);
  bool masked(const Uop& u);
  bool gather(const Uop& u);
  bool area(const Uop& u);
  bool exclusive(const Uop& u);
  bool control(const Uop& u);
  bool string_op(const Uop& u);
  bool system(const Uop& u);
  bool vector(const Uop& u);
  bool quiet_vector(const Uop& u);
  bool trapping_vector(const Uop& u);
  bool raise();
  Outcome all();
};

bool Evaluation::arithmetic(const Uop& u) {
  const uint64_t a = reg(u.a), b = rhs(u);
  const uint64_t cf = f & flag::CF ? 1 : 0;
  const unsigned w = u.width;
  const bool arm = u.flags == FlagRule::AddArm || u.flags == FlagRule::SubArm || u.flags == FlagRule::LogicArm;
  const auto added = [&](uint64_t c) { return arm ? add_flags_arm(a, b, c, w) : add_flags(a, b, c, w); };
  const auto subbed = [&](uint64_t c) { return arm ? sub_flags_arm(a, b, c, w) : sub_flags(a, b, c, w); };
  const auto logic = [&](uint64_t x) { return alu(u, x, arm ? pzs(x, w) & kNzcv : pzs(x, w)); };
  switch (u.op) {
    case Op::Mov: put(u.dst, b, w); return true;
    case Op::Add:
      if (u.flags == FlagRule::Inc) return alu(u, a + b, (add_flags(a, b, 0, w) & ~flag::CF) | (f & flag::CF));
      return alu(u, a + b, added(0));
    case Op::Sub:
      if (u.flags == FlagRule::Dec) return alu(u, a - b, (sub_flags(a, b, 0, w) & ~flag::CF) | (f & flag::CF));
      return alu(u, a - b, subbed(0));
    case Op::Adc: return alu(u, a + b + cf, added(cf));
    case Op::Sbb: return alu(u, a - b - cf, sub_flags(a, b, cf, w));
    case Op::Sbc: return alu(u, a - b - (1 - cf), sub_flags_arm(a, b, 1 - cf, w));
    case Op::And: return logic(a & b);
    case Op::Or: return logic(a | b);
    case Op::Xor: return logic(a ^ b);
    case Op::Bic: return logic(a & ~b);
    case Op::Orn: return logic(a | ~b);
    default: return logic(a ^ ~b);  // Eon
  }
}

bool Evaluation::shift(const Uop& u) {
  const unsigned w = u.width, n = w * 8;
  const unsigned by = static_cast<unsigned>(rhs(u)) & (w == 8 ? 63 : 31);
  const uint64_t a = cut(reg(u.a), w), msb = msb_of(w);
  uint64_t x = a;
  uint32_t cf = f & flag::CF, of = 0;
  bool rotate = false;
  switch (u.op) {
    case Op::Shl:
      x = by >= n ? 0 : a << by;
      cf = by != 0 && by <= n && (a >> (n - by)) & 1;
      of = ((cut(x, w) & msb) != 0) != (cf != 0);
      break;
    case Op::Shr:
      x = by >= n ? 0 : a >> by;
      cf = by != 0 && by <= n && (a >> (by - 1)) & 1;
      of = by != 0 && by <= n && ((a >> (by - 1) << 0) & msb) != 0;
      break;
    case Op::Sar: {
      const int64_t v = sext(a, w);
      x = static_cast<uint64_t>(v >> (by >= n ? n - 1 : by));
      cf = by != 0 && (v >> (by > n ? n - 1 : by - 1)) & 1;
      break;
    }
    case Op::Ror:
    case Op::Rol: {
      rotate = true;
      const unsigned c = by % n;
      const unsigned left = u.op == Op::Rol ? c : (n - c) % n;
      x = left == 0 ? a : (a << left) | (a >> (n - left));
      x = cut(x, w);
      cf = u.op == Op::Rol ? x & 1 : (x & msb) != 0;
      of = u.op == Op::Rol ? ((x & msb) != 0) != (cf != 0) : ((x & msb) != 0) != ((x & (msb >> 1)) != 0);
      break;
    }
    case Op::Rcl:
    case Op::Rcr: {
      rotate = true;
      unsigned c = by % (n + 1);
      uint32_t carry = f & flag::CF ? 1 : 0;
      if (u.op == Op::Rcr) of = ((x & msb) != 0) != (carry != 0);
      for (; c > 0; --c) {
        if (u.op == Op::Rcl) {
          const uint32_t top = (x & msb) != 0;
          x = cut((x << 1) | carry, w), carry = top;
        } else {
          const uint32_t low = x & 1;
          x = (x >> 1) | (carry ? msb : 0), carry = low;
        }
      }
      cf = carry;
      if (u.op == Op::Rcl)
        of = ((x & msb) != 0) != (cf != 0);
      else
        of = ((x & msb) != 0) != ((x & (msb >> 1)) != 0);
      break;
    }
    default: {  // Shld, Shrd. A 16-bit by above 16 shifts the concatenation on, as Intel does.
      const u128 fill = cut(reg(u.c), w);
      if (u.op == Op::Shld) {
        u128 both = (u128{a} << n) | fill;
        if (w == 2) both = (both << 16) | a;
        const unsigned top = w == 2 ? 48 : 2 * n;
        x = cut(static_cast<uint64_t>(both >> (top - n - by % (w == 2 ? 32 : 64))), w);
        cf = by != 0 && static_cast<uint64_t>(both >> (top - by)) & 1;
      } else {
        u128 both = (fill << n) | a;
        if (w == 2) both |= u128{a} << 32;
        x = cut(static_cast<uint64_t>(both >> by), w);
        cf = by != 0 && static_cast<uint64_t>(both >> (by - 1)) & 1;
      }
      of = ((x ^ a) & msb) != 0;
      break;
    }
  }
  put(u.dst, x, w);
  if (u.flags == FlagRule::None || by == 0) return true;
  if (u.flags == FlagRule::LogicArm) {
    f = pzs(x, w) & kNzcv;
    return true;
  }
  const uint32_t co = (cf ? flag::CF : 0) | (of ? flag::OF : 0);
  f = rotate ? (f & ~(flag::CF | flag::OF)) | co : pzs(x, w) | co;
  return true;
}

bool Evaluation::multiply(const Uop& u) {
  const unsigned w = u.width, n = w * 8;
  const uint64_t a = reg(u.a), b = rhs(u);
  switch (u.op) {
    case Op::Madd: put(u.dst, reg(u.c) + a * b, w); return true;
    case Op::Msub: put(u.dst, reg(u.c) - a * b, w); return true;
    case Op::MulHiU: put(u.dst, static_cast<uint64_t>((u128{a} * b) >> 64), w); return true;
    case Op::MulHiS:
      put(u.dst, static_cast<uint64_t>((i128{static_cast<int64_t>(a)} * static_cast<int64_t>(b)) >> 64), w);
      return true;
    default: break;
  }
  const bool is_signed = u.op != Op::MulWideU;
  const u128 wide =
      is_signed ? static_cast<u128>(i128{sext(a, w)} * i128{sext(b, w)}) : u128{cut(a, w)} * u128{cut(b, w)};
  const uint64_t low = cut(static_cast<uint64_t>(wide), w), high = cut(static_cast<uint64_t>(wide >> n), w);
  put(u.dst, low, w);
  if (u.op != Op::Mul) put(u.dst2, high, w);
  if (u.flags != FlagRule::None) {
    const uint64_t plain = is_signed && (low & msb_of(w)) ? mask_of(w) : 0;
    f = (pzs(low, w) & ~flag::ZF) | (high != plain ? flag::CF | flag::OF : 0);
  }
  return true;
}

bool Evaluation::divide_wide(const Uop& u) {
  const unsigned w = u.width, n = w * 8;
  const u128 low = w == 1 ? u128{cut(reg(u.a), 2)} : (u128{cut(reg(u.c), w)} << n) | cut(reg(u.a), w);
  const uint64_t b = cut(rhs(u), w);
  const auto error = [&] { return fail(Fault::Divide, s.pc, Access::Execute); };
  if (b == 0) return error();
  if (u.op == Op::DivWideU) {
    const u128 q = low / b;
    if (q >> n) return error();
    put(u.dst, static_cast<uint64_t>(q), w);
    put(u.dst2, static_cast<uint64_t>(low % b), w);
    return true;
  }
  const unsigned total = 2 * n;
  const i128 dividend =
      total == 128 ? static_cast<i128>(low) : static_cast<i128>(low << (128 - total)) >> (128 - total);
  const i128 divisor = sext(b, w);
  if (divisor == -1 && dividend == static_cast<i128>(u128{1} << 127)) return error();
  const i128 q = dividend / divisor;
  if (q != (static_cast<i128>(static_cast<u128>(q) << (128 - n)) >> (128 - n))) return error();
  put(u.dst, static_cast<uint64_t>(q), w);
  put(u.dst2, static_cast<uint64_t>(dividend % divisor), w);
  return true;
}

bool Evaluation::zeros(const Uop& u, uint64_t b, uint64_t x) {
  return alu(u, x, (b == 0 ? flag::CF : 0) | (x == 0 ? flag::ZF : 0));
}

bool Evaluation::lowest(const Uop& u, uint64_t x, bool carry) {
  return alu(u, x, (pzs(x, u.width) & ~flag::PF) | (carry ? flag::CF : 0));
}

bool Evaluation::bits(const Uop& u) {
  const unsigned w = u.width, n = w * 8;
  const uint64_t a = reg(u.a), b = cut(rhs(u), w);
  const unsigned lsb = static_cast<unsigned>(u.imm) & 255, len = static_cast<unsigned>(u.imm >> 8) & 255;
  const uint64_t field = len >= 64 ? ~uint64_t{0} : (uint64_t{1} << len) - 1;
  switch (u.op) {
    case Op::Clz: return zeros(u, b, b == 0 ? n : static_cast<unsigned>(std::countl_zero(b)) - (64 - n));
    case Op::Ctz: return zeros(u, b, b == 0 ? n : static_cast<unsigned>(std::countr_zero(b)));
    case Op::Blsi: return lowest(u, b & (0 - b), b != 0);
    case Op::Blsmsk: return lowest(u, b ^ (b - 1), b == 0);
    case Op::Blsr: return lowest(u, b & (b - 1), b == 0);
    case Op::Cls: {
      const uint64_t x = cut(b ^ (static_cast<uint64_t>(sext(b, w) >> 1)), w);
      put(u.dst, (x == 0 ? n : static_cast<unsigned>(std::countl_zero(x)) - (64 - n)) - 1, w);
      return true;
    }
    case Op::Rbit: {
      uint64_t x = 0;
      for (unsigned i = 0; i < n; ++i) x |= ((b >> i) & 1) << (n - 1 - i);
      put(u.dst, x, w);
      return true;
    }
    case Op::Bswap: put(u.dst, __builtin_bswap64(b) >> (64 - n), w); return true;
    case Op::Rev16: put(u.dst, ((b & 0x00ff00ff00ff00ff) << 8) | ((b >> 8) & 0x00ff00ff00ff00ff), w); return true;
    case Op::Rev32: put(u.dst, (__builtin_bswap64(b) << 32) | (__builtin_bswap64(b) >> 32), w); return true;
    case Op::Popcnt:
      put(u.dst, static_cast<unsigned>(std::popcount(b)), w);
      if (u.flags != FlagRule::None) f = b == 0 ? flag::ZF : 0;
      return true;
    case Op::Bsf:
    case Op::Bsr: {
      if (b == 0) {
        if (w == 4) put(u.dst, a, 8);  // Intel leaves the whole register
        f = flag::ZF | flag::PF;
        return true;
      }
      const uint64_t x = u.op == Op::Bsf ? static_cast<unsigned>(std::countr_zero(b))
                                         : 63 - static_cast<unsigned>(std::countl_zero(b));
      put(u.dst, x, w);
      f = pzs(x, w) & ~flag::ZF;
      return true;
    }
    case Op::Bt:
    case Op::Bts:
    case Op::Btr:
    case Op::Btc: {
      const uint64_t bit = uint64_t{1} << (rhs(u) & (n - 1));
      f = (f & ~flag::CF) | (a & bit ? flag::CF : 0);
      if (u.op == Op::Bts) put(u.dst, a | bit, w);
      if (u.op == Op::Btr) put(u.dst, a & ~bit, w);
      if (u.op == Op::Btc) put(u.dst, a ^ bit, w);
      return true;
    }
    case Op::Ubfx: put(u.dst, (a >> lsb) & field, w); return true;
    case Op::Sbfx:
      put(u.dst, static_cast<uint64_t>(static_cast<int64_t>((a >> lsb) << (64 - len)) >> (64 - len)), w);
      return true;
    default: put(u.dst, (a & ~(field << lsb)) | ((reg(u.b) & field) << lsb), w); return true;  // Bfi
  }
}

bool Evaluation::exclusive(const Uop& u) {
  if (u.op == Op::ClrEx) {
    s.monitor = Monitor{};
    return true;
  }
  const uint64_t at = address(u);
  const bool pair = u.op == Op::LoadExPair || u.op == Op::StoreExPair;
  const unsigned size = pair ? 2u * u.width : u.width;
  if (at % size != 0)
    return fail(Fault::Alignment, at, u.op == Op::LoadEx || u.op == Op::LoadExPair ? Access::Read : Access::Write);
  uint64_t two[2] = {};
  if (u.op == Op::LoadEx || u.op == Op::LoadExPair) {
    uint8_t bytes[16] = {};
    if (!load(at, bytes, size)) return false;
    std::memcpy(&two[0], bytes, u.width);
    if (pair) std::memcpy(&two[1], bytes + u.width, u.width);
    put_loaded(u.dst, two[0], u);
    if (pair) put_loaded(u.dst2, two[1], u);
    s.monitor = Monitor{at, static_cast<uint8_t>(size)};
    return true;
  }
  const bool held = s.monitor.size == size && s.monitor.address == at;
  if (held) {
    uint8_t bytes[16];
    two[0] = reg(u.a), two[1] = reg(u.b);
    std::memcpy(bytes, &two[0], u.width);
    if (pair) std::memcpy(bytes + u.width, &two[1], u.width);
    if (!store(at, bytes, size)) return false;
  } else if (!bus.check_write(at, size)) {
    return fail(bus.fault, bus.fault_address, Access::Write);
  }
  s.monitor = Monitor{};
  put(u.dst, held ? 0 : 1, 4);
  return true;
}

bool Evaluation::memory(const Uop& u) {
  const uint64_t at = address(u);
  const unsigned w = u.width;
  uint64_t x = 0, y = 0;
  switch (u.op) {
    case Op::Load:
    case Op::LoadRmw:
      // Write permission first: of an operand across a read-only page and a hole the first page faults.
      if (u.op == Op::LoadRmw && !bus.check_write(at, w)) return fail(bus.fault, bus.fault_address, Access::Write);
      if (!load(at, &x, w)) return false;
      put_loaded(u.dst, x, u);
      return true;
    case Op::Store: x = rhs(u); return store(at, &x, w);
    case Op::StoreCheck: return bus.check_write(at, w) || fail(bus.fault, bus.fault_address, Access::Write);
    case Op::LoadPair: {
      uint8_t bytes[16];
      if (!load(at, bytes, 2 * w)) return false;
      std::memcpy(&x, bytes, w), std::memcpy(&y, bytes + w, w);
      put_loaded(u.dst, x, u), put_loaded(u.dst2, y, u);
      return true;
    }
    case Op::StorePair: {
      uint8_t bytes[16];
      x = reg(u.a), y = reg(u.b);
      std::memcpy(bytes, &x, w), std::memcpy(bytes + w, &y, w);
      return store(at, bytes, 2 * w);
    }
    case Op::LoadV: {
      if (u.aligned && at % 16 != 0) return fail(Fault::Alignment, at, Access::Read);
      Vec t;
      if (!load(at, &t, w)) return false;
      s.v[u.dst] = t;
      return true;
    }
    case Op::StoreV:
      if (u.aligned && at % 16 != 0) return fail(Fault::Alignment, at, Access::Write);
      return store(at, &s.v[u.a], w);
    case Op::LoadVPair: {
      uint8_t bytes[32];
      if (u.aligned && at % 32 != 0) return fail(Fault::Alignment, at, Access::Read);
      if (!load(at, bytes, 2 * w)) return false;
      Vec t[2];
      std::memcpy(&t[0], bytes, w), std::memcpy(&t[1], bytes + w, w);
      s.v[u.dst] = t[0], s.v[u.dst2] = t[1];
      return true;
    }
    case Op::StoreVPair: {
      uint8_t bytes[32];
      if (u.aligned && at % 32 != 0) return fail(Fault::Alignment, at, Access::Write);
      std::memcpy(bytes, &s.v[u.a], w), std::memcpy(bytes + w, &s.v[u.b], w);
      return store(at, bytes, 2 * w);
    }
    default: {  // ZeroLine
      const uint8_t line[64] = {};
      return store(at & ~uint64_t{63}, line, 64);
    }
  }
}

// A vector's bytes, with its upper half's.
struct Bytes {
  uint8_t at[32] = {};
  Bytes() = default;
  Bytes(const CpuState& s, VReg v, unsigned width) {
    std::memcpy(at, &s.v[v], 16);
    if (width == 32) std::memcpy(at + 16, &s.v[v + kUpper], 16);
  }
  void put(CpuState& s, VReg v, unsigned width) const {
    std::memcpy(&s.v[v], at, 16);
    if (width == 32) std::memcpy(&s.v[v + kUpper], at + 16, 16);
  }
  bool chosen(unsigned lane, unsigned size) const { return at[lane * size + size - 1] & 0x80; }
  int64_t number(unsigned lane, unsigned size) const {
    uint64_t x = 0;
    std::memcpy(&x, at + lane * size, size);
    return sext(x, size);
  }
};

bool Evaluation::masked(const Uop& u) {
  const unsigned size = u.imm2, lanes = u.width / size;
  const uint64_t to = address(u);
  const Bytes mask(s, u.b, u.width);
  if (u.op == Op::LoadMasked) {
    Bytes x;
    for (unsigned i = 0; i < lanes; ++i)
      if (mask.chosen(i, size) && !load(to + i * size, x.at + i * size, size)) return false;
    x.put(s, u.dst, u.width);
    return true;
  }
  const Bytes x(s, u.a, u.width);
  for (unsigned i = 0; i < lanes; ++i)
    if (mask.chosen(i, size) && !bus.check_write(to + i * size, size))
      return fail(bus.fault, bus.fault_address, Access::Write);
  for (unsigned i = 0; i < lanes; ++i)
    if (mask.chosen(i, size) && !store(to + i * size, x.at + i * size, size)) return false;
  return true;
}

bool Evaluation::gather(const Uop& u) {
  const unsigned size = u.imm2 & 255, index_size = u.imm2 >> 8, lanes = u.width / std::max(size, index_size);
  const Bytes mask(s, u.b, u.width), index(s, u.a, u.width);
  Bytes x(s, u.dst, u.width);
  for (unsigned i = 0; i < lanes; ++i) {
    const uint64_t from = address(u) + (static_cast<uint64_t>(index.number(i, index_size)) << u.imm);
    if (mask.chosen(i, size) && !load(from, x.at + i * size, size)) return false;
  }
  std::memset(x.at + lanes * size, 0, 32 - lanes * size);
  x.put(s, u.dst, u.width);
  return true;
}

bool Evaluation::area(const Uop& u) {
  const uint64_t at = address(u);
  const Access access = u.op == Op::StoreArea ? Access::Write : Access::Read;
  if (u.aligned && at % (uint64_t{1} << u.imm) != 0) return fail(Fault::Alignment, at, access);
  uint8_t bytes[kMostArea];
  if (access == Access::Write && !bus.check_write(at, u.imm2)) return fail(bus.fault, bus.fault_address, access);
  if (!load(at, bytes, u.imm2)) return false;
  fp_fold(s, Isa::x86_64);
  const Fault fault = u.helper->area(s, bytes, u);
  if (fault != Fault::None) return fail(fault, at, access);
  if (access == Access::Read) fp_enter(s, Isa::x86_64);
  return access == Access::Read || store(at, bytes, u.imm2);
}

bool Evaluation::control(const Uop& u) {
  const uint64_t a = cut(reg(u.a), u.width);
  bool taken = true;
  switch (u.op) {
    case Op::JumpReg: next = reg(u.a); return true;
    case Op::JumpCond: taken = holds(u.cond, f); break;
    case Op::Cbz: taken = a == 0; break;
    case Op::Cbnz: taken = a != 0; break;
    case Op::Tbz: taken = ((reg(u.a) >> u.imm2) & 1) == 0; break;
    case Op::Tbnz: taken = ((reg(u.a) >> u.imm2) & 1) != 0; break;
    case Op::Syscall: out.kind = Outcome::Syscall; return true;
    case Op::Trap:
      fail(u.fault, s.pc, Access::Execute);
      out.number = u.imm;
      return false;
    default: break;
  }
  if (taken) next = static_cast<uint64_t>(u.imm);
  return true;
}

// One iteration of a string instruction; RCX, RSI and RDI are 64 bits wide (an address-size prefix is not lifted to
// these ops).
bool Evaluation::string_op(const Uop& u) {
  const unsigned w = u.width;
  if (u.rep && s.r[kRcx] == 0) return true;
  const uint64_t step = s.df ? ~uint64_t{w} + 1 : w;
  uint64_t x = 0, y = 0;
  bool si = false, di = false;
  switch (u.op) {
    case Op::Movs:
      if (!load(s.r[kRsi] + reg(u.mem.seg), &x, w) || !store(s.r[kRdi], &x, w)) return false;
      si = di = true;
      break;
    case Op::Stos:
      if (!store(s.r[kRdi], &s.r[kRax], w)) return false;
      di = true;
      break;
    case Op::Lods:
      if (!load(s.r[kRsi] + reg(u.mem.seg), &x, w)) return false;
      put(kRax, x, w);
      si = true;
      break;
    case Op::Scas:
      if (!load(s.r[kRdi], &y, w)) return false;
      f = sub_flags(s.r[kRax], y, 0, w);
      di = true;
      break;
    default:
      if (!load(s.r[kRsi] + reg(u.mem.seg), &x, w) || !load(s.r[kRdi], &y, w)) return false;
      f = sub_flags(x, y, 0, w);
      si = di = true;
      break;
  }
  if (si) s.r[kRsi] += step;
  if (di) s.r[kRdi] += step;
  if (!u.rep) return true;
  s.r[kRcx] -= 1;
  const bool compares = u.op == Op::Scas || u.op == Op::Cmps;
  const bool zf = f & flag::ZF;
  const bool stop = s.r[kRcx] == 0 || (compares && zf != (u.rep == 1));
  if (!stop) next = s.pc;
  return true;
}

bool Evaluation::system(const Uop& u) {
  switch (u.op) {
    case Op::ReadFlags: put(u.dst, f | (s.df ? flag::DF : 0) | 0x202, u.width); return true;
    case Op::WriteFlags: {
      const uint64_t x = rhs(u);
      f = static_cast<uint32_t>(x) & flag::kArith;
      s.df = x & flag::DF;
      return true;
    }
    case Op::ReadNzcv:
      s.set_flags(f);
      put(u.dst, s.nzcv(), 8);
      return true;
    case Op::WriteNzcv:
      s.set_nzcv(rhs(u));
      f = s.flags();
      return true;
    case Op::FlagBits: {
      uint32_t all = f | (s.df ? flag::DF : 0);
      all = (all & ~static_cast<uint32_t>(u.imm)) ^ u.imm2;
      f = all & flag::kArith;
      s.df = all & flag::DF;
      return true;
    }
    case Op::Cpuid: {
      const CpuidResult r = model.cpuid(static_cast<uint32_t>(s.r[kRax]), static_cast<uint32_t>(s.r[kRcx]));
      s.r[kRax] = r.eax, s.r[kRbx] = r.ebx, s.r[kRcx] = r.ecx, s.r[kRdx] = r.edx;
      return true;
    }
    case Op::Rdtsc:
    case Op::Rdtscp:
      s.r[kRax] = static_cast<uint32_t>(count), s.r[kRdx] = count >> 32;
      if (u.op == Op::Rdtscp) s.r[kRcx] = 0;
      return true;
    case Op::Xgetbv:
      if (!(model.cpuid(1, 0).ecx & 1u << 27)) return fail(Fault::Undefined, s.pc, Access::Execute);  // OSXSAVE
      if (static_cast<uint32_t>(s.r[kRcx]) != 0) return fail(Fault::Privileged, s.pc, Access::Execute);
      s.r[kRax] = model.cpuid(0xd, 0).eax, s.r[kRdx] = 0;
      return true;
    case Op::LoadMxcsr:
      if (rhs(u) & 0xffff0000) return fail(Fault::Alignment, s.pc, Access::Read);
      s.mxcsr = static_cast<uint32_t>(rhs(u));
      fp_enter(s, Isa::x86_64);
      return true;
    case Op::StoreMxcsr:
      fp_fold(s, Isa::x86_64);
      put(u.dst, s.mxcsr, 4);
      return true;
    case Op::WriteSys:
      switch (static_cast<SysReg>(u.imm)) {
        case SysReg::Fpcr:
          s.fpcr = static_cast<uint32_t>(reg(u.b)) & kFpcrBits;
          fp_fold(s, Isa::arm64);
          fp_enter(s, Isa::arm64);
          break;
        case SysReg::Fpsr:
          fp_fold(s, Isa::arm64);
          s.fpsr = static_cast<uint32_t>(reg(u.b)) & kFpsrBits;
          break;
        case SysReg::Tpidr: s.r[kTpidr] = reg(u.b); break;
        default: break;  // DIT: no effect in an emulator
      }
      return true;
    default:  // ReadSys
      switch (static_cast<SysReg>(u.imm)) {
        case SysReg::Fpcr: put(u.dst, s.fpcr, 8); break;
        case SysReg::Fpsr:
          fp_fold(s, Isa::arm64);
          put(u.dst, s.fpsr, 8);
          break;
        case SysReg::Tpidr: put(u.dst, s.r[kTpidr], 8); break;
        case SysReg::Tpidrro: put(u.dst, s.r[kTpidrro], 8); break;
        case SysReg::Cs: put(u.dst, model.cs, 8); break;
        case SysReg::Ss: put(u.dst, model.ss, 8); break;
        case SysReg::Cntvct: put(u.dst, count, 8); break;
        case SysReg::Cntfrq: put(u.dst, kCounterFrequency, 8); break;
        default: put(u.dst, model.sysreg(static_cast<SysReg>(u.imm), u.imm2), 8); break;
      }
      return true;
  }
}

// Under a mask of exceptions that is not all ones what the ops raise is gathered beside MXCSR…
bool Evaluation::trapping_vector(const Uop& u) {
  constexpr uint32_t kFlags = 0x3f;
  fp_fold(s, Isa::x86_64);
  const uint32_t before = s.mxcsr;
  s.mxcsr &= ~kFlags;
  const bool done = quiet_vector(u);
  fp_fold(s, Isa::x86_64);
  raised |= s.mxcsr & kFlags;
  s.mxcsr = before;
  return done;
}

// … and looked at before memory is written and at the end: of operands' exceptions that are not masked, only those
// show.
bool Evaluation::raise() {
  constexpr uint32_t kOfOperands = 7;
  const uint32_t unmasked = raised & ~(s.mxcsr >> 7);
  s.mxcsr |= unmasked & kOfOperands ? raised & kOfOperands : raised;
  raised = 0;
  return unmasked == 0 || fail(Fault::SimdException, s.pc, Access::Execute);
}

bool Evaluation::vector(const Uop& u) {
  const bool computes = u.op == Op::VecFp || u.op == Op::FpCompare || u.op == Op::VecGet || u.op == Op::VecPut;
  return computes && !masks_all(s) ? trapping_vector(u) : quiet_vector(u);
}

bool Evaluation::quiet_vector(const Uop& u) {
  const auto imm = static_cast<uint64_t>(u.imm);
  switch (u.op) {
    case Op::VecOp: u.helper->vec(s.v[u.dst], s.v[u.a], s.v[u.b], imm); return true;
    case Op::VecGet: put(u.dst, u.helper->get(s.v[u.a], imm), u.width); return true;
    case Op::VecPut: u.helper->put(s.v[u.dst], reg(u.b), imm); return true;
    case Op::VecFp: u.helper->fp(s, s.v[u.dst], s.v[u.a], s.v[u.b], imm); return true;
    case Op::FpCompare: f = u.helper->compare(s, s.v[u.a], s.v[u.b], imm); return true;
    default: {
      s.set_flags(f);
      const Fault fault = u.helper->any(s, u);
      f = s.flags();
      // A misaligned address stands in `a`.
      return fault == Fault::None || fail(fault, fault == Fault::Alignment ? reg(u.a) : s.pc, Access::Execute);
    }
  }
}

bool Evaluation::divide(const Uop& u) {
  const uint64_t b = cut(rhs(u), u.width);
  if (u.op == Op::DivU) {
    put(u.dst, b == 0 ? 0 : cut(reg(u.a), u.width) / b, u.width);
    return true;
  }
  const int64_t x = sext(reg(u.a), u.width), y = sext(b, u.width);
  put(u.dst, y == 0 ? 0 : y == -1 ? uint64_t{0} - static_cast<uint64_t>(x) : static_cast<uint64_t>(x / y), u.width);
  return true;
}

bool Evaluation::select(const Uop& u) {
  const bool yes = holds(u.cond, f);
  const uint64_t a = reg(u.a), b = reg(u.b);
  switch (u.op) {
    case Op::Select: put(u.dst, yes ? a : b, u.width); return true;
    case Op::Csinc: put(u.dst, yes ? a : b + 1, u.width); return true;
    case Op::Csinv: put(u.dst, yes ? a : ~b, u.width); return true;
    case Op::Csneg: put(u.dst, yes ? a : uint64_t{0} - b, u.width); return true;
    default: put(u.dst, yes, u.width); return true;  // Set
  }
}

bool Evaluation::compare_if(const Uop& u) {
  if (!holds(u.cond, f))
    f = u.imm2;
  else if (u.op == Op::Ccmp)
    f = sub_flags_arm(reg(u.a), rhs(u), 0, u.width);
  else
    f = add_flags_arm(reg(u.a), rhs(u), 0, u.width);
  return true;
}

bool Evaluation::run(const Uop& u) {
  switch (traits(u.op).group) {
    case OpGroup::Nop: return true;
    case OpGroup::Alu: return arithmetic(u);
    case OpGroup::Shift:
    case OpGroup::DoubleShift: return shift(u);
    case OpGroup::Mul:
    case OpGroup::MulWide:
    case OpGroup::Madd: return multiply(u);
    case OpGroup::Div: return divide(u);
    case OpGroup::DivWide: return divide_wide(u);
    case OpGroup::Count:
    case OpGroup::BitTest:
    case OpGroup::Field: return bits(u);
    case OpGroup::Select: return select(u);
    case OpGroup::CondCompare: return compare_if(u);
    case OpGroup::Lea: put(u.dst, address(u), u.width); return true;
    case OpGroup::Memory: return memory(u);
    case OpGroup::Masked: return u.op == Op::Gather ? gather(u) : masked(u);
    case OpGroup::Area: return area(u);
    case OpGroup::Exclusive: return exclusive(u);
    case OpGroup::Jump:
    case OpGroup::Syscall:
    case OpGroup::Trap: return control(u);
    case OpGroup::String: return string_op(u);
    case OpGroup::Flags:
    case OpGroup::Machine: return system(u);
    case OpGroup::Vector: return vector(u);
  }
  return true;
}

Outcome Evaluation::all() {
  if (in.fault != Fault::None) {
    out = Outcome{Outcome::Fault, in.fault, Access::Execute, s.pc, 0};
    return out;
  }
  next = s.pc + in.length;
  f = s.flags();
  for (int i = 0; i < in.count; ++i) {
    if (raised && traits(in.uops[i].op).touch == Touch::Write && !raise()) return out;
    if (!run(in.uops[i])) return out;
  }
  if (raised && !raise()) return out;
  s.set_flags(f);
  s.pc = next;
  for (int t = 0; t < kTemps; ++t) s.r[kT0 + t] = 0;
  for (int t = kVT0; t < kVRegs; ++t) s.v[t] = Vec{};
  return out;
}

}  // namespace

Outcome evaluate(const Lifted& in, CpuState& state, Bus& bus, const CpuModel& model, uint64_t count) {
  if (masks_all(state)) return Evaluation{in, state, bus, model, count}.all();
  // Of an instruction in several parts a later one may raise what is not masked.
  const CpuState before = state;
  const Outcome out = Evaluation{in, state, bus, model, count}.all();
  if (out.kind == Outcome::Fault && out.fault == Fault::SimdException) {
    const uint32_t mxcsr = state.mxcsr;
    state = before, state.mxcsr = mxcsr;
  }
  return out;
}

Outcome evaluate_one(const Uop& u, CpuState& state, Bus& bus, const CpuModel& model, uint64_t count, uint64_t& next) {
  static const Lifted none;
  Evaluation e{none, state, bus, model, count};
  e.next = next;
  e.f = state.flags();
  const uint32_t before = e.f;
  if (!e.run(u) || (e.raised && !e.raise())) return e.out;
  next = e.next;
  if (e.f != before) state.set_flags(e.f);
  return e.out;
}

namespace {

// Of a shift by n, 1 to the bits - 1: CF is the last bit that left.
uint32_t shift_flags(FlagKind kind, uint64_t a, unsigned n, unsigned w) {
  a = cut(a, w);
  const bool left = kind == FlagKind::Shl;
  const uint64_t r = left                    ? cut(a << n, w)
                     : kind == FlagKind::Shr ? a >> n
                                             : cut(static_cast<uint64_t>(sext(a, w) >> n), w);
  const uint64_t last = left                    ? a >> (w * 8 - n)
                        : kind == FlagKind::Shr ? a >> (n - 1)
                                                : static_cast<uint64_t>(sext(a, w) >> (n - 1));
  uint32_t f = pzs(r, w) | (last & 1 ? flag::CF : 0);
  if (left ? ((r & msb_of(w)) != 0) != ((last & 1) != 0) : kind == FlagKind::Shr && (a >> (n - 1)) & msb_of(w))
    f |= flag::OF;
  return f;
}

// The high half is not the extension of the low.
uint32_t product_flags(bool is_signed, uint64_t a, uint64_t b, unsigned w) {
  a = cut(a, w), b = cut(b, w);
  const u128 wide = is_signed ? static_cast<u128>(i128{sext(a, w)} * sext(b, w)) : u128{a} * b;
  const uint64_t low = cut(static_cast<uint64_t>(wide), w);
  const bool over = is_signed ? static_cast<i128>(wide) != i128{sext(low, w)} : (wide >> (w * 8)) != 0;
  return (pzs(low, w) & ~flag::ZF) | (over ? flag::CF | flag::OF : 0);
}

}  // namespace

uint32_t LazyFlags::bits() const {
  const unsigned w = 1u << width;
  switch (kind) {
    case FlagKind::Explicit: return static_cast<uint32_t>(a);
    case FlagKind::Add: return add_flags(a, b, 0, w);
    case FlagKind::Sub: return sub_flags(a, b, 0, w);
    case FlagKind::AddArm: return add_flags_arm(a, b, 0, w);
    case FlagKind::SubArm: return sub_flags_arm(a, b, 0, w);
    case FlagKind::Logic: return pzs(a, w);
    case FlagKind::LogicArm: return pzs(a, w) & kNzcv;
    case FlagKind::Inc: return (add_flags(a - 1, 1, 0, w) & ~flag::CF) | (b ? flag::CF : 0);
    case FlagKind::Dec: return (sub_flags(a + 1, 1, 0, w) & ~flag::CF) | (b ? flag::CF : 0);
    case FlagKind::Shl:
    case FlagKind::Shr:
    case FlagKind::Sar: return shift_flags(kind, a, static_cast<unsigned>(b), w);
    case FlagKind::MulU: return product_flags(false, a, b, w);
    case FlagKind::MulS: return product_flags(true, a, b, w);
  }
  return 0;
}

uint64_t CpuState::nzcv() const {
  const uint32_t f = flags();
  return (f & flag::N ? 1u << 31 : 0) | (f & flag::Z ? 1u << 30 : 0) | (f & flag::C ? 1u << 29 : 0) |
         (f & flag::V ? 1u << 28 : 0);
}

void CpuState::set_nzcv(uint64_t x) {
  set_flags((x >> 31 & 1 ? flag::N : 0) | (x >> 30 & 1 ? flag::Z : 0) | (x >> 29 & 1 ? flag::C : 0) |
            (x >> 28 & 1 ? flag::V : 0));
}

bool Lifted::ends_block() const {
  if (fault != Fault::None || count == 0) return fault != Fault::None;
  return traits(uops[count - 1].op).ends();
}

}  // namespace deferscope::isa
