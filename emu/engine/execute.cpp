// The interpreter: one label a handler, direct-threaded. Fast paths are inline; whatever is rare goes through the
// reference evaluator.
#include <bit>
#include <cstring>

#include "emu/engine/cache.h"
#include "emu/engine/engine.h"
#include "emu/engine/handlers.h"

namespace deferscope::emu {
namespace {

using isa::CpuState;
using isa::FlagKind;
using isa::LazyFlags;
using isa::Vec;
using u128 = unsigned __int128;
using i128 = __int128;
namespace flag = isa::flag;

// The reference evaluator's view of Memory, for rare micro-ops.
class MemoryBus final : public isa::Bus {
 public:
  explicit MemoryBus(Memory& m) : m_(m) {}
  bool read(uint64_t a, void* out, unsigned n) override { return m_.read(a, out, n) || fail(); }
  bool write(uint64_t a, const void* in, unsigned n) override { return m_.write(a, in, n) || fail(); }
  bool check_write(uint64_t a, unsigned n) override { return m_.check_write(a, n) || fail(); }

 private:
  bool fail() {
    fault_address = m_.fault_address;
    fault = m_.fault;
    return false;
  }
  Memory& m_;
};

[[gnu::always_inline]] inline void lazy(LazyFlags& f, FlagKind kind, uint8_t log_width, uint64_t a, uint64_t b) {
  f.a = a;
  f.b = b;
  const uint16_t both = static_cast<uint16_t>(static_cast<uint8_t>(kind) | log_width << 8);
  std::memcpy(&f.kind, &both, 2);
}

// Carry without computing the other flags.
[[gnu::always_inline]] inline bool carry(const LazyFlags& f) {
  if (f.width == 3) {
    switch (f.kind) {
      case FlagKind::Sub: return f.a < f.b;
      case FlagKind::SubArm: return f.a >= f.b;
      case FlagKind::Add:
      case FlagKind::AddArm: return f.a + f.b < f.a;
      case FlagKind::Logic: return false;
      default: break;
    }
  }
  return f.bits() & flag::CF;
}

// A condition on flags of unknown origin; the common kinds are answered without making the bits.
[[gnu::noinline]] bool holds_slow(isa::Cond c, const LazyFlags& f) { return isa::holds(c, f.bits()); }

template <class U>
[[gnu::always_inline]] inline bool relates(Relation r, U a, U b) {
  using S = std::make_signed_t<U>;
  switch (r) {
    case EQ: return a == b;
    case NE: return a != b;
    case ULT: return a < b;
    case UGE: return a >= b;
    case ULE: return a <= b;
    case UGT: return a > b;
    case SLT: return static_cast<S>(a) < static_cast<S>(b);
    case SGE: return static_cast<S>(a) >= static_cast<S>(b);
    case SLE: return static_cast<S>(a) <= static_cast<S>(b);
    case SGT: return static_cast<S>(a) > static_cast<S>(b);
    case NEG: return static_cast<S>(static_cast<U>(a - b)) < 0;
    default: return static_cast<S>(static_cast<U>(a - b)) >= 0;
  }
}

// Conditions as relations of Sub's operands (x86-64: CF = borrow).
constexpr Relation kSubRelation[] = {kNoRelation, kNoRelation, ULT,         UGE,         EQ,          NE,  ULE,
                                     UGT,         NEG,         POS,         kNoRelation, kNoRelation, SLT, SGE,
                                     SLE,         SGT,         kNoRelation, kNoRelation, kNoRelation};

[[gnu::always_inline]] inline bool holds_lazy(isa::Cond c, const LazyFlags& f) {
  const Relation r = kSubRelation[static_cast<int>(c)];
  if (r == kNoRelation) return holds_slow(c, f);
  if (f.kind == FlagKind::Sub) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, f.b);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), static_cast<uint32_t>(f.b));
  } else if (f.kind == FlagKind::SubArm && r != ULT && r != UGE && r != ULE && r != UGT) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, f.b);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), static_cast<uint32_t>(f.b));
  } else if (f.kind == FlagKind::Logic) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, 0);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), 0);
  }
  return holds_slow(c, f);
}

uint32_t parity_zero_sign(uint64_t r, unsigned bits) {
  uint32_t f = (std::popcount(static_cast<uint8_t>(r)) & 1) == 0 ? flag::PF : 0;
  if ((r << (64 - bits)) == 0) f |= flag::ZF;
  if (r >> (bits - 1) & 1) f |= flag::SF;
  return f;
}

}  // namespace

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

// With cpu == nullptr: only hands out the labels.
static RunExit interpret(Engine::Context* ctx, const void* const** labels_out);

const void* const* handler_labels() {
  static const void* const* labels = [] {
    const void* const* l = nullptr;
    interpret(nullptr, &l);
    return l;
  }();
  return labels;
}

static RunExit interpret(Engine::Context* ctx, const void* const** labels_out) {
  static const void* const kLabels[] = {
#define X(name) &&L_##name,
      DS_HANDLERS(X)
#undef X
  };
  if (labels_out) {
    *labels_out = kLabels;
    return {};
  }

  CpuState& cpu = *ctx->cpu;
  Memory& memory = *ctx->memory;
  uint64_t* const R = cpu.r.data();
  auto& V = cpu.v;
  LazyFlags& F = cpu.lazy;
  Memory::TlbEntry* const tr = memory.tlb_read.data();
  Memory::TlbEntry* const tw = memory.tlb_write.data();
  int64_t budget = ctx->budget;
  Block* block = ctx->block;
  const Slot* s = block->slots;
  uint64_t pc = 0;       // where a control transfer goes
  uint64_t address = 0;  // of the access at hand
  RunExit out;

#define DISPATCH() goto * s->handler
#define NEXT()  \
  do {          \
    ++s;        \
    DISPATCH(); \
  } while (0)
// Host address of an access of n bytes, or the slow path.
#define TLB_HIT(tlb, n) (tlb[(address >> 12) % Memory::kTlbEntries].tag == ((address + (n)-1) & ~uint64_t{4095}))
#define TLB_HOST(tlb) (reinterpret_cast<uint8_t*>(tlb[(address >> 12) % Memory::kTlbEntries].addend + address))
#define READ(n, to)                                                   \
  do {                                                                \
    if (LIKELY(TLB_HIT(tr, n)))                                       \
      std::memcpy(static_cast<void*>(&(to)), TLB_HOST(tr), n);        \
    else {                                                            \
      if (UNLIKELY(ctx->careful(address, n))) goto watch;             \
      if (UNLIKELY(!memory.read(address, &(to), n))) goto fault_read; \
    }                                                                 \
  } while (0)
#define WRITE(n, from)                                                    \
  do {                                                                    \
    if (LIKELY(TLB_HIT(tw, n)))                                           \
      std::memcpy(TLB_HOST(tw), &(from), n);                              \
    else {                                                                \
      if (UNLIKELY(ctx->careful(address, n))) goto watch;                 \
      if (UNLIKELY(!memory.write(address, &(from), n))) goto fault_write; \
    }                                                                     \
  } while (0)
#define ADDR_b() (R[s->a] + static_cast<uint64_t>(s->imm))
#define ADDR_i() (R[s->a] + (R[s->b] << s->aux) + static_cast<uint64_t>(s->imm))
// Ends the block on the side `n` (0 fall through, 1 taken) at guest address `target`.
#define LEAVE(n, target)                                        \
  do {                                                          \
    Block* const nb = block->link[n];                           \
    if (LIKELY(nb != nullptr) && LIKELY(budget >= nb->count)) { \
      budget -= nb->count;                                      \
      block = nb;                                               \
      s = nb->slots;                                            \
      DISPATCH();                                               \
    }                                                           \
    pc = (target);                                              \
    side = n;                                                   \
    goto leave;                                                 \
  } while (0)
#define LEAVE_INDIRECT()                                                             \
  do {                                                                               \
    const auto& guess = ctx->cache->jump[(pc ^ (pc >> 12)) % Engine::Cache::kJumps]; \
    if (LIKELY(guess.pc == pc) && LIKELY(budget >= guess.block->count)) {            \
      block = guess.block;                                                           \
      budget -= block->count;                                                        \
      s = block->slots;                                                              \
      DISPATCH();                                                                    \
    }                                                                                \
    goto leave_indirect;                                                             \
  } while (0)
#define TAKEN() static_cast<uint64_t>(s->imm2)
#define FALL() (block->pc + block->bytes)

  int side = 0;
  budget -= block->count;
  if (ctx->skip_first) ++s;
  DISPATCH();

  // --- moves and arithmetic ---
L_Nop:
  NEXT();
L_MovR8:
  R[s->dst] = R[s->b];
  NEXT();
L_MovR4:
  R[s->dst] = static_cast<uint32_t>(R[s->b]);
  NEXT();
L_MovI:
  R[s->dst] = static_cast<uint64_t>(s->imm);
  NEXT();
L_MovM1:
  std::memcpy(&R[s->dst], &R[s->b], 1);
  NEXT();
L_MovM2:
  std::memcpy(&R[s->dst], &R[s->b], 2);
  NEXT();

#define ALU_ONE(name, T, LW, RHS, EXPR, FLAGS)                    \
  L_##name : {                                                    \
    const T a = static_cast<T>(R[s->a]), b = static_cast<T>(RHS); \
    const T r = static_cast<T>(EXPR);                             \
    FLAGS(LW)                                                     \
    R[s->dst] = r;                                                \
    (void)a, (void)b;                                             \
    NEXT();                                                       \
  }
