// The x87's instructions. A helper does all of one but for its memory: an operand there is loaded before it, and a
// result for memory is stored behind it, checked first. An exception that is not masked sets the
// status word's summary bit, and the next instruction that waits raises it (lift_wait); what it leaves undone is
// done()'s and pack()'s matter. Stores to memory are made all the same.
#include "isa/x86_64/fpu_area.h"
#include "isa/x86_64/rows.h"
#include "isa/x86_64/x87_float.h"

namespace deferscope::isa::x86_64 {
namespace {

using namespace x87;

// What a helper's micro-op carries in imm: two registers ST(i), what the second operand is, and how often to pop.
enum class From : uint8_t { Stack, Float, Double, Short, Long, Quad, Extended, Digits };
struct Operands {
  unsigned to = 0, with = 0, pops = 0;
  From from = From::Stack;
  int64_t packed() const { return to | with << 3 | pops << 6 | static_cast<unsigned>(from) << 8; }
  static Operands of(const Uop& u) {
    const auto x = static_cast<unsigned>(u.imm);
    return {x & 7, x >> 3 & 7, x >> 6 & 3, static_cast<From>(x >> 8)};
  }
};

// One instruction at work on the stack.
class Unit {
 public:
  Unit(CpuState& s, const Uop& u) : f_(s.x87), before_(s.x87), s_(s), u_(u), o_(Operands::of(u)) {
    c_.control = f_.control;
  }

  const Operands& operands() const { return o_; }
  Context& context() { return c_; }
  unsigned place(unsigned i) const { return (f_.top() + i) % 8; }
  bool empty(unsigned i) const { return !(f_.full >> place(i) & 1); }
  F80 get(unsigned i) const { return {f_.significand[place(i)], f_.exponent[place(i)]}; }
  void set(unsigned i, F80 x) {
    f_.significand[place(i)] = x.significand, f_.exponent[place(i)] = x.exponent;
    f_.full = static_cast<uint8_t>(f_.full | 1u << place(i));
  }
  void free(unsigned i) { f_.full = static_cast<uint8_t>(f_.full & ~(1u << place(i))); }
  void turn(unsigned by) { f_.set_top(f_.top() + by); }
  void pop() {
    free(0);
    turn(1);
  }
  void push(F80 x) {
    turn(7);
    const bool overflow = !empty(0);
    if (overflow) c_.raised = kInvalid | kStackFault, c_.up = true;
    set(0, overflow ? kDefaultNan : x);
  }
  void push_unchecked(F80 x) {
    turn(7);
    set(0, x);
  }
  // A register that is needed is empty: says so, and true.
  bool underflow(bool any) {
    if (any) c_.raised |= kInvalid | kStackFault;
    return any;
  }
  bool operand_empty() const { return o_.from == From::Stack && empty(o_.with); }
  // The second operand; what its conversion raises is in `conversion`.
  F80 operand(Context& conversion) const {
    const uint64_t x = u_.a == kZero ? 0 : s_.r[u_.a];
    switch (o_.from) {
      case From::Float: return from_float(conversion, static_cast<uint32_t>(x));
      case From::Double: return from_double(conversion, x);
      case From::Short: return from_integer(static_cast<int16_t>(x));
      case From::Long: return from_integer(static_cast<int32_t>(x));
      case From::Quad: return from_integer(static_cast<int64_t>(x));
      case From::Extended: return {x, static_cast<uint16_t>(s_.r[u_.b])};
      case From::Digits: return from_decimal({x, static_cast<uint16_t>(s_.r[u_.b])});
      default: return get(o_.with);
    }
  }
  void codes(uint16_t set) { f_.status = static_cast<uint16_t>((f_.status & ~(kC0 | kC2 | kC3)) | set); }
  void result(uint64_t x, uint64_t high = 0) {
    s_.r[u_.dst] = x;
    if (u_.dst2 != kSink) s_.r[u_.dst2] = high;
  }
  // An exception of an operand is not masked.
  bool stops() const { return c_.raised & ~f_.control & stopping_; }
  void go_on_with_denormals() { stopping_ = kInvalid | kZeroDivide; }
  // What was raised goes to the status word, then the stack is popped. Of operands' exceptions one that is not masked
  // leaves everything but the codes as it was; it is a signal at the next instruction that waits.
  Fault done() {
    if (stops()) {
      constexpr uint16_t kCodes = kC0 | kC2 | kC3;
      const auto codes = static_cast<uint16_t>((before_.status & ~kCodes) | (f_.status & kCodes));
      f_ = before_;
      f_.status = codes;
      o_.pops = 0;
      c_.raised &= kOfOperands | kStackFault;
      c_.up = c_.up && c_.raised & kStackFault;
    }
    const unsigned status = (f_.status & ~kC1) | c_.raised | (c_.up ? kC1 : 0u);
    f_.status = x87_status(static_cast<uint16_t>(status), f_.control);
    for (unsigned i = 0; i < o_.pops; ++i) pop();
    return Fault::None;
  }

