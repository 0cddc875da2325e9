#include "traces/op_words.h"

#include <fmt/format.h>

#include "isa/op_traits.h"

namespace deferscope::traces {
namespace {

using isa::Cond;
using isa::Op;
using isa::Reg;
using isa::Uop;

uint64_t cut(uint64_t x, unsigned width) { return width >= 8 ? x : x & ((uint64_t{1} << (width * 8)) - 1); }
int64_t sext(uint64_t x, unsigned width) {
  const unsigned s = width >= 8 ? 0 : 64 - width * 8;
  return static_cast<int64_t>(x << s) >> s;
}

// "[SP+8]" → "[SP+8] (4 bytes)"; a word of eight needs no saying.
std::string sized(std::string place, unsigned bytes) {
  return bytes == 8 ? place : place + (bytes == 1 ? " (1 byte)" : fmt::format(" ({} bytes)", bytes));
}

struct Binary {
  Op op;
  const char* sign;
};
constexpr Binary kBinary[] = {
    {Op::Adc, "+ carry +"},
    {Op::Sbb, "− borrow −"},
    {Op::Sbc, "− borrow −"},
    {Op::And, "AND"},
    {Op::Or, "OR"},
    {Op::Xor, "XOR"},
    {Op::Bic, "AND NOT"},
    {Op::Orn, "OR NOT"},
    {Op::Eon, "XOR NOT"},
    {Op::Shl, "<<"},
    {Op::Shr, ">>"},
    {Op::Sar, ">> (signed)"},
    {Op::Ror, "rotated right by"},
    {Op::Rol, "rotated left by"},
    {Op::Rcl, "rotated left with carry by"},
    {Op::Rcr, "rotated right with carry by"},
    {Op::Mul, "·"},
    {Op::MulHiU, "· (high half)"},
    {Op::MulHiS, "· (signed, high half)"},
    {Op::DivU, "/"},
    {Op::DivS, "/ (signed)"},
};

struct Unary {
  Op op;
  const char* words;
};
constexpr Unary kUnary[] = {
    {Op::Clz, "leading zeros of"},
    {Op::Ctz, "trailing zeros of"},
    {Op::Cls, "leading sign bits of"},
    {Op::Rbit, "bits reversed of"},
    {Op::Bswap, "bytes reversed of"},
    {Op::Rev16, "bytes reversed in each half-word of"},
    {Op::Rev32, "bytes reversed in each word of"},
    {Op::Popcnt, "number of ones in"},
    {Op::Blsi, "lowest one alone of"},
    {Op::Blsmsk, "all up to the lowest one of"},
    {Op::Blsr, "without its lowest one:"},
    {Op::Bsf, "lowest one of"},
    {Op::Bsr, "highest one of"},
};

const char* sign_of(Op op) {
  for (const Binary& b : kBinary)
    if (b.op == op) return b.sign;
  return "?";
}
const char* words_of(Op op) {
  for (const Unary& b : kUnary)
    if (b.op == op) return b.words;
  return "?";
}

std::string flags_text(isa::Isa isa, Cond c, uint32_t f) {
  const bool arm = isa == isa::Isa::arm64;
  const auto bit = [&](uint32_t mask, const char* x86, const char* a) {
    return fmt::format("{} = {}", arm ? a : x86, f & mask ? 1 : 0);
  };
  const std::string cf = bit(isa::flag::CF, "CF", "C"), zf = bit(isa::flag::ZF, "ZF", "Z"),
                    sf = bit(isa::flag::SF, "SF", "N"), of = bit(isa::flag::OF, "OF", "V"),
                    pf = bit(isa::flag::PF, "PF", "P");
  switch (c) {
    case Cond::O:
    case Cond::NO: return of;
    case Cond::B:
    case Cond::AE: return cf;
    case Cond::E:
    case Cond::NE: return zf;
    case Cond::BE:
    case Cond::A:
    case Cond::ArmHi:
    case Cond::ArmLs: return cf + ", " + zf;
    case Cond::S:
    case Cond::NS: return sf;
    case Cond::P:
    case Cond::NP: return pf;
    case Cond::L:
    case Cond::GE: return sf + ", " + of;
    case Cond::LE:
    case Cond::G: return zf + ", " + sf + ", " + of;
    case Cond::Always: return "always";
  }
  return {};
}

const char* sysreg_name(isa::SysReg r) {
  constexpr const char* kNames[] = {"FPCR",    "FPSR",       "TPIDR_EL0",  "TPIDRRO_EL0", "DCZID_EL0",
                                    "CTR_EL0", "CNTVCT_EL0", "CNTFRQ_EL0", "MIDR_EL1",    "an ID register",
                                    "DIT",     "CS",         "SS"};
  return kNames[static_cast<size_t>(r)];
}

const char* fault_name(isa::Fault f) {
  constexpr const char* kNames[] = {"nothing",
                                    "a page fault",
                                    "a non-canonical address",
                                    "misalignment",
                                    "a division error",
                                    "an undefined instruction",
                                    "a breakpoint trap",
                                    "a privileged instruction",
                                    "a misaligned PC",
                                    "an instruction that deferscope does not know"};
  return kNames[static_cast<size_t>(f)];
}

}  // namespace

const char* say_condition(Cond c) {
  switch (c) {
    case Cond::O: return "overflow";
    case Cond::NO: return "no overflow";
    case Cond::B: return "below";
    case Cond::AE: return "above or equal";
    case Cond::E: return "equal";
    case Cond::NE: return "not equal";
    case Cond::BE:
    case Cond::ArmLs: return "below or equal";
    case Cond::A:
    case Cond::ArmHi: return "above";
    case Cond::S: return "negative";
    case Cond::NS: return "not negative";
    case Cond::P: return "parity even";
    case Cond::NP: return "parity odd";
    case Cond::L: return "less";
    case Cond::GE: return "greater or equal";
    case Cond::LE: return "less or equal";
    case Cond::G: return "greater";
    case Cond::Always: return "always";
  }
  return "";
}

std::string Expr::str() const {
  if (kind != Place || add == 0) return text;
  return fmt::format("{} {} {}", text, add < 0 ? "−" : "+", say_number(add < 0 ? -add : add));
}
std::string Expr::inner() const {
  return kind == Other || (kind == Place && add != 0) ? fmt::format("({})", str()) : str();
}

std::string say_number(int64_t v) {
  const uint64_t size = v < 0 ? uint64_t{0} - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
  const std::string digits = size < 0x10000 ? fmt::format("{}", size) : fmt::format("{:#x}", size);
  return v < 0 && size < 0x10000 ? "−" + digits
                                 : fmt::format("{}", v < 0 ? fmt::format("{:#x}", static_cast<uint64_t>(v)) : digits);
}

std::string say_value(uint64_t value, unsigned bytes, const Namer& names) {
  const std::string number = say_number(sext(value, bytes));
  if (bytes < 8 || value < 0x1000) return number;
  const std::string name = names.of(value);
  return name.empty() ? number : number + " (" + name + ")";
}

std::string say_vector(const isa::Vec& v) {
  if (v.hi == 0) return v.lo < 10 ? fmt::format("{}", v.lo) : fmt::format("{:#x}", v.lo);
  return fmt::format("{:#x}{:016x}", v.hi, v.lo);
}

std::string register_name(isa::Isa isa, Reg r) {
  static constexpr const char* kX86[] = {"AX", "CX", "DX",  "BX",  "SP",  "BP",  "SI",  "DI",
                                         "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"};
  if (isa == isa::Isa::x86_64) {
    if (r < 16) return kX86[r];
    if (r == isa::kFsBase) return "FS";
    if (r == isa::kGsBase) return "GS";
  } else {
    if (r == isa::kSp) return "SP";
    if (r == isa::kX30) return "LR";
    if (r < 31) return fmt::format("R{}", r);
    if (r == isa::kTpidr) return "TPIDR_EL0";
    if (r == isa::kTpidrro) return "TPIDRRO_EL0";
  }
  return r == isa::kZero ? "0" : fmt::format("t{}", r - isa::kT0);
}

std::string vector_name(isa::Isa isa, isa::VReg v) {
  if (isa != isa::Isa::x86_64) return fmt::format("V{}", v);
  return v < isa::kUpper ? fmt::format("X{}", v) : fmt::format("Y{}.hi", v - isa::kUpper);
}

// --- operands ---

Expr OpWords::expr(Reg r) const {
  if (r == isa::kZero) return Expr::constant(0, "0");
  if (auto it = temps_.find(r); it != temps_.end()) return it->second;
  return Expr::place(register_name(isa_, r));
}
Expr OpWords::vexpr(isa::VReg v) const {
  if (auto it = vector_temps_.find(v); it != vector_temps_.end()) return it->second;
  return Expr::place(vector_name(isa_, v));
}
std::string OpWords::operand(Reg r, const isa::CpuState&) const { return expr(r).str(); }

Expr OpWords::rhs(const Uop& u) const {
  if (!u.b_imm) return expr(u.b);
  return Expr::constant(u.imm, say_value(static_cast<uint64_t>(u.imm), 8, names_));
}

uint64_t OpWords::address(const isa::Mem& m, const isa::CpuState& s) const {
  const auto reg = [&](Reg r) { return r == isa::kZero ? 0 : s.r[r]; };
  return reg(m.base) + (reg(m.index) << m.shift) + static_cast<uint64_t>(m.disp) + reg(m.seg);
}

// "[SP+8]", "[BX+CX·8−16]", "[runtime.x]", "[FS−8]".
std::string OpWords::memory_place(const isa::Mem& m) const {
  std::string t;
  const auto plus = [&](const std::string& part) {
    if (!t.empty()) t += "+";
    t += part;
  };
  if (m.seg != isa::kZero) plus(register_name(isa_, m.seg));
  if (m.base != isa::kZero) plus(expr(m.base).str());
  if (m.index != isa::kZero)
    plus(m.shift ? fmt::format("{}·{}", expr(m.index).inner(), 1 << m.shift) : expr(m.index).inner());
  if (t.empty()) {
    const auto a = static_cast<uint64_t>(m.disp);
    const std::string name = names_.of(a);
    return fmt::format("[{}]", name.empty() ? fmt::format("{:#x}", a) : name);
  }
  if (m.disp > 0) t += "+" + say_number(m.disp);
  if (m.disp < 0) t += say_number(m.disp);
  return fmt::format("[{}]", t);
}

Expr OpWords::added(Expr a, const Expr& b, int sign) const {
  const bool b_const = b.kind == Expr::Constant;
  if (a.kind == Expr::Place && b_const) {
    a.add += sign * b.add;
    return a;
  }
  if (a.kind == Expr::Constant && a.add == 0 && sign > 0) return b;
  if (b_const && b.add < 0 && b.add > -0x10000)
    return Expr::other(fmt::format("{} {} {}", a.inner(), sign > 0 ? "−" : "+", say_number(-b.add)));
  return Expr::other(fmt::format("{} {} {}", a.inner(), sign > 0 ? "+" : "−", b.inner()));
}

// --- what each op says ---

std::string OpWords::comparison(const Uop& u, const isa::CpuState& s) const {
  const auto value = [&](Reg r) { return r == isa::kZero ? 0 : cut(s.r[r], u.width); };
  const uint64_t a = value(u.a), b = cut(u.b_imm ? static_cast<uint64_t>(u.imm) : value(u.b), u.width);
  const std::string va = say_value(a, u.width, names_), vb = say_value(b, u.width, names_);
  const auto with_value = [](const std::string& t, const std::string& v) { return t == v ? t : t + " = " + v; };
  const Expr ea = expr(u.a), eb = rhs(u);
  if (u.op == Op::And) {
    const bool zero = cut(a & b, u.width) == 0;
    if (ea.str() == eb.str())
      return fmt::format("tests {}: {}", with_value(ea.str(), va),
                         zero                   ? "zero"
                         : sext(a, u.width) < 0 ? "not zero, negative"
                                                : "not zero");
    return fmt::format("tests {} AND {}: {}", with_value(ea.str(), va), eb.str(), zero ? "zero" : "not zero");
  }
  const std::string both = fmt::format("{} with {}", with_value(ea.str(), va), with_value(eb.str(), vb));
  if (u.op != Op::Sub)
    return fmt::format("flags of {} {} {}", with_value(ea.str(), va), u.op == Op::Add ? "+" : sign_of(u.op),
                       with_value(eb.str(), vb));
  if (a == b) return "compares " + both + ": equal";
  const bool less = sext(a, u.width) < sext(b, u.width), below = a < b;
  if (less == below) return "compares " + both + (less ? ": less" : ": greater");
  return fmt::format("compares {}: {}, unsigned {}", both, less ? "less" : "greater", below ? "below" : "above");
}

void OpWords::arithmetic(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  if (u.dst == isa::kSink && u.dst2 == isa::kSink && u.flags != isa::FlagRule::None) {
    out.note = comparison(u, s);
    out.compare = true;
    return;
  }
  out.integer_result = true;
  const Expr a = expr(u.a), b = rhs(u);
  switch (u.op) {
    case Op::Mov: out.how = b; break;
    case Op::Add: out.how = added(a, b, 1); break;
    case Op::Sub:
      if (!u.b_imm && u.a == u.b)
        out.how = Expr::constant(0, "0");
      else if (a.kind == Expr::Constant && a.add == 0)
        out.how = Expr::other(fmt::format("−{}", b.inner()));
      else
        out.how = added(a, b, -1);
      break;
    case Op::Xor:
      if (!u.b_imm && u.a == u.b) {
        out.how = Expr::constant(0, "0");
        break;
      }
      if (u.b_imm && u.imm == -1) {
        out.how = Expr::other("NOT " + a.inner());
        break;
      }
      [[fallthrough]];
    default:
      if ((u.op == Op::Orn || u.op == Op::Or) && a.kind == Expr::Constant && a.add == 0)
        out.how = u.op == Op::Or ? b : Expr::other("NOT " + b.inner());
      else
        out.how = Expr::other(fmt::format("{} {} {}", a.inner(), sign_of(u.op), b.inner()));
  }
}

void OpWords::bits(const Uop& u, Spoken& out) const {
  if (u.op == Op::Bt) {
    out.compare = true;
    out.note = fmt::format("CF ← bit {} of {}", rhs(u).inner(), expr(u.a).inner());
    return;
  }
  out.integer_result = true;
  const unsigned lsb = static_cast<unsigned>(u.imm) & 255, len = static_cast<unsigned>(u.imm >> 8) & 255;
  const std::string a = expr(u.a).inner();
  const std::string field = fmt::format("bits {}…{}", lsb, lsb + len - 1);
  switch (u.op) {
    case Op::Ubfx: out.how = Expr::other(fmt::format("{} of {}", field, a)); break;
    case Op::Sbfx: out.how = Expr::other(fmt::format("{} of {}, sign-extended", field, a)); break;
    case Op::Bfi: out.how = Expr::other(fmt::format("{} with {} from {}", a, field, expr(u.b).inner())); break;
    case Op::Bts: out.how = Expr::other(fmt::format("{} with bit {} set", a, rhs(u).inner())); break;
    case Op::Btr: out.how = Expr::other(fmt::format("{} with bit {} cleared", a, rhs(u).inner())); break;
    case Op::Btc: out.how = Expr::other(fmt::format("{} with bit {} flipped", a, rhs(u).inner())); break;
    case Op::Shld:
    case Op::Shrd:
      out.how = Expr::other(fmt::format("{} {} {}, bits of {} shifted in", a, u.op == Op::Shld ? "<<" : ">>",
                                        rhs(u).inner(), expr(u.c).inner()));
      break;
    default: out.how = Expr::other(fmt::format("{} {}", words_of(u.op), rhs(u).inner())); break;
  }
}

void OpWords::select(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  const bool yes = isa::holds(u.cond, s.flags());
  const std::string c = fmt::format("{} ({})", say_condition(u.cond), flags_text(isa_, u.cond, s.flags()));
  if (u.op == Op::Ccmp || u.op == Op::Ccmn) {
    Uop plain = u;
    plain.op = u.op == Op::Ccmp ? Op::Sub : Op::Add;
    out.compare = true;
    out.note = yes ? fmt::format("{} holds: {}", c, comparison(plain, s))
                   : fmt::format("{} does not hold: flags set to a constant", c);
    return;
  }
  out.integer_result = true;
  if (u.op == Op::Set) {
    out.how = Expr::other(fmt::format("{}: {}", c, yes ? "yes" : "no"));
    return;
  }
  const std::string b = expr(u.b).inner();
  const std::string no = u.op == Op::Csinc   ? b + " + 1"
                         : u.op == Op::Csinv ? "NOT " + b
                         : u.op == Op::Csneg ? "−" + b
                                             : b;
  out.how = Expr::other(fmt::format("{}, as {} {}", yes ? expr(u.a).str() : no, c, yes ? "holds" : "does not hold"));
}

Expr OpWords::loaded(const Uop& u, uint64_t more) const {
  isa::Mem m = u.mem;
  m.disp += static_cast<int64_t>(more);
  std::string t = sized(memory_place(m), u.width);
  const bool extended = u.ext == isa::Ext::Sign32 || u.ext == isa::Ext::Sign64;
  return Expr::place(extended && u.width < 8 ? t + ", sign-extended" : t);
}

void OpWords::memory(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  out.place = sized(memory_place(u.mem), u.width);
  out.address = address(u.mem, s);
  out.bytes = u.width;
  switch (u.op) {
    case Op::Load:
    case Op::LoadRmw:
      out.integer_result = true;
      out.how = loaded(u);
      return;
    case Op::LoadPair:
      out.integer_result = true;
      out.how = loaded(u), out.how2 = loaded(u, u.width);
      return;
    case Op::LoadEx:
    case Op::LoadExPair:
      out.integer_result = true;
      out.how = Expr::other(loaded(u).str() + ", watched for other writers"),
      out.how2 = Expr::other(loaded(u, u.width).str());
      return;
    case Op::Store:
      out.writes = true;
      out.how = rhs(u);
      return;
    case Op::StorePair:
      out.writes = true;
      out.bytes = 2u * u.width;
      out.place = sized(memory_place(u.mem), out.bytes);
      out.how = Expr::other(expr(u.a).str() + " and " + expr(u.b).str());
      return;
    case Op::StoreEx:
    case Op::StoreExPair: {
      const unsigned size = u.op == Op::StoreExPair ? 2u * u.width : u.width;
      const bool held = s.monitor.size == size && s.monitor.address == out.address;
      out.integer_result = true;
      out.writes = held;
      out.bytes = size;
      out.how = Expr::other(held ? expr(u.a).str() + ", as nobody wrote there meanwhile"
                                 : "1: not stored, the watch was lost");
      if (held) out.note = "the exclusive store succeeds: " + expr(u.dst).str() + " = 0";
      return;
    }
    case Op::LoadV:
      out.vector_result = true;
      out.how = loaded(u);
      return;
    case Op::LoadVPair:
      out.vector_result = true;
      out.how = loaded(u), out.how2 = loaded(u, u.width);
      return;
    case Op::StoreV:
      out.writes = true;
      out.how = vexpr(u.a);
      return;
    case Op::StoreVPair:
      out.writes = true;
      out.bytes = 2u * u.width;
      out.place = sized(memory_place(u.mem), out.bytes);
      out.how = Expr::other(vexpr(u.a).str() + " and " + vexpr(u.b).str());
      return;
    case Op::ZeroLine:
      out.writes = true;
      out.address &= ~uint64_t{63};
      out.bytes = 64;
      out.place = fmt::format("{} (64 bytes)", memory_place(u.mem));
      out.how = Expr::constant(0, "0");
      return;
    case Op::StoreCheck: return;                                // says nothing of its own: the store behind it does
    default: out.note = "forgets the watched address"; return;  // ClrEx
  }
}

void OpWords::masked(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  const std::string lanes = fmt::format("lanes of {}", memory_place(u.mem)),
                    mask = ", as " + vexpr(u.b).str() + " says";
  out.address = address(u.mem, s);
  out.bytes = u.width;
  if (u.op == Op::StoreMasked) {
    out.writes = true;
    out.place = lanes;
    out.how = Expr::other(vexpr(u.a).str() + mask);
    return;
  }
  out.vector_result = true;
  out.how = Expr::other((u.op == Op::Gather ? lanes + " + " + vexpr(u.a).str() : lanes) + mask);
}

void OpWords::area(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  out.address = address(u.mem, s);
  out.bytes = u.imm2;
  out.place = fmt::format("{} ({} bytes)", memory_place(u.mem), u.imm2);
  if (u.op == Op::LoadArea) {
    out.note = "the processor's state is taken from " + out.place;
    return;
  }
  out.writes = true;
  out.how = Expr::other("the processor's state");
}

void OpWords::strings(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  const std::string size = u.width == 1 ? "1 byte" : fmt::format("{} bytes", u.width);
  if (u.rep && s.r[isa::kRcx] == 0) {
    out.note = "CX = 0: nothing left to do";
    return;
  }
  const std::string left =
      u.rep ? fmt::format("; CX = {} left before this one", say_number(static_cast<int64_t>(s.r[isa::kRcx]))) : "";
  switch (u.op) {
    case Op::Movs:
      out.note =
          fmt::format("copies {} from [SI] = {:#x} to [DI] = {:#x}{}", size, s.r[isa::kRsi], s.r[isa::kRdi], left);
      break;
    case Op::Stos: out.note = fmt::format("stores {} of AX at [DI] = {:#x}{}", size, s.r[isa::kRdi], left); break;
    case Op::Lods: out.note = fmt::format("loads {} from [SI] = {:#x} into AX{}", size, s.r[isa::kRsi], left); break;
    case Op::Scas: out.note = fmt::format("compares AX with {} at [DI] = {:#x}{}", size, s.r[isa::kRdi], left); break;
    default:
      out.note =
          fmt::format("compares {} at [SI] = {:#x} with [DI] = {:#x}{}", size, s.r[isa::kRsi], s.r[isa::kRdi], left);
      break;
  }
  if (u.op == Op::Movs || u.op == Op::Stos) {
    out.writes = true;
    out.address = s.r[isa::kRdi], out.bytes = u.width, out.place = sized("[DI]", u.width);
    out.how = Expr::place(u.op == Op::Movs ? "[SI]" : "AX");
  }
}

void OpWords::machine(const Uop& u, const isa::CpuState& s, Spoken& out) const {
  switch (u.op) {
    case Op::ReadFlags:
    case Op::ReadNzcv:
      out.integer_result = true;
      out.how = Expr::place("flags");
      return;
    case Op::WriteFlags:
    case Op::WriteNzcv: out.note = "flags ← " + expr(u.b).str(); return;
    case Op::FlagBits:
      out.note =
          fmt::format("{} {}", static_cast<uint32_t>(u.imm) & isa::flag::DF || u.imm2 & isa::flag::DF ? "DF" : "CF",
                      u.imm2 == 0  ? "cleared"
                      : u.imm == 0 ? "flipped"
                                   : "set");
      return;
    case Op::Cpuid:
      out.note = fmt::format("asks the CPU what it is (leaf {:#x}): answers in AX, BX, CX, DX", cut(s.r[isa::kRax], 4));
      return;
    case Op::Xgetbv: out.note = "asks which vector state is enabled: answer in AX, DX"; return;
    case Op::Rdtsc:
    case Op::Rdtscp: out.note = "reads the time stamp (one tick an instruction) into AX and DX"; return;
    case Op::ReadSys:
      out.integer_result = true;
      out.how = Expr::place(sysreg_name(static_cast<isa::SysReg>(u.imm)));
      return;
    case Op::WriteSys:
      out.note = fmt::format("{} ← {}", sysreg_name(static_cast<isa::SysReg>(u.imm)), expr(u.b).str());
      return;
    case Op::LoadMxcsr: out.note = "MXCSR ← " + rhs(u).str(); return;
    case Op::StoreMxcsr:
      out.integer_result = true;
      out.how = Expr::place("MXCSR");
      return;
    case Op::Trap: out.note = fmt::format("raises {}", fault_name(u.fault)); return;
    default: return;  // control: the flow says it
  }
}

void OpWords::vectors(const Uop& u, Spoken& out) const {
  const std::string name = u.helper ? u.helper->name : "?";
  const std::string imm = u.imm ? fmt::format(", {}", say_number(u.imm)) : "";
  switch (u.op) {
    case Op::VecOp:
    case Op::VecFp:
      out.vector_result = true;
      if (u.a == u.b && u.a == u.dst &&
          (name.find("xor") != std::string::npos || name.find("eor") != std::string::npos))
        out.how = Expr::constant(0, "0");
      else
        out.how = Expr::other(fmt::format("{}({}, {}{})", name, vexpr(u.a).str(), vexpr(u.b).str(), imm));
      return;
    case Op::VecGet:
      out.integer_result = true;
      out.how = Expr::other(fmt::format("{}({}{})", name, vexpr(u.a).str(), imm));
      return;
    case Op::VecPut:
      out.vector_result = true;
      out.how = Expr::other(fmt::format("{}({}{})", name, expr(u.b).str(), imm));
      return;
    case Op::FpCompare:
      out.compare = true;
      out.note = fmt::format("compares the numbers {} with {} ({})", vexpr(u.a).str(), vexpr(u.b).str(), name);
      return;
    default:  // Helper: may set registers beyond dst
      out.integer_result = true;
      out.how = Expr::other(
          fmt::format("{}({})", name, u.b_imm ? say_number(u.imm) : expr(u.a).str() + ", " + expr(u.b).str()));
      out.how2 = Expr::other(name);
      if (u.helper)
        for (Reg r = 0; r < isa::kZero; ++r)
          if (u.helper->writes >> r & 1 && r != u.dst && r != u.dst2) out.more_registers.push_back(r);
      if (u.dst == isa::kSink && out.more_registers.empty()) out.note = name;
      return;
  }
}

void OpWords::wide(const Uop& u, Spoken& out) const {
  out.integer_result = true;
  const std::string a = expr(u.a).inner(), b = rhs(u).inner();
  switch (u.op) {
    case Op::MulWideU:
    case Op::MulWideS:
      out.how = Expr::other(fmt::format("{} · {}, low half", a, b));
      out.how2 = Expr::other("high half");
      return;
    case Op::DivWideU:
    case Op::DivWideS:
      out.how = Expr::other(fmt::format("({}:{}) / {}", expr(u.c).str(), expr(u.a).str(), b));
      out.how2 = Expr::other("the remainder");
      return;
    default:  // Madd, Msub
      out.how = Expr::other(
          fmt::format("{} {} {}·{}", expr(u.c).inner(), u.op == Op::Madd ? "+" : "−", a, expr(u.b).inner()));
      return;
  }
}

void OpWords::lea(const Uop& u, Spoken& out) const {
  out.integer_result = true;
  const isa::Mem& m = u.mem;
  if (m.index == isa::kZero && m.base != isa::kZero) {
    out.how = added(expr(m.base), Expr::constant(m.disp, say_number(m.disp)), 1);
  } else if (m.base == isa::kZero && m.index == isa::kZero) {
    out.how = Expr::constant(m.disp, say_value(static_cast<uint64_t>(m.disp), 8, names_));
  } else {
    std::string t = memory_place(m);
    out.how = Expr::other(t.substr(1, t.size() - 2));
  }
}

OpWords::Spoken OpWords::say(const Uop& u, const isa::CpuState& s) const {
  using isa::OpGroup;
  Spoken out;
  switch (isa::traits(u.op).group) {
    case OpGroup::Nop: out.note = "nothing"; break;
    case OpGroup::Alu:
    case OpGroup::Shift:
    case OpGroup::Mul:
    case OpGroup::Div: arithmetic(u, s, out); break;
    case OpGroup::MulWide:
    case OpGroup::DivWide:
    case OpGroup::Madd: wide(u, out); break;
    case OpGroup::DoubleShift:
    case OpGroup::Count:
    case OpGroup::BitTest:
    case OpGroup::Field: bits(u, out); break;
    case OpGroup::Select:
    case OpGroup::CondCompare: select(u, s, out); break;
    case OpGroup::Lea: lea(u, out); break;
    case OpGroup::Memory:
    case OpGroup::Exclusive: memory(u, s, out); break;
    case OpGroup::Masked: masked(u, s, out); break;
    case OpGroup::Area: area(u, s, out); break;
    case OpGroup::String: strings(u, s, out); break;
    case OpGroup::Flags:
    case OpGroup::Machine:
    case OpGroup::Trap: machine(u, s, out); break;
    case OpGroup::Vector: vectors(u, out); break;
    case OpGroup::Jump:
    case OpGroup::Syscall: break;  // said by the flow
  }
  return out;
}

std::string OpWords::condition(const Uop& u, const isa::CpuState& s) const {
  const uint64_t a = u.a == isa::kZero ? 0 : cut(s.r[u.a], u.width);
  const std::string value = fmt::format("{} = {}", expr(u.a).str(), say_number(sext(a, u.width)));
  switch (u.op) {
    case Op::Cbz: return fmt::format("zero ({})", value);
    case Op::Cbnz: return fmt::format("not zero ({})", value);
    case Op::Tbz:
    case Op::Tbnz:
      return fmt::format("bit {} of {} is {} (it is {})", u.imm2, expr(u.a).str(), u.op == Op::Tbz ? 0 : 1,
                         s.r[u.a] >> u.imm2 & 1);
    default: return fmt::format("{} ({})", say_condition(u.cond), flags_text(isa_, u.cond, s.flags()));
  }
}

}  // namespace deferscope::traces