#define NO_FLAGS(LW)
#define X_ADD(LW) lazy(F, FlagKind::Add, LW, a, b);
#define X_SUB(LW) lazy(F, FlagKind::Sub, LW, a, b);
#define X_LOGIC(LW) lazy(F, FlagKind::Logic, LW, r, 0);
#define M_ADD(LW) lazy(F, FlagKind::AddArm, LW, a, b);
#define M_SUB(LW) lazy(F, FlagKind::SubArm, LW, a, b);
#define M_LOGIC(LW) lazy(F, FlagKind::LogicArm, LW, r, 0);
#define ALU(op, EXPR, XF, MF)                             \
  ALU_ONE(op##_r8n, uint64_t, 3, R[s->b], EXPR, NO_FLAGS) \
  ALU_ONE(op##_r8x, uint64_t, 3, R[s->b], EXPR, XF)       \
  ALU_ONE(op##_r8m, uint64_t, 3, R[s->b], EXPR, MF)       \
  ALU_ONE(op##_r4n, uint32_t, 2, R[s->b], EXPR, NO_FLAGS) \
  ALU_ONE(op##_r4x, uint32_t, 2, R[s->b], EXPR, XF)       \
  ALU_ONE(op##_r4m, uint32_t, 2, R[s->b], EXPR, MF)       \
  ALU_ONE(op##_i8n, uint64_t, 3, s->imm, EXPR, NO_FLAGS)  \
  ALU_ONE(op##_i8x, uint64_t, 3, s->imm, EXPR, XF)        \
  ALU_ONE(op##_i8m, uint64_t, 3, s->imm, EXPR, MF)        \
  ALU_ONE(op##_i4n, uint32_t, 2, s->imm, EXPR, NO_FLAGS)  \
  ALU_ONE(op##_i4x, uint32_t, 2, s->imm, EXPR, XF)        \
  ALU_ONE(op##_i4m, uint32_t, 2, s->imm, EXPR, MF)
  ALU(Add, a + b, X_ADD, M_ADD)
  ALU(Sub, a - b, X_SUB, M_SUB)
  ALU(And, a & b, X_LOGIC, M_LOGIC)
  ALU(Or, a | b, X_LOGIC, M_LOGIC)
  ALU(Xor, a ^ b, X_LOGIC, M_LOGIC)
  ALU(Bic, a & ~b, X_LOGIC, M_LOGIC)
  ALU(Orn, a | ~b, X_LOGIC, M_LOGIC)
  ALU(Eon, a ^ ~b, X_LOGIC, M_LOGIC)

// Widths 1 and 2 without a destination: byte and word compares and tests.
#define NARROW(name, T, LW, RHS, EXPR, FLAGS)                     \
  L_##name : {                                                    \
    const T a = static_cast<T>(R[s->a]), b = static_cast<T>(RHS); \
    const T r = static_cast<T>(EXPR);                             \
    FLAGS(LW)                                                     \
    (void)r, (void)a, (void)b;                                    \
    NEXT();                                                       \
  }
  NARROW(Cmp_r1x, uint8_t, 0, R[s->b], a - b, X_SUB)
  NARROW(Cmp_i1x, uint8_t, 0, s->imm, a - b, X_SUB)
  NARROW(Sub_r2x, uint16_t, 1, R[s->b], a - b, X_SUB)
  NARROW(Sub_i2x, uint16_t, 1, s->imm, a - b, X_SUB)
  NARROW(Tst_r1x, uint8_t, 0, R[s->b], a & b, X_LOGIC)
  NARROW(Tst_i1x, uint8_t, 0, s->imm, a & b, X_LOGIC)
  NARROW(And_r2x, uint16_t, 1, R[s->b], a & b, X_LOGIC)
  NARROW(And_i2x, uint16_t, 1, s->imm, a & b, X_LOGIC)

// Bytes with a destination: merged into its register.
#define BYTE(name, RHS, EXPR, FLAGS)                                             \
  L_##name : {                                                                   \
    const auto a = static_cast<uint8_t>(R[s->a]), b = static_cast<uint8_t>(RHS); \
    const auto r = static_cast<uint8_t>(EXPR);                                   \
    FLAGS(0)                                                                     \
    std::memcpy(&R[s->dst], &r, 1);                                              \
    NEXT();                                                                      \
  }
#define BYTES(op, EXPR, XF)               \
  BYTE(op##_r1n, R[s->b], EXPR, NO_FLAGS) \
  BYTE(op##_r1x, R[s->b], EXPR, XF)       \
  BYTE(op##_i1n, s->imm, EXPR, NO_FLAGS)  \
  BYTE(op##_i1x, s->imm, EXPR, XF)
  BYTES(Add, a + b, X_ADD)
  BYTES(Sub, a - b, X_SUB)
  BYTES(And, a & b, X_LOGIC)
  BYTES(Or, a | b, X_LOGIC)
  BYTES(Xor, a ^ b, X_LOGIC)

#define WITH_CARRY(name, T, LW, RHS, EXPR, BITS)                  \
  L_##name : {                                                    \
    const T a = static_cast<T>(R[s->a]), b = static_cast<T>(RHS); \
    const T c = carry(F) ? 1 : 0;                                 \
    const T r = static_cast<T>(EXPR);                             \
    constexpr unsigned n = sizeof(T) * 8;                         \
    BITS;                                                         \
    R[s->dst] = r;                                                \
    (void)n;                                                      \
    NEXT();                                                       \
  }
#define ADC_BITS                                      \
  uint32_t f = parity_zero_sign(r, n);                \
  if (r < a || (c && r == a)) f |= flag::CF;          \
  if ((a ^ b ^ r) & 16) f |= flag::AF;                \
  if ((~(a ^ b) & (a ^ r)) >> (n - 1)) f |= flag::OF; \
  lazy(F, FlagKind::Explicit, 3, f, 0)
#define SBB_BITS                                     \
  uint32_t f = parity_zero_sign(r, n);               \
  if (a < b || (c && a == b)) f |= flag::CF;         \
  if ((a ^ b ^ r) & 16) f |= flag::AF;               \
  if (((a ^ b) & (a ^ r)) >> (n - 1)) f |= flag::OF; \
  lazy(F, FlagKind::Explicit, 3, f, 0)
#define ADC_ARM_BITS \
  ADC_BITS;          \
  F.a &= flag::N | flag::Z | flag::C | flag::V
// With C set there is no borrow: a - b - 1 + C.
#define SBC_ARM_BITS                                         \
  uint32_t f = parity_zero_sign(r, n) & (flag::N | flag::Z); \
  if (!(a < b || (!c && a == b))) f |= flag::C;              \
  if (((a ^ b) & (a ^ r)) >> (n - 1)) f |= flag::V;          \
  lazy(F, FlagKind::Explicit, 3, f, 0)
#define CARRY_OP(op, EXPR, BITS)                        \
  WITH_CARRY(op##_r8, uint64_t, 3, R[s->b], EXPR, BITS) \
  WITH_CARRY(op##_r4, uint32_t, 2, R[s->b], EXPR, BITS) \
  WITH_CARRY(op##_i8, uint64_t, 3, s->imm, EXPR, BITS)  \
  WITH_CARRY(op##_i4, uint32_t, 2, s->imm, EXPR, BITS)
  CARRY_OP(Adc, a + b + c, (void)0)
  CARRY_OP(Sbb, a - b - c, (void)0)
  CARRY_OP(AdcX, a + b + c, ADC_BITS)
  CARRY_OP(SbbX, a - b - c, SBB_BITS)
  CARRY_OP(AdcM, a + b + c, ADC_ARM_BITS)
  CARRY_OP(SbcM, a - b - 1 + c, SBC_ARM_BITS)

#define STEP(name, T, LW, EXPR, KIND)                         \
  L_##name : {                                                \
    const T r = static_cast<T>(static_cast<T>(R[s->a]) EXPR); \
    const bool c = carry(F);                                  \
    lazy(F, FlagKind::KIND, LW, r, c);                        \
    R[s->dst] = r;                                            \
    NEXT();                                                   \
  }
  STEP(Inc8, uint64_t, 3, +1, Inc)
  STEP(Inc4, uint32_t, 2, +1, Inc)
  STEP(Dec8, uint64_t, 3, -1, Dec)
  STEP(Dec4, uint32_t, 2, -1, Dec)

#define SHIFT(op, EXPR8, EXPR4)                        \
  L_##op##_r8 : {                                      \
    const uint64_t a = R[s->a];                        \
    const unsigned n = R[s->b] & 63;                   \
    R[s->dst] = static_cast<uint64_t>(EXPR8);          \
    NEXT();                                            \
  }                                                    \
  L_##op##_i8 : {                                      \
    const uint64_t a = R[s->a];                        \
    const unsigned n = s->imm & 63;                    \
    R[s->dst] = static_cast<uint64_t>(EXPR8);          \
    NEXT();                                            \
  }                                                    \
  L_##op##_r4 : {                                      \
    const uint32_t a = static_cast<uint32_t>(R[s->a]); \
    const unsigned n = R[s->b] & 31;                   \
    R[s->dst] = static_cast<uint32_t>(EXPR4);          \
    NEXT();                                            \
  }                                                    \
  L_##op##_i4 : {                                      \
    const uint32_t a = static_cast<uint32_t>(R[s->a]); \
    const unsigned n = s->imm & 31;                    \
    R[s->dst] = static_cast<uint32_t>(EXPR4);          \
    NEXT();                                            \
  }
  SHIFT(Shl, a << n, a << n)
  SHIFT(Shr, a >> n, a >> n)
  SHIFT(Sar, static_cast<int64_t>(a) >> n, static_cast<int32_t>(a) >> n)
  SHIFT(Ror, std::rotr(a, static_cast<int>(n)), std::rotr(a, static_cast<int>(n)))

// Shifts by a constant that is not 0, with flags.
#define SHIFT_FLAGS(name, T, EXPR, CF_EXPR, OF_EXPR)               \
  L_##name : {                                                     \
    const T a = static_cast<T>(R[s->a]);                           \
    constexpr unsigned bits = sizeof(T) * 8;                       \
    const unsigned n = static_cast<unsigned>(s->imm) & (bits - 1); \
    const T r = static_cast<T>(EXPR);                              \
    uint32_t f = parity_zero_sign(r, bits);                        \
    const bool cf = (CF_EXPR)&1;                                   \
    if (cf) f |= flag::CF;                                         \
    if (OF_EXPR) f |= flag::OF;                                    \
    lazy(F, FlagKind::Explicit, 3, f, 0);                          \
    R[s->dst] = r;                                                 \
    NEXT();                                                        \
  }
  SHIFT_FLAGS(ShlX_i8, uint64_t, a << n, a >> (bits - n), (r >> (bits - 1)) != cf)
  SHIFT_FLAGS(ShlX_i4, uint32_t, a << n, a >> (bits - n), (r >> (bits - 1)) != cf)
  SHIFT_FLAGS(ShrX_i8, uint64_t, a >> n, a >> (n - 1), (a >> (n - 1)) >> (bits - 1))
  SHIFT_FLAGS(ShrX_i4, uint32_t, a >> n, a >> (n - 1), (a >> (n - 1)) >> (bits - 1))
  SHIFT_FLAGS(SarX_i8, uint64_t, static_cast<int64_t>(a) >> n, static_cast<int64_t>(a) >> (n - 1), false)
  SHIFT_FLAGS(SarX_i4, uint32_t, static_cast<int32_t>(a) >> n, static_cast<int32_t>(a) >> (n - 1), false)

L_Mul_r8:
  R[s->dst] = R[s->a] * R[s->b];
  NEXT();
L_Mul_r4:
  R[s->dst] = static_cast<uint32_t>(R[s->a] * R[s->b]);
  NEXT();
L_Mul_i8:
  R[s->dst] = R[s->a] * static_cast<uint64_t>(s->imm);
  NEXT();
L_Mul_i4:
  R[s->dst] = static_cast<uint32_t>(R[s->a] * static_cast<uint64_t>(s->imm));
  NEXT();
// x86-64's IMUL with flags: CF = OF = the product does not fit.
#define MUL_FLAGS(name, S, U, RHS)                                                              \
  L_##name : {                                                                                  \
    S r;                                                                                        \
    const bool over = __builtin_mul_overflow(static_cast<S>(R[s->a]), static_cast<S>(RHS), &r); \
    const uint32_t f = parity_zero_sign(static_cast<U>(r), sizeof(U) * 8) & ~flag::ZF;          \
    lazy(F, FlagKind::Explicit, 3, f | (over ? flag::CF | flag::OF : 0), 0);                    \
    R[s->dst] = static_cast<U>(r);                                                              \
    NEXT();                                                                                     \
  }
  MUL_FLAGS(MulX_r8, int64_t, uint64_t, R[s->b])
  MUL_FLAGS(MulX_r4, int32_t, uint32_t, R[s->b])
  MUL_FLAGS(MulX_i8, int64_t, uint64_t, s->imm)
  MUL_FLAGS(MulX_i4, int32_t, uint32_t, s->imm)
L_MulHiU:
  R[s->dst] = static_cast<uint64_t>((u128{R[s->a]} * R[s->b]) >> 64);
  NEXT();
L_MulHiS:
  R[s->dst] = static_cast<uint64_t>((i128{static_cast<int64_t>(R[s->a])} * static_cast<int64_t>(R[s->b])) >> 64);
  NEXT();
L_MulWideU8 : {  // dst low, aux high; flags only if imm
  const u128 p = u128{R[s->a]} * R[s->b];
  const auto low = static_cast<uint64_t>(p), high = static_cast<uint64_t>(p >> 64);
  R[s->dst] = low;
  R[s->aux] = high;
  if (s->imm)
    lazy(F, FlagKind::Explicit, 3, (parity_zero_sign(low, 64) & ~flag::ZF) | (high ? flag::CF | flag::OF : 0), 0);
  NEXT();
}
L_MulWideS8 : {
  const i128 p = i128{static_cast<int64_t>(R[s->a])} * static_cast<int64_t>(R[s->b]);
  const auto low = static_cast<uint64_t>(p), high = static_cast<uint64_t>(static_cast<u128>(p) >> 64);
  R[s->dst] = low;
  R[s->aux] = high;
  if (s->imm) {
    const bool over = high != static_cast<uint64_t>(static_cast<int64_t>(low) >> 63);
    lazy(F, FlagKind::Explicit, 3, (parity_zero_sign(low, 64) & ~flag::ZF) | (over ? flag::CF | flag::OF : 0), 0);
  }
  NEXT();
}
L_DivWideU8 : {  // the common case: the high half is 0, so the quotient fits
  const isa::Uop& u = *s->uop;
  const uint64_t b = R[u.b], a = R[u.a];
  if (UNLIKELY(R[u.c] != 0 || b == 0)) goto L_Rare;
  R[u.dst] = a / b;
  R[u.dst2] = a % b;
  NEXT();
}
L_Madd8:
  R[s->dst] = R[s->aux] + R[s->a] * R[s->b];
  NEXT();
L_Madd4:
  R[s->dst] = static_cast<uint32_t>(R[s->aux] + R[s->a] * R[s->b]);
  NEXT();
L_Msub8:
  R[s->dst] = R[s->aux] - R[s->a] * R[s->b];
  NEXT();
L_Msub4:
  R[s->dst] = static_cast<uint32_t>(R[s->aux] - R[s->a] * R[s->b]);
  NEXT();
L_DivU8:
  R[s->dst] = R[s->b] == 0 ? 0 : R[s->a] / R[s->b];
  NEXT();
L_DivU4 : {
  const uint32_t a = static_cast<uint32_t>(R[s->a]), b = static_cast<uint32_t>(R[s->b]);
  R[s->dst] = b == 0 ? 0 : a / b;
  NEXT();
}
L_DivS8 : {
  const int64_t a = static_cast<int64_t>(R[s->a]), b = static_cast<int64_t>(R[s->b]);
  R[s->dst] = b == 0 ? 0 : b == -1 ? uint64_t{0} - static_cast<uint64_t>(a) : static_cast<uint64_t>(a / b);
  NEXT();
}
L_DivS4 : {
  const int32_t a = static_cast<int32_t>(R[s->a]), b = static_cast<int32_t>(R[s->b]);
  R[s->dst] = b == 0 ? 0 : b == -1 ? uint32_t{0} - static_cast<uint32_t>(a) : static_cast<uint32_t>(a / b);
  NEXT();
}

  // --- bits ---
L_Ubfx:  // imm: mask, aux: lsb
  R[s->dst] = (R[s->a] >> s->aux) & static_cast<uint64_t>(s->imm);
  NEXT();
L_Sbfx8:  // aux: shift left, imm: shift right
  R[s->dst] = static_cast<uint64_t>(static_cast<int64_t>(R[s->a] << s->aux) >> s->imm);
  NEXT();
L_Sbfx4:
  R[s->dst] = static_cast<uint32_t>(static_cast<int64_t>(R[s->a] << s->aux) >> s->imm);
  NEXT();
L_Bfi8:  // aux: lsb, imm: mask in place
  R[s->dst] = (R[s->a] & ~static_cast<uint64_t>(s->imm)) | ((R[s->b] << s->aux) & static_cast<uint64_t>(s->imm));
  NEXT();
L_Bfi4:
  R[s->dst] = static_cast<uint32_t>((R[s->a] & ~static_cast<uint64_t>(s->imm)) |
                                    ((R[s->b] << s->aux) & static_cast<uint64_t>(s->imm)));
  NEXT();
L_Clz8:
  R[s->dst] = static_cast<unsigned>(std::countl_zero(R[s->b]));
  NEXT();
L_Clz4:
  R[s->dst] = static_cast<unsigned>(std::countl_zero(static_cast<uint32_t>(R[s->b])));
  NEXT();
L_Rbit8 : {
  uint64_t x = __builtin_bswap64(R[s->b]);
  x = ((x & 0x0f0f0f0f0f0f0f0f) << 4) | ((x >> 4) & 0x0f0f0f0f0f0f0f0f);
  x = ((x & 0x3333333333333333) << 2) | ((x >> 2) & 0x3333333333333333);
  x = ((x & 0x5555555555555555) << 1) | ((x >> 1) & 0x5555555555555555);
  R[s->dst] = x;
  NEXT();
}
// BSF (aux 0) and BSR (1): of 0 nothing is written but ZF.
#define BIT_SCAN(name, T)                                                                                     \
  L_##name : {                                                                                                \
    const T x = static_cast<T>(R[s->b]);                                                                      \
    uint32_t f = flag::ZF | flag::PF;                                                                         \
    if (x != 0) {                                                                                             \
      const int n = s->aux ? static_cast<int>(sizeof(T)) * 8 - 1 - std::countl_zero(x) : std::countr_zero(x); \
      R[s->dst] = static_cast<uint64_t>(n);                                                                   \
      f = parity_zero_sign(static_cast<uint64_t>(n), sizeof(T) * 8) & ~flag::ZF;                              \
    }                                                                                                         \
    lazy(F, FlagKind::Explicit, 3, f, 0);                                                                     \
    NEXT();                                                                                                   \
  }
  BIT_SCAN(Bsx8, uint64_t)
  BIT_SCAN(Bsx4, uint32_t)
// Bit b + imm of a → CF. BitOp also sets (aux 0), resets (1) or flips (2) it; imm2: with flags.
#define BIT_TEST(name, T)                                                                                    \
  L_##name : {                                                                                               \
    const T x = static_cast<T>(R[s->a]);                                                                     \
    const unsigned n = static_cast<unsigned>(R[s->b] + static_cast<uint64_t>(s->imm)) & (sizeof(T) * 8 - 1); \
    lazy(F, FlagKind::Explicit, 3, (F.bits() & ~flag::CF) | static_cast<uint32_t>(x >> n & 1), 0);           \
    NEXT();                                                                                                  \
  }
#define BIT_OP(name, T)                                                                                         \
  L_##name : {                                                                                                  \
    const T x = static_cast<T>(R[s->a]);                                                                        \
    const unsigned n = static_cast<unsigned>(R[s->b] + static_cast<uint64_t>(s->imm)) & (sizeof(T) * 8 - 1);    \
    const T bit = static_cast<T>(T{1} << n);                                                                    \
    if (s->imm2) lazy(F, FlagKind::Explicit, 3, (F.bits() & ~flag::CF) | static_cast<uint32_t>(x >> n & 1), 0); \
    R[s->dst] = static_cast<T>(s->aux == 0 ? x | bit : s->aux == 1 ? x & ~bit : x ^ bit);                       \
    NEXT();                                                                                                     \
  }
  BIT_TEST(Bt8, uint64_t)
  BIT_TEST(Bt4, uint32_t)
  BIT_OP(BitOp8, uint64_t)
  BIT_OP(BitOp4, uint32_t)
L_InsertI:  // MOVK: imm: what stays, imm2: what comes
  R[s->dst] = (R[s->a] & static_cast<uint64_t>(s->imm)) | static_cast<uint64_t>(s->imm2);
  NEXT();
L_Bswap8:
  R[s->dst] = __builtin_bswap64(R[s->b]);
  NEXT();
L_Bswap4:
  R[s->dst] = __builtin_bswap32(static_cast<uint32_t>(R[s->b]));
  NEXT();
L_Popcnt8:
  R[s->dst] = static_cast<unsigned>(std::popcount(R[s->b]));
  NEXT();
L_Popcnt4:
  R[s->dst] = static_cast<unsigned>(std::popcount(static_cast<uint32_t>(R[s->b])));
  NEXT();

#define COND_OP(op, OTHER)                                                                                          \
  L_##op##8 : R[s->dst] = holds_lazy(static_cast<isa::Cond>(s->aux), F) ? R[s->a] : (OTHER);                        \
  NEXT();                                                                                                           \
  L_##op##4 : R[s->dst] = static_cast<uint32_t>(holds_lazy(static_cast<isa::Cond>(s->aux), F) ? R[s->a] : (OTHER)); \
  NEXT();
  COND_OP(Select, R[s->b])
  COND_OP(Csinc, R[s->b] + 1)
  COND_OP(Csinv, ~R[s->b])
  COND_OP(Csneg, uint64_t{0} - R[s->b])
L_Set : {
  const uint8_t x = holds_lazy(static_cast<isa::Cond>(s->aux), F);
  std::memcpy(&R[s->dst], &x, 1);
  NEXT();
}

  // --- memory ---
L_LeaB8:
  R[s->dst] = ADDR_b();
  NEXT();
L_LeaI8:
  R[s->dst] = ADDR_i();
  NEXT();
L_LeaI4:
  R[s->dst] = static_cast<uint32_t>(ADDR_i());
  NEXT();

#define LOAD_ONE(name, T, MODE, PUT) \
  L_##name##_##MODE : {              \
    address = ADDR_##MODE();         \
    T x;                             \
    READ(sizeof(T), x);              \
    PUT;                             \
    NEXT();                          \
  }
#define LOADS(MODE)                                                                 \
  LOAD_ONE(LoadU8, uint8_t, MODE, R[s->dst] = x)                                    \
  LOAD_ONE(LoadU16, uint16_t, MODE, R[s->dst] = x)                                  \
  LOAD_ONE(LoadU32, uint32_t, MODE, R[s->dst] = x)                                  \
  LOAD_ONE(LoadU64, uint64_t, MODE, R[s->dst] = x)                                  \
  LOAD_ONE(LoadS8x8, int8_t, MODE, R[s->dst] = static_cast<uint64_t>(int64_t{x}))   \
  LOAD_ONE(LoadS8x4, int8_t, MODE, R[s->dst] = static_cast<uint32_t>(int32_t{x}))   \
  LOAD_ONE(LoadS16x8, int16_t, MODE, R[s->dst] = static_cast<uint64_t>(int64_t{x})) \
  LOAD_ONE(LoadS16x4, int16_t, MODE, R[s->dst] = static_cast<uint32_t>(int32_t{x})) \
  LOAD_ONE(LoadS32x8, int32_t, MODE, R[s->dst] = static_cast<uint64_t>(int64_t{x})) \
  LOAD_ONE(LoadM8, uint8_t, MODE, std::memcpy(&R[s->dst], &x, 1))                   \
  LOAD_ONE(LoadM16, uint16_t, MODE, std::memcpy(&R[s->dst], &x, 2))
  LOADS(b)
  LOADS(i)

// Stores: the value is register `dst` (r) or imm2 (i).
#define STORE_ONE(name, T, MODE, FROM) \
  L_##name##_##MODE : {                \
    address = ADDR_##MODE();           \
    const T x = static_cast<T>(FROM);  \
    WRITE(sizeof(T), x);               \
    NEXT();                            \
  }
#define STORES(MODE)                            \
  STORE_ONE(Store1r, uint8_t, MODE, R[s->dst])  \
  STORE_ONE(Store2r, uint16_t, MODE, R[s->dst]) \
  STORE_ONE(Store4r, uint32_t, MODE, R[s->dst]) \
  STORE_ONE(Store8r, uint64_t, MODE, R[s->dst]) \
  STORE_ONE(Store1i, uint8_t, MODE, s->imm2)    \
  STORE_ONE(Store2i, uint16_t, MODE, s->imm2)   \
  STORE_ONE(Store4i, uint32_t, MODE, s->imm2)   \
  STORE_ONE(Store8i, uint64_t, MODE, s->imm2)
  STORES(b)
  STORES(i)

#define LOAD_RMW(name, T)                                                      \
  L_##name : {                                                                 \
    address = ADDR_i();                                                        \
    T x;                                                                       \
    if (LIKELY(TLB_HIT(tw, sizeof(T))) && LIKELY(TLB_HIT(tr, sizeof(T)))) {    \
      std::memcpy(&x, TLB_HOST(tr), sizeof(T));                                \
    } else {                                                                   \
      if (UNLIKELY(ctx->careful(address, sizeof(T)))) goto watch;              \
      if (UNLIKELY(!memory.check_write(address, sizeof(T)))) goto fault_write; \
      if (UNLIKELY(!memory.read(address, &x, sizeof(T)))) goto fault_read;     \
    }                                                                          \
    R[s->dst] = x;                                                             \
    NEXT();                                                                    \
  }
  LOAD_RMW(LoadRmw8, uint64_t)
  LOAD_RMW(LoadRmw4, uint32_t)
  LOAD_RMW(LoadRmw2, uint16_t)
  LOAD_RMW(LoadRmw1, uint8_t)

// Pairs: aux is the second register; the address is base + imm.
L_LoadPair8 : {
  address = ADDR_b();
  uint64_t x[2];
  READ(16, x);
  R[s->dst] = x[0];
  R[s->aux] = x[1];
  NEXT();
}
L_LoadPair4 : {
  address = ADDR_b();
  uint32_t x[2];
  READ(8, x);
  R[s->dst] = x[0];
  R[s->aux] = x[1];
  NEXT();
}
L_StorePair8 : {
  address = ADDR_b();
  if (LIKELY(TLB_HIT(tw, 16))) {  // two stores: gathering them in a temporary would stall on its way out again
    uint8_t* const to = TLB_HOST(tw);
    std::memcpy(to, &R[s->dst], 8);
    std::memcpy(to + 8, &R[s->aux], 8);
    NEXT();
  }
  const uint64_t x[2] = {R[s->dst], R[s->aux]};
  WRITE(16, x);
  NEXT();
}
L_StorePair4 : {
  address = ADDR_b();
  const uint32_t x[2] = {static_cast<uint32_t>(R[s->dst]), static_cast<uint32_t>(R[s->aux])};
  WRITE(8, x);
  NEXT();
}

// Vector transfers: dst is the vector register.
#define LOAD_V(name, n, ALIGNED)                                  \
  L_##name : {                                                    \
    address = ADDR_i();                                           \
    if (ALIGNED && UNLIKELY(address & 15)) goto fault_align_read; \
    Vec x;                                                        \
    READ(n, x);                                                   \
    V[s->dst] = x;                                                \
    NEXT();                                                       \
  }
#define STORE_V(name, n, ALIGNED)                                  \
  L_##name : {                                                     \
    address = ADDR_i();                                            \
    if (ALIGNED && UNLIKELY(address & 15)) goto fault_align_write; \
    WRITE(n, V[s->dst]);                                           \
    NEXT();                                                        \
  }
  LOAD_V(LoadV16, 16, false)
  LOAD_V(LoadV8, 8, false)
  LOAD_V(LoadV4, 4, false)
  LOAD_V(LoadV16a, 16, true)
  STORE_V(StoreV16, 16, false)
  STORE_V(StoreV8, 8, false)
  STORE_V(StoreV4, 4, false)
  STORE_V(StoreV16a, 16, true)
L_LoadVPair16 : {
  address = ADDR_b();
  Vec x[2];
  READ(32, x);
  V[s->dst] = x[0];
  V[s->aux] = x[1];
  NEXT();
}
L_StoreVPair16 : {
  address = ADDR_b();
  const Vec x[2] = {V[s->dst], V[s->aux]};
  WRITE(32, x);
  NEXT();
}

// --- load and operate in one: the temporary never exists. imm2: the other operand's register, or an immediate ---
#define OP_LOAD(name, T, EXPR, FLAGS)        \
  L_##name : {                               \
    address = ADDR_i();                      \
    T b;                                     \
    READ(sizeof(T), b);                      \
    const T a = static_cast<T>(R[s->width]); \
    const T r = static_cast<T>(EXPR);        \
    if (s->imm2) FLAGS;                      \
    R[s->dst] = r;                           \
    NEXT();                                  \
  }
  OP_LOAD(AddLoad8, uint64_t, a + b, lazy(F, FlagKind::Add, 3, a, b))
  OP_LOAD(SubLoad8, uint64_t, a - b, lazy(F, FlagKind::Sub, 3, a, b))
  OP_LOAD(AndLoad8, uint64_t, a & b, lazy(F, FlagKind::Logic, 3, r, 0))
  OP_LOAD(OrLoad8, uint64_t, a | b, lazy(F, FlagKind::Logic, 3, r, 0))
  OP_LOAD(XorLoad8, uint64_t, a ^ b, lazy(F, FlagKind::Logic, 3, r, 0))
// Compares with memory: aux2 (width) says the register, imm2 the immediate; imm's top decides the order by handler.
#define CMP_LOAD(name, T, LW)                \
  L_##name : {                               \
    address = ADDR_i();                      \
    T m;                                     \
    READ(sizeof(T), m);                      \
    const T x = static_cast<T>(R[s->width]); \
    if (s->imm2)                             \
      lazy(F, FlagKind::Sub, LW, m, x);      \
    else                                     \
      lazy(F, FlagKind::Sub, LW, x, m);      \
    NEXT();                                  \
  }
  CMP_LOAD(CmpLoad8x, uint64_t, 3)
  CMP_LOAD(CmpLoad4x, uint32_t, 2)
  CMP_LOAD(CmpLoad1x, uint8_t, 0)
