// The canonical micro-ops: what one guest instruction does, said with one set of operations for x86-64 and arm64.
// The lifts (isa/x86_64/lift.h, isa/arm64/lift.h) make them, the reference evaluator (isa/evaluate.h) defines their
// meaning; explanations, read/write sets, generated tests and the execution engine's slots are all derived from them.
//
// Rules that every lift keeps:
//  - Micro-ops run in order. Temporaries (kT0…, kVT0…) are dead at the end of the instruction.
//  - All that can fault comes before the first write to a register, flag or memory that outlives the instruction.
//    A read-modify-write loads with LoadRmw, which checks both permissions, so that its Store cannot fault. Pairs are
//    one op. Two stores in one instruction need a StoreCheck first.
//  - Width (bytes) 4 zero-extends into the 64-bit destination, 8 writes it whole, 1 and 2 *merge* into the low bits
//    (x86-64). The high-byte registers AH…BH are lifted with Ubfx and Bfi.
//  - A control op (Jump…, Syscall, Trap, Rep…) is the last micro-op of its instruction. Without one, execution goes on
//    at pc + length.
#pragma once
#include <cstdint>
#include <string_view>

#include "isa/state.h"

namespace deferscope::isa {

// clang-format off
enum class Op : uint8_t {
  Nop,
  // dst = a OP b. b is a register or (b_imm) imm.
  Mov,                                     // dst = b
  Add, Sub, And, Or, Xor, Bic, Orn, Eon,   // Bic a & ~b, Orn a | ~b, Eon a ^ ~b
  Adc, Sbb, Sbc,                           // a+b+CF; a-b-CF (x86-64); a-b-1+C (arm64)
  Shl, Shr, Sar, Ror, Rol,                 // count b: masked by 63 for width 8, else by 31 (x86-64's rule, arm64's variable shifts too: width 4, 8)
  Rcl, Rcr,                                // through CF; x86-64 count rules
  Shld, Shrd,                              // a shifted by the count b (masked as above), bits of c shifted in; EXTR is Shrd
  Mul,                                     // low half of a*b
  MulHiU, MulHiS,                          // high half (width 8, arm64)
  MulWideU, MulWideS,                      // dst = low, dst2 = high half of a*b (x86-64 MUL/IMUL one operand, width 2 4 8)
  DivU, DivS,                              // arm64: a/b, truncated; x/0 = 0; no fault
  DivWideU, DivWideS,                      // x86-64: (c:a)/b → dst quotient, dst2 remainder; Fault::Divide. width 1: AX = a 16 bits wide (c unused), 2 4 8
  Madd, Msub,                              // c + a*b; c - a*b
  Clz, Ctz, Cls, Rbit, Bswap, Rev16, Rev32, Popcnt,  // of b
  Blsi, Blsmsk, Blsr,                      // of b: its lowest one alone; all bits up to that; b without it
  Bsf, Bsr,                                // of b; b == 0 leaves dst (a must be dst) and sets ZF; else ZF = 0 and the other flags as Logic(result)
  Bt, Bts, Btr, Btc,                       // bit (b mod width) of a → CF; dst = a with the bit kept/set/reset/flipped
  Ubfx, Sbfx,                              // bits [lsb, lsb+len) of a, zero- or sign-extended to width; lsb = imm & 255, len = imm >> 8
  Bfi,                                     // a with its bits [lsb, lsb+len) replaced by the low bits of b; lsb, len in imm as above
  Select, Csinc, Csinv, Csneg,             // cond ? a : b, b+1, ~b, -b
  Set,                                     // cond ? 1 : 0, width 1
  Ccmp, Ccmn,                              // cond ? flags of a-b / a+b : flag bits in imm2 (arm64)
  Lea,                                     // dst = address of mem (segment not added), cut to width
  ReadFlags, WriteFlags,                   // EFLAGS image to dst / from b
  ReadNzcv, WriteNzcv,                     // arm64 MRS/MSR NZCV (bits 31…28)
  FlagBits,                                // flags (CF and DF only) = (flags & ~imm) ^ imm2: CLC STC CMC CLD STD; imm = mask cleared, imm2 = mask flipped after
  // Memory. width = bytes in memory.
  Load,                                    // dst = [mem], extended by `ext`
  LoadRmw,                                 // the same, and the page must be writable
  Store,                                   // [mem] = b (register or imm)
  StoreCheck,                              // faults as Store would; writes nothing
  LoadPair, StorePair,                     // dst, dst2 = [mem], [mem+width] (ext); [mem] = a, [mem+width] = b
  LoadV, StoreV,                           // vector: width 1 2 4 8 16; LoadV clears the rest. aligned: Fault::Alignment unless 16-aligned
  LoadVPair, StoreVPair,                   // vectors dst, dst2 / a, b; width 4 8 16 each; aligned (of width 16): 32-aligned
  // x86-64: lanes of imm2 bytes whose mask has its top bit set, the others are neither read (they become 0) nor written.
  // width 16, or 32: with the upper halves of all vectors.
  LoadMasked, StoreMasked,                 // v[dst] = [mem] by mask v[b]; [mem] = v[a] by mask v[b]
  Gather,                                  // lanes of v[dst] = [mem + (lane of v[a] << imm)] by mask v[b], else kept; imm2: bytes of a lane, << 8 of an index
  LoadArea, StoreArea,                     // helper->area reads or changes imm2 bytes at mem, all of which must be there; aligned: to 2^imm
  LoadEx, LoadExPair,                      // arm64 exclusives: also open the monitor
  StoreEx, StoreExPair,                    // dst = 0 and store a (pair: a, b) if the monitor holds, else dst = 1; closes the monitor
  ClrEx,
  ZeroLine,                                // arm64 DC ZVA: clear the 64-byte line of address mem
  // Control.
  Jump, JumpReg,                           // to imm; to register a. `hint` says call or return
  JumpCond,                                // if cond to imm
  Cbz, Cbnz, Tbz, Tbnz,                    // on a (width); bit imm2 of a
  Syscall,                                 // pc stands behind it when the system sees it
  Trap,                                    // raises `fault`; imm: its number (BRK's comment)
  // x86-64 string instructions: one iteration (rep: only if RCX ≠ 0, RCX decremented, again while the condition holds). width = element size.
  Movs, Stos, Lods, Scas, Cmps,
  // Facts of the machine.
  Cpuid, Xgetbv, Rdtsc, Rdtscp,
  ReadSys, WriteSys,                       // system register imm (isa::SysReg) to dst / from b
  LoadMxcsr, StoreMxcsr,                   // guest MXCSR from b / to dst (32 bits)
  // Vector and floating point, and everything rare: a function of isa's (`helper`).
  VecOp,                                   // helper->vec(v[dst], v[a], v[b], imm): v[dst] may be read too
  VecGet,                                  // r[dst] = helper->get(v[a], imm), width as for Mov
  VecPut,                                  // helper->put(v[dst], r[b], imm)
  VecFp,                                   // helper->fp(state, v[dst], v[a], v[b], imm): rounding, exceptions, NaN rule from state
  FpCompare,                               // flags = helper->compare(state, v[a], v[b], imm)
  Helper,                                  // helper->any(state, uop): reads and writes registers and flags only, never memory; may return a Fault
  kCount
};
// clang-format on

// Branch conditions: x86-64's, in the order of their encodings, and arm64's two that mix C and Z the other way round.
// arm64: EQ=E NE=NE HS=B LO=AE MI=S PL=NS VS=O VC=NO HI=ArmHi LS=ArmLs GE=GE LT=L GT=G LE=LE (B means CF = 1).
enum class Cond : uint8_t { O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G, ArmHi, ArmLs, Always };

// Which flags an op writes and how. None keeps them all.
enum class FlagRule : uint8_t {
  None,
  Add,
  Sub,
  Logic,  // x86-64, all six (Adc and Sbb: with the carry)
  Inc,
  Dec,  // as Add/Sub by 1, CF kept
  // x86-64 Shl Shr Sar Shld Shrd Rol Ror Rcl Rcr: by the op; count 0 keeps all; rotates write CF and OF only. Undefined
  // bits: OF for counts > 1 as Intel computes for 1-bit steps (Shl: CF^msb, Shr: msb of the *operand* shifted by
  // count-1, Sar 0), AF 0.
  Shift,
  Mul,  // x86-64: CF = OF = the high half is not the extension of the low; SF, PF of the low half; ZF and AF 0 (Intel)
  Bit,  // Bt…: CF only; Bsf/Bsr: ZF (others as Logic)
  Zeros,   // x86-64 Clz Ctz: CF = (b == 0), ZF of the result, the others 0
  Lowest,  // x86-64 Blsi: CF = (b != 0), Blsmsk Blsr: CF = (b == 0); SF, ZF of the result, the others 0
  AddArm,
  SubArm,
  LogicArm,  // arm64 N Z C V (Adc → AddArm with carry, Sbc → SubArm with borrow)
};

enum class Ext : uint8_t {
  Zero,    // to 64 bits
  Sign32,  // to 32, then zero
  Sign64,
  Merge,  // into the low `width` bytes
};
enum class Hint : uint8_t { None, Call, Return };

// What an instruction can raise. emu's table turns it into the guest system's signal.
enum class Fault : uint8_t {
  None,
  Page,           // address not mapped or permission missing (Access in the exit says which)
  NonCanonical,   // x86-64: bits 63…47 differ
  Alignment,      // misaligned SSE operand (#GP), misaligned exclusive
  Divide,         // x86-64 #DE
  Undefined,      // UD2, UDF, an encoding that the architecture leaves undefined
  Breakpoint,     // INT3, BRK
  Privileged,     // HLT and friends, INT n
  PcAlignment,    // arm64: PC not a multiple of 4
  Unimplemented,  // a real instruction that deferscope does not know: ends the run with a line, never a signal
  SimdException,  // x86-64 #XM: an exception of SSE that MXCSR does not mask; which, its flags say
  X87Exception    // x86-64 #MF: a waiting instruction of the x87 finds an exception that is not masked
};

// [base + (index << shift) + disp + segment base]
struct Mem {
  Reg base = kZero, index = kZero, seg = kZero;
  uint8_t shift = 0;
  int64_t disp = 0;
};

struct Helper;

struct Uop {
  Op op = Op::Nop;
  uint8_t width = 8;  // bytes
  FlagRule flags = FlagRule::None;
  Cond cond = Cond::Always;
  // For V… ops these number vectors where the op's comment says so.
  Reg dst = kSink, dst2 = kSink, a = kZero, b = kZero, c = kZero;
  bool b_imm = false;
  Ext ext = Ext::Zero;
  Hint hint = Hint::None;
  Fault fault = Fault::None;  // of Trap
  uint8_t rep = 0;            // string ops: 0 none, 1 REP/REPE, 2 REPNE
  bool aligned = false;
  Mem mem;
  int64_t imm = 0;
  uint32_t imm2 = 0;
  const Helper* helper = nullptr;
};

// A helper's name as a number, so that an engine that knows faster ways for the hot ones can switch over it.
enum class HelperId : uint32_t {};
constexpr HelperId helper_id(std::string_view name) {
  uint32_t h = 2166136261u;  // FNV-1a; two hot names that collide are two equal cases, which no compiler takes
  for (const char c : name) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return HelperId{h};
}

// A function that an op calls. One constant a function; its name is what traces and tests print. No state of its own;
// bit-exact on every host.
struct Helper {
  const char* name;
  void (*vec)(Vec& d, const Vec& a, const Vec& b, uint64_t imm) = nullptr;
  uint64_t (*get)(const Vec& a, uint64_t imm) = nullptr;
  void (*put)(Vec& d, uint64_t x, uint64_t imm) = nullptr;
  void (*fp)(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) = nullptr;
  uint32_t (*compare)(CpuState& s, const Vec& a, const Vec& b, uint64_t imm) = nullptr;
  Fault (*any)(CpuState& s, const Uop& u) = nullptr;
  Fault (*area)(CpuState& s, uint8_t* bytes, const Uop& u) = nullptr;
  // What `any` reads and writes beyond dst, a, b, c: bits by Reg, and flags.
  uint64_t reads = 0, writes = 0;
  bool reads_flags = false, writes_flags = false;
  bool reads_dst = false;  // vec, put, fp: v[dst] is an input too
  HelperId id = helper_id(name ? name : "");
};

// System registers that programs read (ReadSys, WriteSys): arm64's at EL0; x86-64's selectors.
enum class SysReg : uint8_t {
  Fpcr,
  Fpsr,
  Tpidr,
  Tpidrro,
  Dczid,
  Ctr,
  Cntvct,
  Cntfrq,
  Midr,
  IdAa64 /* any ID_AA64*: number in imm2 */,
  Dit,
  Cs,
  Ss
};

// Bytes that LoadArea and StoreArea may name.
inline constexpr unsigned kMostArea = 1024;

// One lifted instruction.
struct Lifted {
  static constexpr int kMax = 24;
  uint8_t length = 0;  // bytes, 1…15
  uint8_t count = 0;   // micro-ops
  // Undefined, Privileged, Unimplemented: count is 0. Page: more bytes were needed than were given.
  Fault fault = Fault::None;
  Uop uops[kMax];
  bool ends_block() const;  // its last op is a control op, or it changes what execution depends on
};

}  // namespace deferscope::isa