 private:
  static constexpr uint16_t kOfOperands = kInvalid | kDenormal | kZeroDivide;
  uint16_t stopping_ = kOfOperands;
  X87& f_;
  const X87 before_;
  CpuState& s_;
  const Uop& u_;
  Operands o_;
  Context c_;
};

// Raised by the conversion of an operand in memory: counts unless the operation was invalid or gave a NaN back.
void add_conversion(Context& c, const Context& conversion, F80 a, F80 b) {
  const auto nan = [](F80 x) { return class_of(x) == Class::Nan || class_of(x) == Class::Unsupported; };
  if (!(c.raised & (kInvalid | kZeroDivide)) && !nan(a) && !nan(b)) c.raised |= conversion.raised;
}

template <F80 (*f)(Context&, F80, F80), bool reversed>
Fault arithmetic(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const unsigned to = x.operands().to;
  F80 r = kDefaultNan;
  if (!x.underflow(x.empty(to) || x.operand_empty())) {
    Context conversion;
    const F80 a = x.get(to), b = x.operand(conversion);
    r = reversed ? f(x.context(), b, a) : f(x.context(), a, b);
    add_conversion(x.context(), conversion, a, b);
  }
  x.set(to, r);
  return x.done();
}

template <F80 (*f)(Context&, F80)>
Fault unary(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.set(0, x.underflow(x.empty(0)) ? kDefaultNan : f(x.context(), x.get(0)));
  return x.done();
}
F80 absolute(Context&, F80 a) { return {a.significand, static_cast<uint16_t>(a.exponent & 0x7fff)}; }
F80 negated(Context&, F80 a) { return {a.significand, static_cast<uint16_t>(a.exponent ^ 0x8000)}; }

Fault fscale(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.set(0, x.underflow(x.empty(0) || x.empty(1)) ? kDefaultNan : scale(x.context(), x.get(0), x.get(1)));
  return x.done();
}

Fault fxtract(CpuState& s, const Uop& u) {
  Unit x(s, u);
  if (x.underflow(x.empty(0))) return x.set(0, kDefaultNan), x.push_unchecked(kDefaultNan), x.done();
  F80 exponent = kDefaultNan, significand = kDefaultNan;
  if (x.empty(7)) significand = extract(x.context(), x.get(0), exponent);
  x.set(0, exponent);
  x.push(significand);
  return x.done();
}

template <bool nearest>
Fault partial_remainder(CpuState& s, const Uop& u) {
  Unit x(s, u);
  Remainder r{kDefaultNan};
  if (!x.underflow(x.empty(0) || x.empty(1))) r = remainder(x.context(), x.get(0), x.get(1), nearest);
  x.set(0, r.rest);
  if (class_of(r.rest) == Class::Nan || x.stops())
    return x.codes(s.x87.status & (kC0 | kC3)), x.done();  // they say nothing
  x.codes(static_cast<uint16_t>((r.quotient & 4 ? kC0 : 0) | (r.quotient & 2 ? kC3 : 0) | (r.partial ? kC2 : 0)));
  x.context().up = r.quotient & 1;
  return x.done();
}

// FSIN, FCOS; an angle that is too large stays, and C2 says so.
bool too_large(Unit& x) { return !x.empty(0) && !angle_in_range(x.get(0)); }
template <F80 (*f)(Context&, F80)>
Fault of_angle(CpuState& s, const Uop& u) {
  Unit x(s, u);
  if (too_large(x)) return x.codes(static_cast<uint16_t>((s.x87.status & (kC0 | kC3)) | kC2)), x.done();
  x.codes(s.x87.status & (kC0 | kC3));
  x.set(0, x.underflow(x.empty(0)) ? kDefaultNan : f(x.context(), x.get(0)));
  return x.done();
}

// FPTAN, FSINCOS: f of the angle takes its place, and the cosine or 1 is pushed.
F80 one_or_nan(F80 of_angle) { return class_of(of_angle) == Class::Nan ? of_angle : kOne; }
template <F80 (*f)(Context&, F80), bool with_cosine>
Fault two_of_angle(CpuState& s, const Uop& u) {
  Unit x(s, u);
  if (too_large(x) && x.empty(7)) return x.codes(static_cast<uint16_t>((s.x87.status & (kC0 | kC3)) | kC2)), x.done();
  x.codes(s.x87.status & (kC0 | kC3));
  if (x.underflow(x.empty(0))) return x.set(0, kDefaultNan), x.push_unchecked(kDefaultNan), x.done();
  F80 first = kDefaultNan, second = kDefaultNan;
  if (x.empty(7)) {
    const F80 a = x.get(0);
    first = f(x.context(), a), second = with_cosine ? cosine(x.context(), a) : one_or_nan(first);
  }
  x.set(0, first);
  x.push(second);
  return x.done();
}

// ---- comparisons

constexpr uint16_t kCodes[] = {0, kC0, kC3, kC0 | kC2 | kC3};  // by Order
constexpr uint32_t kFlags[] = {0, flag::CF, flag::ZF, flag::ZF | flag::PF | flag::CF};

Order compared(Unit& x, bool quiet) {
  if (x.underflow(x.empty(0) || x.operand_empty())) return Order::Unordered;
  Context conversion;
  const F80 a = x.get(0), b = x.operand(conversion);
  const Order order = compare(x.context(), a, b, quiet);
  add_conversion(x.context(), conversion, a, b);
  return order;
}
template <bool quiet>
Fault to_codes(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.codes(kCodes[static_cast<unsigned>(compared(x, quiet))]);
  return x.done();
}
template <bool quiet>
Fault to_flags(CpuState& s, const Uop& u) {
  Unit x(s, u);
  s.set_flags(kFlags[static_cast<unsigned>(compared(x, quiet))]);
  return x.done();
}
Fault ftst(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const bool none = x.underflow(x.empty(0));
  x.codes(
      kCodes[static_cast<unsigned>(none ? Order::Unordered : compare(x.context(), x.get(0), kPositiveZero, false))]);
  return x.done();
}
Fault fxam(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const auto k = static_cast<unsigned>(x.empty(0) ? Class::Empty : class_of(x.get(0)));
  x.codes(static_cast<uint16_t>((k & 1 ? kC0 : 0) | (k & 2 ? kC2 : 0) | (k & 4 ? kC3 : 0)));
  x.context().up = x.get(0).negative();
  return x.done();
}

// ---- moves

Fault load(CpuState& s, const Uop& u) {
  Unit x(s, u);
  if (x.underflow(x.operand_empty())) return x.push_unchecked(kDefaultNan), x.done();
  F80 value = x.operand(x.context());
  const From from = x.operands().from;
  if (from == From::Float || from == From::Double) value = quieted(x.context(), value);
  x.go_on_with_denormals();
  x.push(value);
  return x.done();
}

constexpr F80 kConstants[] = {
    kOne,
    {0xd49a784bcd1b8afe, 0x4000},  // log2 10
    {0xb8aa3b295c17f0bc, 0x3fff},  // log2 e
    {0xc90fdaa22168c235, 0x4000},  // pi
    {0x9a209a84fbcff799, 0x3ffd},  // log10 2
    {0xb17217f7d1cf79ac, 0x3ffe},  // ln 2
    kPositiveZero,
};
// The last bit of those that are not exact is one lower where rounding goes down, or up for log2 10.
F80 constant_of(unsigned which, uint16_t control) {
  F80 x = kConstants[which];
  const unsigned mode = control >> 10 & 3;
  const bool rounded_down = which == 1, exact = which == 0 || which == 6;
  if (exact) return x;
  if (rounded_down) return x.significand += mode == 2, x;
  return x.significand -= mode == 1 || mode == 3, x;
}
Fault load_constant(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.push(constant_of(x.operands().with, s.x87.control));
  return x.done();
}

// To a register
Fault store_register(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.set(x.operands().to, x.underflow(x.empty(0)) ? kDefaultNan : x.get(0));
  return x.done();
}
// FSTPNCE, D9 D8: an empty ST(0) is only popped.
Fault store_if_any(CpuState& s, const Uop& u) {
  Unit x(s, u);
  if (!x.empty(0)) x.set(x.operands().to, x.get(0));
  return x.done();
}
// To memory: the bits to u.dst
Fault store(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const bool none = x.underflow(x.empty(0));
  const F80 a = none ? kDefaultNan : x.get(0);
  Context quiet, &c = none ? quiet : x.context();
  switch (x.operands().from) {
    case From::Float: x.result(to_float(c, a)); break;
    case From::Double: x.result(to_double(c, a)); break;
    case From::Short: x.result(static_cast<uint64_t>(to_integer(c, a, 16, false))); break;
    case From::Long: x.result(static_cast<uint64_t>(to_integer(c, a, 32, false))); break;
    case From::Quad: x.result(static_cast<uint64_t>(to_integer(c, a, 64, false))); break;
    case From::Digits: {
      const Decimal digits = to_decimal(c, a);
      x.result(digits.low, digits.high);
      break;
    }
    default: x.result(a.significand, a.exponent); break;
  }
  return x.done();
}
Fault store_truncated(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const bool none = x.underflow(x.empty(0));
  Context quiet, &c = none ? quiet : x.context();
  const From to = x.operands().from;
  const unsigned bits = to == From::Short ? 16 : to == From::Long ? 32 : 64;
  x.result(static_cast<uint64_t>(to_integer(c, none ? kDefaultNan : x.get(0), bits, true)));
  return x.done();
}

Fault exchange(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const unsigned with = x.operands().with;
  x.underflow(x.empty(0) || x.empty(with));
  const F80 a = x.empty(0) ? kDefaultNan : x.get(0), b = x.empty(with) ? kDefaultNan : x.get(with);
  x.set(0, b);
  x.set(with, a);
  return x.done();
}

Fault move_if(CpuState& s, const Uop& u) {
  Unit x(s, u);
  const unsigned with = x.operands().with;
  if (x.underflow(x.empty(0) || x.empty(with)))
    x.set(0, kDefaultNan);
  else if (u.imm2 != 0)
    x.set(0, x.get(with));
  const uint16_t c1 = s.x87.status & kC1;
  x.context().up = c1 && !(x.context().raised & kStackFault);
  return x.done();
}

// ---- control

enum Control : uint8_t { kInit, kClear, kIncrement, kDecrement, kFree, kNothing, kEmpty };
template <Control what>
Fault control(CpuState& s, const Uop& u) {
  Unit x(s, u);
  X87& f = s.x87;
  switch (what) {
    case kInit: f.control = 0x37f, f.status = 0, f.full = 0; return Fault::None;
    case kClear: f.status &= 0x7f00; return Fault::None;
    case kEmpty: f.full = 0, f.set_top(0); return Fault::None;
    case kFree: x.free(x.operands().with); break;
    case kIncrement: x.turn(1); break;
    case kDecrement: x.turn(7); break;
    default: return Fault::None;
  }
  return x.done();
}
Fault free_and_pop(CpuState& s, const Uop& u) {
  Unit x(s, u);
  x.free(x.operands().with);
  x.pop();
  return x.done();
}

Fault load_control(CpuState& s, const Uop& u) {
  s.x87.control = x87_control(static_cast<uint16_t>(s.r[u.a]));
  s.x87.status = x87_status(s.x87.status, s.x87.control);
  return Fault::None;
}
Fault read_control(CpuState& s, const Uop& u) { return s.r[u.dst] = s.x87.control, Fault::None; }
Fault read_status(CpuState& s, const Uop& u) { return s.r[u.dst] = s.x87.status, Fault::None; }

// ---- lift

int memory_operand(const Builder& b) {
  for (int i = 0; i < b.in.operand_count_visible; ++i)
    if (b.is_mem(i)) return i;
  return -1;
}

// How many registers a mnemonic pops: FCOMPP, or one of those whose name ends in P.
unsigned pops_of(const Builder& b) { return static_cast<unsigned>(b.row.param); }

Uop& call(Builder& b, const Operands& o) {
  Uop& u = b.emit(Op::Helper, 8);
  u.helper = b.helper, u.imm = o.packed();
  return u;
}

// The operand in memory → registers; false: there is none.
struct Loaded {
  From from = From::Stack;
  Reg low = kZero, high = kZero;
};
Loaded load_operand(Builder& b) {
  const int i = memory_operand(b);
  if (i < 0) return {};
  const bool integer =
      b.in.opcode == 0xda || b.in.opcode == 0xde || b.in.opcode == 0xdf || (b.in.opcode == 0xdb && b.width(i) == 4);
  const Mem m = b.mem(i);
  const unsigned w = b.width(i);
  Loaded out;
  out.low = b.temp();
  b.load(out.low, m, w == 10 ? 8 : w);
  if (w == 10) {
    Mem high = m;
    high.disp += 8;
    out.high = b.temp();
    b.load(out.high, high, 2);
    out.from = b.in.opcode == 0xdf ? From::Digits : From::Extended;
  } else if (w == 8) {
    out.from = integer ? From::Quad : From::Double;
  } else {
    out.from = w == 2 ? From::Short : integer ? From::Long : From::Float;
  }
  return out;
}
void take(Uop& u, const Loaded& from) { u.a = from.low, u.b = from.high; }

unsigned st(const Builder& b) { return b.in.raw.modrm.rm; }

// D8: ST(0) and ST(i); DC, DE: the other way round
void lift_arithmetic(Builder& b) {
  const Loaded from = load_operand(b);
  Operands o{.pops = pops_of(b), .from = from.from};
  if (from.from == From::Stack) (b.in.opcode == 0xd8 ? o.with : o.to) = st(b);
  take(call(b, o), from);
}
// With ST(i) or memory
void lift_with(Builder& b) {
  const Loaded from = load_operand(b);
  Operands o{.pops = pops_of(b), .from = from.from};
  if (from.from == From::Stack) o.with = st(b);
  take(call(b, o), from);
}
// ST(1) and ST(0) to ST(1), popped
void lift_into_next(Builder& b) { call(b, {.to = 1, .with = 0, .pops = 1}); }
void lift_compare_next(Builder& b) { call(b, {.with = 1, .pops = 2}); }
void lift_alone(Builder& b) { call(b, {}); }
void lift_register(Builder& b) { call(b, {.with = st(b)}); }
// param: index in kConstants
void lift_constant(Builder& b) { call(b, {.with = static_cast<unsigned>(b.row.param)}); }

void check(Builder& b, const Mem& m, unsigned w) { b.emit(Op::StoreCheck, w).mem = m; }

// param: pops
void lift_store(Builder& b) {
  const int i = memory_operand(b);
  if (i < 0) {
    call(b, {.to = st(b), .pops = pops_of(b)});
    return;
  }
  const unsigned w = b.width(i);
  const bool integer =
      b.in.opcode == 0xdf || (b.in.opcode == 0xdb && w != 10) || (b.in.opcode == 0xdd && b.in.raw.modrm.reg == 1);
  const From to = w == 10  ? (b.in.opcode == 0xdf ? From::Digits : From::Extended)
                  : w == 8 ? (integer ? From::Quad : From::Double)
                  : w == 4 ? (integer ? From::Long : From::Float)
                           : From::Short;
  const Mem m = b.mem(i);
  Mem high = m;
  high.disp += 8;
  check(b, m, w == 10 ? 8 : w);
  if (w == 10) check(b, high, 2);
  const Reg low = b.temp(), top = w == 10 ? b.temp() : kSink;
  Uop& u = call(b, {.pops = pops_of(b), .from = to});
  u.dst = low, u.dst2 = top;
  b.store(m, from(low), w == 10 ? 8 : w);
  if (w == 10) b.store(high, from(top), 2);
}
// FST and FSTP of registers use another helper.
Fault fst(CpuState& s, const Uop& u) {
  return Operands::of(u).from == From::Stack ? store_register(s, u) : store(s, u);
}

void lift_load_word(Builder& b) {
  const Reg t = b.temp();
  b.load(t, b.mem(memory_operand(b)), 2);
  Uop& u = b.emit(Op::Helper, 2);
  u.helper = b.helper, u.a = t;
}
void lift_store_word(Builder& b) {
  const int i = memory_operand(b);
  const Mem m = i < 0 ? Mem{} : b.mem(i);
  const Reg t = b.temp();
  Uop& u = b.emit(Op::Helper, 2);
  u.helper = b.helper, u.dst = t;
  i < 0 ? b.mov(kRax, from(t), 2) : b.store(m, from(t), 2);
}

// The condition becomes imm2 of the helper by running one of two.
void lift_move_if(Builder& b) {
  const Reg t = b.temp();
  Uop& set = b.emit(Op::Set, 1);
  set.cond = b.row.cond, set.dst = t;
  Uop& u = call(b, {.with = st(b)});
  u.a = t;
}
Fault fcmov(CpuState& s, const Uop& u) {
  Uop known = u;
  known.imm2 = s.r[u.a] & 1;
  return move_if(s, known);
}

void lift_nothing(Builder&) {}

Fault wait(CpuState& s, const Uop&) { return s.x87.status & 0x80 ? Fault::X87Exception : Fault::None; }
constexpr Helper kWait = {.name = "x87.wait", .any = wait};

constexpr Row row(ZydisMnemonic m, void (*lift)(Builder&), const char* name, Fault (*any)(CpuState&, const Uop&),
                  int64_t param = 0, Cond cond = Cond::Always) {
  return Row{m, lift, Op::Helper, FlagRule::None, param, cond, {.name = name, .any = any}};
}

// clang-format off
const Row kX87Rows[] = {
#define ARITHMETIC(NAME, name, f, reversed)                                                        \
    row(ZYDIS_MNEMONIC_F##NAME, lift_arithmetic, "f" name, arithmetic<f, reversed>),               \
    row(ZYDIS_MNEMONIC_F##NAME##P, lift_arithmetic, "f" name, arithmetic<f, reversed>, 1),         \
    row(ZYDIS_MNEMONIC_FI##NAME, lift_arithmetic, "f" name, arithmetic<f, reversed>)
    ARITHMETIC(ADD, "add", add, false), ARITHMETIC(MUL, "mul", multiply, false),
    ARITHMETIC(SUB, "sub", subtract, false), ARITHMETIC(SUBR, "subr", subtract, true),
    ARITHMETIC(DIV, "div", divide, false), ARITHMETIC(DIVR, "divr", divide, true),
    row(ZYDIS_MNEMONIC_FSQRT, lift_alone, "fsqrt", unary<square_root>), row(ZYDIS_MNEMONIC_FRNDINT, lift_alone, "frndint", unary<round_to_integer>),
    row(ZYDIS_MNEMONIC_FABS, lift_alone, "fabs", unary<absolute>), row(ZYDIS_MNEMONIC_FCHS, lift_alone, "fchs", unary<negated>),
    row(ZYDIS_MNEMONIC_FSCALE, lift_alone, "fscale", fscale), row(ZYDIS_MNEMONIC_FXTRACT, lift_alone, "fxtract", fxtract),
    row(ZYDIS_MNEMONIC_FPREM, lift_alone, "fprem", partial_remainder<false>), row(ZYDIS_MNEMONIC_FPREM1, lift_alone, "fprem1", partial_remainder<true>),
    row(ZYDIS_MNEMONIC_F2XM1, lift_alone, "f2xm1", unary<power_minus_one>), row(ZYDIS_MNEMONIC_FPATAN, lift_into_next, "fpatan", arithmetic<arctangent, false>),
    row(ZYDIS_MNEMONIC_FYL2X, lift_into_next, "fyl2x", arithmetic<times_log2, false>), row(ZYDIS_MNEMONIC_FYL2XP1, lift_into_next, "fyl2xp1", arithmetic<times_log2_of_next, false>),
    row(ZYDIS_MNEMONIC_FSIN, lift_alone, "fsin", of_angle<sine>), row(ZYDIS_MNEMONIC_FCOS, lift_alone, "fcos", of_angle<cosine>),
    row(ZYDIS_MNEMONIC_FPTAN, lift_alone, "fptan", two_of_angle<tangent, false>), row(ZYDIS_MNEMONIC_FSINCOS, lift_alone, "fsincos", two_of_angle<sine, true>),

    row(ZYDIS_MNEMONIC_FCOM, lift_with, "fcom", to_codes<false>), row(ZYDIS_MNEMONIC_FCOMP, lift_with, "fcom", to_codes<false>, 1),
    row(ZYDIS_MNEMONIC_FICOM, lift_with, "fcom", to_codes<false>), row(ZYDIS_MNEMONIC_FICOMP, lift_with, "fcom", to_codes<false>, 1),
    row(ZYDIS_MNEMONIC_FCOMPP, lift_compare_next, "fcom", to_codes<false>), row(ZYDIS_MNEMONIC_FUCOMPP, lift_compare_next, "fucom", to_codes<true>),
    row(ZYDIS_MNEMONIC_FUCOM, lift_with, "fucom", to_codes<true>), row(ZYDIS_MNEMONIC_FUCOMP, lift_with, "fucom", to_codes<true>, 1),
    row(ZYDIS_MNEMONIC_FCOMI, lift_with, "fcomi", to_flags<false>), row(ZYDIS_MNEMONIC_FCOMIP, lift_with, "fcomi", to_flags<false>, 1),
    row(ZYDIS_MNEMONIC_FUCOMI, lift_with, "fucomi", to_flags<true>), row(ZYDIS_MNEMONIC_FUCOMIP, lift_with, "fucomi", to_flags<true>, 1),
    row(ZYDIS_MNEMONIC_FTST, lift_alone, "ftst", ftst), row(ZYDIS_MNEMONIC_FXAM, lift_alone, "fxam", fxam),

    row(ZYDIS_MNEMONIC_FLD, lift_with, "fld", load), row(ZYDIS_MNEMONIC_FILD, lift_with, "fld", load), row(ZYDIS_MNEMONIC_FBLD, lift_with, "fld", load),
    row(ZYDIS_MNEMONIC_FLD1, lift_constant, "fld_constant", load_constant, 0), row(ZYDIS_MNEMONIC_FLDL2T, lift_constant, "fld_constant", load_constant, 1),
    row(ZYDIS_MNEMONIC_FLDL2E, lift_constant, "fld_constant", load_constant, 2), row(ZYDIS_MNEMONIC_FLDPI, lift_constant, "fld_constant", load_constant, 3),
    row(ZYDIS_MNEMONIC_FLDLG2, lift_constant, "fld_constant", load_constant, 4), row(ZYDIS_MNEMONIC_FLDLN2, lift_constant, "fld_constant", load_constant, 5),
    row(ZYDIS_MNEMONIC_FLDZ, lift_constant, "fld_constant", load_constant, 6),
    row(ZYDIS_MNEMONIC_FST, lift_store, "fst", fst), row(ZYDIS_MNEMONIC_FSTP, lift_store, "fst", fst, 1), row(ZYDIS_MNEMONIC_FSTPNCE, lift_store, "fstpnce", store_if_any, 1),
    row(ZYDIS_MNEMONIC_FIST, lift_store, "fst", fst), row(ZYDIS_MNEMONIC_FISTP, lift_store, "fst", fst, 1), row(ZYDIS_MNEMONIC_FBSTP, lift_store, "fst", fst, 1),
    row(ZYDIS_MNEMONIC_FISTTP, lift_store, "fisttp", store_truncated, 1), row(ZYDIS_MNEMONIC_FXCH, lift_register, "fxch", exchange),
    row(ZYDIS_MNEMONIC_FCMOVB, lift_move_if, "fcmov", fcmov, 0, Cond::B), row(ZYDIS_MNEMONIC_FCMOVNB, lift_move_if, "fcmov", fcmov, 0, Cond::AE),
    row(ZYDIS_MNEMONIC_FCMOVE, lift_move_if, "fcmov", fcmov, 0, Cond::E), row(ZYDIS_MNEMONIC_FCMOVNE, lift_move_if, "fcmov", fcmov, 0, Cond::NE),
    row(ZYDIS_MNEMONIC_FCMOVBE, lift_move_if, "fcmov", fcmov, 0, Cond::BE), row(ZYDIS_MNEMONIC_FCMOVNBE, lift_move_if, "fcmov", fcmov, 0, Cond::A),
    row(ZYDIS_MNEMONIC_FCMOVU, lift_move_if, "fcmov", fcmov, 0, Cond::P), row(ZYDIS_MNEMONIC_FCMOVNU, lift_move_if, "fcmov", fcmov, 0, Cond::NP),

    row(ZYDIS_MNEMONIC_FNINIT, lift_alone, "fninit", control<kInit>), row(ZYDIS_MNEMONIC_FNCLEX, lift_alone, "fnclex", control<kClear>),
    row(ZYDIS_MNEMONIC_FINCSTP, lift_alone, "fincstp", control<kIncrement>), row(ZYDIS_MNEMONIC_FDECSTP, lift_alone, "fdecstp", control<kDecrement>),
    row(ZYDIS_MNEMONIC_FFREE, lift_register, "ffree", control<kFree>), row(ZYDIS_MNEMONIC_FFREEP, lift_register, "ffreep", free_and_pop),
    row(ZYDIS_MNEMONIC_EMMS, lift_alone, "emms", control<kEmpty>),
    row(ZYDIS_MNEMONIC_FLDCW, lift_load_word, "fldcw", load_control), row(ZYDIS_MNEMONIC_FNSTCW, lift_store_word, "fnstcw", read_control),
    row(ZYDIS_MNEMONIC_FNSTSW, lift_store_word, "fnstsw", read_status),
    {ZYDIS_MNEMONIC_FNOP, lift_nothing}, {ZYDIS_MNEMONIC_FWAIT, lift_nothing}, {ZYDIS_MNEMONIC_FENI8087_NOP, lift_nothing},
    {ZYDIS_MNEMONIC_FDISI8087_NOP, lift_nothing}, {ZYDIS_MNEMONIC_FSETPM287_NOP, lift_nothing},
};
// clang-format on

}  // namespace

std::span<const Row> x87_rows() { return kX87Rows; }

void lift_wait(Builder& b) { b.emit(Op::Helper, 8).helper = &kWait; }

}  // namespace deferscope::isa::x86_64