#define CMP_LOAD_I(name, T, LW)                             \
  L_##name : {                                              \
    address = ADDR_i();                                     \
    T m;                                                    \
    READ(sizeof(T), m);                                     \
    lazy(F, FlagKind::Sub, LW, m, static_cast<T>(s->imm2)); \
    NEXT();                                                 \
  }
  CMP_LOAD_I(CmpLoadI8x, uint64_t, 3)
  CMP_LOAD_I(CmpLoadI4x, uint32_t, 2)
  CMP_LOAD_I(CmpLoadI1x, uint8_t, 0)

  // --- vectors and floating point ---
L_VecOp:
  s->vec(V[s->dst], V[s->a], V[s->b], static_cast<uint64_t>(s->imm));
  NEXT();
L_VecMov:
  V[s->dst] = V[s->b];
  NEXT();
L_VecZero:
  V[s->dst] = Vec{};
  NEXT();
L_VecGet8:
  R[s->dst] = s->uop->helper->get(V[s->a], static_cast<uint64_t>(s->imm));
  NEXT();
L_VecGet4:
  R[s->dst] = static_cast<uint32_t>(s->uop->helper->get(V[s->a], static_cast<uint64_t>(s->imm)));
  NEXT();
L_VecPut:
  s->uop->helper->put(V[s->dst], R[s->b], static_cast<uint64_t>(s->imm));
  NEXT();
L_VecFp:
  s->uop->helper->fp(cpu, V[s->dst], V[s->a], V[s->b], static_cast<uint64_t>(s->imm));
  NEXT();
L_FpCompare:
  cpu.set_flags(s->uop->helper->compare(cpu, V[s->a], V[s->b], static_cast<uint64_t>(s->imm)));
  NEXT();
// x86-64 scalar doubles: a NaN result goes to the helper, which knows the NaN rule.
#define SCALAR(name, OPER)                                                                 \
  L_##name : {                                                                             \
    const double a = V[s->dst].lane<double>(0), b = V[s->b].lane<double>(0);               \
    const double r = a OPER b;                                                             \
    if (LIKELY(r == r) && LIKELY((cpu.mxcsr & 0x8040) == 0))                               \
      V[s->dst].set<double>(0, r);                                                         \
    else                                                                                   \
      s->uop->helper->fp(cpu, V[s->dst], V[s->a], V[s->b], static_cast<uint64_t>(s->imm)); \
    NEXT();                                                                                \
  }
  SCALAR(AddSd, +)
  SCALAR(SubSd, -)
  SCALAR(MulSd, *)
  SCALAR(DivSd, /)

L_UComiSd : {
  const double a = V[s->a].lane<double>(0), b = V[s->b].lane<double>(0);
  if (UNLIKELY(__builtin_isunordered(a, b)) || UNLIKELY(cpu.mxcsr & 0x40)) goto L_FpCompare;
  lazy(F, FlagKind::Explicit, 3, __builtin_isless(a, b) ? flag::CF : __builtin_isgreater(a, b) ? 0 : flag::ZF, 0);
  NEXT();
}
// arm64 scalar doubles: NaN results, FPCR.FZ and the least normal number (tininess) go to the helper.
#define SCALAR_ARM(name, OPER)                                                                          \
  L_##name : {                                                                                          \
    if (UNLIKELY(cpu.fpcr & (1u << 24))) goto L_VecFp;                                                  \
    const double r = V[s->a].lane<double>(0) OPER V[s->b].lane<double>(0);                              \
    const uint64_t bits = std::bit_cast<uint64_t>(r);                                                   \
    if (UNLIKELY(r != r) || UNLIKELY((bits & ~(uint64_t{1} << 63)) == uint64_t{1} << 52)) goto L_VecFp; \
    V[s->dst] = Vec{bits, 0};                                                                           \
    NEXT();                                                                                             \
  }
  SCALAR_ARM(FAddD, +)
  SCALAR_ARM(FSubD, -)
  SCALAR_ARM(FMulD, *)
  SCALAR_ARM(FDivD, /)
L_FCmpD : {  // imm bit 0: with zero
  const double a = V[s->a].lane<double>(0), b = s->imm & 1 ? 0.0 : V[s->b].lane<double>(0);
  if (UNLIKELY(__builtin_isunordered(a, b)) || UNLIKELY(cpu.fpcr & (1u << 24))) goto L_FpCompare;
  lazy(F, FlagKind::Explicit, 3,
       __builtin_isless(a, b)      ? flag::N
       : __builtin_isgreater(a, b) ? flag::C
                                   : flag::Z | flag::C,
       0);
  NEXT();
}

  // --- pairs and triples that Go's compiler writes often ---
// Where only the first part can fault, one slot does it all. Where a later part can, the parts' own slots stand behind:
// the fused one works if all translations are at hand, else it does what it can and goes on there.
L_Mov2:
  R[s->dst] = R[s->b];
  R[s->aux] = R[s->a];
  NEXT();
L_Load2 : {  // dst = [a + imm]; aux = [b + imm2]
  address = ADDR_b();
  if (UNLIKELY(!TLB_HIT(tr, 8))) NEXT();
  std::memcpy(&R[s->dst], TLB_HOST(tr), 8);
  address = R[s->b] + static_cast<uint64_t>(s->imm2);
  if (UNLIKELY(!TLB_HIT(tr, 8))) {
    s += 2;
    DISPATCH();
  }
  std::memcpy(&R[s->aux], TLB_HOST(tr), 8);
  s += 3;
  DISPATCH();
}
L_Store2 : {  // [a + imm] = dst; [b + imm2] = aux
  address = ADDR_b();
  if (UNLIKELY(!TLB_HIT(tw, 8))) NEXT();
  std::memcpy(TLB_HOST(tw), &R[s->dst], 8);
  address = R[s->b] + static_cast<uint64_t>(s->imm2);
  if (UNLIKELY(!TLB_HIT(tw, 8))) {
    s += 2;
    DISPATCH();
  }
  std::memcpy(TLB_HOST(tw), &R[s->aux], 8);
  s += 3;
  DISPATCH();
}
L_Store8Add : {  // [a + imm] = dst; aux = b + imm2
  address = ADDR_b();
  WRITE(8, R[s->dst]);
  R[s->aux] = R[s->b] + static_cast<uint64_t>(s->imm2);
  NEXT();
}
L_LoadPair8Add : {  // dst, aux = [a + imm]; b += imm2
  address = ADDR_b();
  uint64_t x[2];
  READ(16, x);
  R[s->dst] = x[0];
  R[s->aux] = x[1];
  R[s->b] += static_cast<uint64_t>(s->imm2);
  NEXT();
}
L_LoadPair8AddRet : {  // and to register `width`
  address = ADDR_b();
  uint64_t x[2];
  READ(16, x);
  R[s->dst] = x[0];
  R[s->aux] = x[1];
  R[s->b] += static_cast<uint64_t>(s->imm2);
  pc = R[s->width];
  LEAVE_INDIRECT();
}
L_Prologue : {  // SUB a, imm; MOV [a + imm2], dst; LEA aux, [a + the third slot's imm]
  const uint64_t before = R[s->a], sp = before - static_cast<uint64_t>(s->imm);
  address = sp + static_cast<uint64_t>(s->imm2);
  if (UNLIKELY(!TLB_HIT(tw, 8))) NEXT();
  std::memcpy(TLB_HOST(tw), &R[s->dst], 8);
  lazy(F, FlagKind::Sub, 3, before, static_cast<uint64_t>(s->imm));
  R[s->a] = sp;
  R[s->aux] = sp + static_cast<uint64_t>(s[3].imm);
  s += 4;
  DISPATCH();
}
L_Epilogue : {  // MOV dst, [RSP + imm]; ADD RSP, imm2; RET
  const uint64_t before = R[isa::kRsp], sp = before + static_cast<uint64_t>(s->imm2);
  address = sp;
  if (UNLIKELY(!TLB_HIT(tr, 8))) NEXT();
  uint64_t to;
  std::memcpy(&to, TLB_HOST(tr), 8);
  address = before + static_cast<uint64_t>(s->imm);
  if (UNLIKELY(!TLB_HIT(tr, 8))) NEXT();
  std::memcpy(&R[s->dst], TLB_HOST(tr), 8);
  lazy(F, FlagKind::Add, 3, before, static_cast<uint64_t>(s->imm2));
  R[isa::kRsp] = sp + static_cast<uint64_t>(s[3].imm);
  pc = to;
  LEAVE_INDIRECT();
}

  // --- rare: through the reference evaluator ---
L_Rare : {
  MemoryBus bus(memory);
  uint64_t next = block->pc + s->offset;
  const uint64_t keep = cpu.pc;
  cpu.pc = next;
  if (ctx->careful_uop(*s->uop)) {
    cpu.pc = keep;
    goto watch;
  }
  const isa::Outcome o = isa::evaluate_one(*s->uop, cpu, bus, *ctx->model, ctx->count_at(budget, *block, *s), next);
  if (UNLIKELY(o.kind == isa::Outcome::Fault)) {
    out.outcome = o;
    goto fault;
  }
  NEXT();
}
L_RareEnd : {  // the last micro-op of a string instruction or a trap; aux: the instruction's length
  MemoryBus bus(memory);
  const uint64_t here = block->pc + s->offset;
  uint64_t next = here + s->aux;
  cpu.pc = here;
  if (ctx->careful_uop(*s->uop)) goto watch;
  const isa::Outcome o = isa::evaluate_one(*s->uop, cpu, bus, *ctx->model, ctx->count_at(budget, *block, *s), next);
  if (UNLIKELY(o.kind == isa::Outcome::Fault)) {
    out.outcome = o;
    goto fault;
  }
  pc = next;
  if (pc == here) goto leave_again;
  LEAVE_INDIRECT();
}
L_Syscall:
  cpu.pc = block->pc + s->offset + s->aux;
  out.kind = RunExit::Syscall;
  goto done;

// REP MOVS and STOS: the block counted the first iteration; the others are taken from the budget here, as far as it and
// the pages reach.
L_RepMovs:
L_RepStos : {
  const unsigned w = s->uop->width;
  const bool movs = s->uop->op == isa::Op::Movs;
  const uint64_t left = R[isa::kRcx];
  if (left == 0) {
    pc = block->pc + s->offset + s->aux;
    LEAVE_INDIRECT();
  }
  const uint64_t may = static_cast<uint64_t>(budget) + 1;
  uint64_t n = left < may ? left : may;
  const uint64_t di = R[isa::kRdi], si = R[isa::kRsi] + R[s->uop->mem.seg];
  // Elements that lie whole in the current pages, in the direction of travel.
  const auto room = [&](uint64_t a) {
    return cpu.df ? (a & 4095) / w + ((a & 4095) + w <= 4096 ? 1 : 0) : (4096 - (a & 4095)) / w;
  };
  n = std::min(n, room(di));
  if (movs) n = std::min(n, room(si));
  if (n <= 1 || memory.is_watched(page_of(di)) || memory.is_code(page_of(di)) ||
      (movs && memory.is_watched(page_of(si))))
    goto L_RareEnd;
  address = di;
  if (!TLB_HIT(tw, 1)) goto L_RareEnd;
  uint8_t* to = TLB_HOST(tw);
  const uint64_t bytes = n * w;
  if (movs) {
    address = si;
    if (!TLB_HIT(tr, 1)) goto L_RareEnd;
    const uint8_t* from = TLB_HOST(tr);
    if (cpu.df) {
      to -= bytes - w;
      from -= bytes - w;
      if (from < to + bytes && to < from) goto L_RareEnd;  // a smear: element by element
      std::memmove(to, from, bytes);
    } else {
      if (from < to && to < from + bytes) goto L_RareEnd;
      std::memmove(to, from, bytes);
    }
  } else {
    if (cpu.df) to -= bytes - w;
    for (uint64_t i = 0; i < bytes; i += w) std::memcpy(to + i, &R[isa::kRax], w);
  }
  const uint64_t moved = cpu.df ? uint64_t{0} - bytes : bytes;
  R[isa::kRdi] += moved;
  if (movs) R[isa::kRsi] += moved;
  R[isa::kRcx] -= n;
  budget -= static_cast<int64_t>(n - 1);
  pc = block->pc + s->offset;
  if (R[isa::kRcx] != 0) goto leave_again;
  pc += s->aux;
  LEAVE_INDIRECT();
}

  // --- control ---
L_Fall:
  LEAVE(0, FALL());
L_Jump:
  LEAVE(1, TAKEN());
L_JumpReg:
  pc = R[s->a];
  LEAVE_INDIRECT();
L_JumpLink:  // arm64 BL: dst = imm
  R[s->dst] = static_cast<uint64_t>(s->imm);
  LEAVE(1, TAKEN());
L_JumpRegLink:
  pc = R[s->a];
  R[s->dst] = static_cast<uint64_t>(s->imm);
  LEAVE_INDIRECT();
L_RetLink:
  pc = R[s->a];
  LEAVE_INDIRECT();
L_Call : {  // imm: return address, imm2: target
  address = R[isa::kRsp] - 8;
  WRITE(8, s->imm);
  R[isa::kRsp] = address;
  LEAVE(1, TAKEN());
}
L_CallReg : {
  pc = R[s->a];
  address = R[isa::kRsp] - 8;
  WRITE(8, s->imm);
  R[isa::kRsp] = address;
  LEAVE_INDIRECT();
}
L_Ret : {  // imm: bytes popped in all
  address = R[isa::kRsp];
  READ(8, pc);
  R[isa::kRsp] += static_cast<uint64_t>(s->imm);
  LEAVE_INDIRECT();
}
L_Jcc:
  if (holds_lazy(static_cast<isa::Cond>(s->aux), F)) LEAVE(1, TAKEN());
  LEAVE(0, FALL());
#define ZERO_BRANCH(name, T, OPER)                                  \
  L_##name : if (static_cast<T>(R[s->a]) OPER 0) LEAVE(1, TAKEN()); \
  LEAVE(0, FALL());
  ZERO_BRANCH(Cbz8, uint64_t, ==)
  ZERO_BRANCH(Cbz4, uint32_t, ==)
  ZERO_BRANCH(Cbnz8, uint64_t, !=)
  ZERO_BRANCH(Cbnz4, uint32_t, !=)
L_Tbz:
  if ((R[s->a] >> s->aux & 1) == 0) LEAVE(1, TAKEN());
  LEAVE(0, FALL());
L_Tbnz:
  if ((R[s->a] >> s->aux & 1) != 0) LEAVE(1, TAKEN());
  LEAVE(0, FALL());

// Compare and branch. aux: the FlagKind (Sub or SubArm).
#define CMP_JCC(name, T, LW, RHS, REL)                            \
  L_##name##_##REL : {                                            \
    const T a = static_cast<T>(R[s->a]), b = static_cast<T>(RHS); \
    lazy(F, static_cast<FlagKind>(s->aux), LW, a, b);             \
    if (relates<T>(REL, a, b)) LEAVE(1, TAKEN());                 \
    LEAVE(0, FALL());                                             \
  }
// clang-format off
#define CMP_JCCS(name, T, LW, RHS) \
  CMP_JCC(name, T, LW, RHS, EQ) CMP_JCC(name, T, LW, RHS, NE) CMP_JCC(name, T, LW, RHS, ULT) CMP_JCC(name, T, LW, RHS, UGE) \
  CMP_JCC(name, T, LW, RHS, ULE) CMP_JCC(name, T, LW, RHS, UGT) CMP_JCC(name, T, LW, RHS, SLT) CMP_JCC(name, T, LW, RHS, SGE) \
  CMP_JCC(name, T, LW, RHS, SLE) CMP_JCC(name, T, LW, RHS, SGT) CMP_JCC(name, T, LW, RHS, NEG) CMP_JCC(name, T, LW, RHS, POS)
  // clang-format on
  CMP_JCCS(CmpR1, uint8_t, 0, R[s->b])
  CMP_JCCS(CmpI1, uint8_t, 0, s->imm)
  CMP_JCCS(CmpR8, uint64_t, 3, R[s->b])
  CMP_JCCS(CmpR4, uint32_t, 2, R[s->b])
  CMP_JCCS(CmpI8, uint64_t, 3, s->imm)
  CMP_JCCS(CmpI4, uint32_t, 2, s->imm)
#define ALL_RELATIONS(M) M(EQ) M(NE) M(ULT) M(UGE) M(ULE) M(UGT) M(SLT) M(SGE) M(SLE) M(SGT) M(NEG) M(POS)
// dst = [a + imm]; compare registers b and aux (64 bits); width: the FlagKind
#define LOAD_CMP(REL)                                    \
  L_LoadCmp_##REL : {                                    \
    address = ADDR_b();                                  \
    READ(8, R[s->dst]);                                  \
    const uint64_t a = R[s->b], b = R[s->aux];           \
    lazy(F, static_cast<FlagKind>(s->width), 3, a, b);   \
    if (relates<uint64_t>(REL, a, b)) LEAVE(1, TAKEN()); \
    LEAVE(0, FALL());                                    \
  }
  ALL_RELATIONS(LOAD_CMP)
// Compare with memory at a + (b << aux) and branch: register dst (width: memory stands first), or the immediate in
// imm's upper half (its lower half is then the displacement).
#define CMP_MEM_R(name, T, LW, REL)                     \
  L_##name##_##REL : {                                  \
    address = ADDR_i();                                 \
    T m;                                                \
    READ(sizeof(T), m);                                 \
    const T x = static_cast<T>(R[s->dst]);              \
    const T a = s->width ? m : x, b = s->width ? x : m; \
    lazy(F, FlagKind::Sub, LW, a, b);                   \
    if (relates<T>(REL, a, b)) LEAVE(1, TAKEN());       \
    LEAVE(0, FALL());                                   \
  }
#define CMP_MEM_I(name, T, LW, REL)                                                                         \
  L_##name##_##REL : {                                                                                      \
    address = R[s->a] + (R[s->b] << s->aux) + static_cast<uint64_t>(int64_t{static_cast<int32_t>(s->imm)}); \
    T a;                                                                                                    \
    READ(sizeof(T), a);                                                                                     \
    const T b = static_cast<T>(s->imm >> 32);                                                               \
    lazy(F, FlagKind::Sub, LW, a, b);                                                                       \
    if (relates<T>(REL, a, b)) LEAVE(1, TAKEN());                                                           \
    LEAVE(0, FALL());                                                                                       \
  }
#define CMP_MEM(REL)                    \
  CMP_MEM_R(CmpMemR8, uint64_t, 3, REL) \
  CMP_MEM_R(CmpMemR4, uint32_t, 2, REL) \
  CMP_MEM_R(CmpMemR1, uint8_t, 0, REL)  \
  CMP_MEM_I(CmpMemI8, uint64_t, 3, REL) \
  CMP_MEM_I(CmpMemI4, uint32_t, 2, REL) \
  CMP_MEM_I(CmpMemI1, uint8_t, 0, REL)
  ALL_RELATIONS(CMP_MEM)
// dst = byte [a + imm]; on its bit b
#define LOAD_TEST_BIT(name, WANT)                   \
  L_##name : {                                      \
    address = ADDR_b();                             \
    uint8_t x;                                      \
    READ(1, x);                                     \
    R[s->dst] = x;                                  \
    if ((x >> s->b & 1) == WANT) LEAVE(1, TAKEN()); \
    LEAVE(0, FALL());                               \
  }
  LOAD_TEST_BIT(LoadU8Tbz, 0)
  LOAD_TEST_BIT(LoadU8Tbnz, 1)
#define TEST_JCC(name, T, LW, RHS, REL)                                        \
  L_##name##_##REL : {                                                         \
    const T a = static_cast<T>(static_cast<T>(R[s->a]) & static_cast<T>(RHS)); \
    lazy(F, static_cast<FlagKind>(s->aux), LW, a, 0);                          \
    if (relates<T>(REL, a, 0)) LEAVE(1, TAKEN());                              \
    LEAVE(0, FALL());                                                          \
  }
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], EQ)
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], NE)
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], NEG)
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], POS)
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], SGT)
  TEST_JCC(TestR8, uint64_t, 3, R[s->b], SLE)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], EQ)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], NE)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], NEG)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], POS)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], SGT)
  TEST_JCC(TestR4, uint32_t, 2, R[s->b], SLE)
  TEST_JCC(TestI8, uint64_t, 3, s->imm, EQ)
  TEST_JCC(TestI8, uint64_t, 3, s->imm, NE)
  TEST_JCC(TestI4, uint32_t, 2, s->imm, EQ)
  TEST_JCC(TestI4, uint32_t, 2, s->imm, NE)
  TEST_JCC(TestR1, uint8_t, 0, R[s->b], EQ)
  TEST_JCC(TestR1, uint8_t, 0, R[s->b], NE)
  TEST_JCC(TestI1, uint8_t, 0, s->imm, EQ)
  TEST_JCC(TestI1, uint8_t, 0, s->imm, NE)
L_StackCheck : {  // Go's prologue: CMPQ SP, off(g); JBE. a: g's register, imm: offset, dst: the compared register
  address = ADDR_b();
  uint64_t limit;
  READ(8, limit);
  const uint64_t sp = R[s->dst];
  lazy(F, FlagKind::Sub, 3, sp, limit);
  if (UNLIKELY(sp <= limit)) LEAVE(1, TAKEN());
  LEAVE(0, FALL());
}

  // --- stops and observers ---
L_Hook:  // the first slot of its block
  cpu.pc = block->pc;
  if (ctx->hooks && !ctx->hooks->stops_at_hook(ctx->count_at(budget, *block, *s))) NEXT();
  budget += block->count;
  out.kind = RunExit::Hook;
  goto finish;
L_Observe:  // imm instructions from this one on
  if (UNLIKELY(ctx->shown != 0))
    --ctx->shown;
  else
    ctx->observer->instructions(block->pc, block->offsets.get() + s->index, static_cast<unsigned>(s->imm));
  NEXT();
L_ObserveAccess : {
  if (UNLIKELY(ctx->shown != 0)) {
    --ctx->shown;
    NEXT();
  }
  const isa::Uop& u = *s->uop;
  const uint64_t at =
      R[u.mem.base] + (R[u.mem.index] << u.mem.shift) + static_cast<uint64_t>(u.mem.disp) + R[u.mem.seg];
  ctx->observer->access(at, s->width, s->aux != 0);
  NEXT();
}
L_HostCall:
  budget += block->count;
  cpu.pc = block->pc;
  out.kind = RunExit::HostCall;
  goto finish;
L_BadFetch:  // this address has no instruction that could be executed
  out.outcome = ctx->bad_fetch(block->pc + s->offset, s);
  goto fault;

  // --- ways out ---
leave : {
  Block* const nb = ctx->look_up(pc);
  if (nb) {
    block->link[side] = nb;
    if (budget >= nb->count) {
      budget -= nb->count;
      block = nb;
      s = nb->slots;
      DISPATCH();
    }
  }
  cpu.pc = pc;
  goto finish;
}
leave_indirect : {
  Block* const nb = ctx->look_up(pc);
  if (nb && budget >= nb->count) {
    budget -= nb->count;
    block = nb;
    s = nb->slots;
    DISPATCH();
  }
  cpu.pc = pc;
  goto finish;
}
leave_again : {  // the next iteration of a string instruction: not an arrival, its hook stays silent
  Block* const nb = ctx->look_up(pc);
  cpu.pc = pc;
  if (budget < nb->count) {
    out.again = true;
    goto finish;
  }
  budget -= nb->count;
  block = nb;
  s = nb->slots + (nb->hooked ? 1 : 0);
  DISPATCH();
}
fault_align_read:
  out.outcome = {isa::Outcome::Fault, isa::Fault::Alignment, isa::Access::Read, address, 0};
  goto fault;
fault_align_write:
  out.outcome = {isa::Outcome::Fault, isa::Fault::Alignment, isa::Access::Write, address, 0};
  goto fault;
fault_read:
  out.outcome = {isa::Outcome::Fault, memory.fault, isa::Access::Read, memory.fault_address, 0};
  goto fault;
fault_write:
  out.outcome = {isa::Outcome::Fault, memory.fault, isa::Access::Write, memory.fault_address, 0};
  goto fault;
fault:  // the faulting instruction counts one; those behind it in the block do not
  budget += block->count - s->index - 1;
  cpu.pc = block->pc + s->offset;
  out.kind = RunExit::Fault;
  goto finish;
watch:
  budget += block->count - s->index;
  cpu.pc = block->pc + s->offset;
  out.kind = RunExit::Watch;
  if (ctx->observer) {  // the instruction that is stepped alone now was shown already, with its accesses up to here
    out.shown = 1;
    for (const Slot* t = block->slots; t != s; ++t)
      out.shown += t->index == s->index && t->handler == kLabels[static_cast<int>(H::ObserveAccess)];
  }
  goto finish;
done:
finish:
  out.executed = static_cast<uint64_t>(ctx->budget - budget);
  return out;
}

RunExit Engine::execute(Context& ctx) { return interpret(&ctx, nullptr); }

}  // namespace deferscope::emu
