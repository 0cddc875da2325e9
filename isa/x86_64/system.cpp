// Flags, string instructions, facts of the machine, hints and fences.
#include "isa/x86_64/system.h"

#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

void nop(Builder&) {}

// CLC STC CMC CLD STD
template <uint32_t cleared, uint32_t flipped>
void flag_bits(Builder& b) {
  Uop& u = b.emit(Op::FlagBits, 8);
  u.imm = cleared, u.imm2 = flipped;
}

void lahf(Builder& b) {
  const Reg t = b.temp();
  b.emit(Op::ReadFlags, 8).dst = t;
  b.insert(kRax, t, 8, 8);
}

// SAHF keeps OF and DF.
void sahf(Builder& b) {
  const Reg t = b.temp(), ah = b.temp();
  b.emit(Op::ReadFlags, 8).dst = t;
  b.extract(ah, kRax, 8, 8, 8);
  b.mov(t, from(ah), 1);
  b.emit(Op::WriteFlags, 8).b = t;
}

void plain(Builder& b) { b.emit(b.row.op, 8); }

void xlat(Builder& b) {
  const Reg t = b.temp();
  b.extract(t, kRax, 0, 8, 8);
  b.load(kRax, b.implicit_mem(kRbx, t), 1, Ext::Merge);
}

void ldmxcsr(Builder& b) {
  const Source s = b.source(0);
  b.emit(Op::LoadMxcsr, 4).b = s.reg;
}

void stmxcsr(Builder& b) {
  const Reg t = b.temp();
  const Mem m = b.mem(0);
  b.emit(Op::StoreMxcsr, 4).dst = t;
  b.store(m, from(t), 4);
}

// CLFLUSH faults as a load does, and otherwise nobody sees it.
void clflush(Builder& b) { b.load(b.temp(), b.mem(0), 1); }

// SMSW, STR, SLDT, … are readable without UMIP; a modern kernel sets UMIP.
void umip(Builder& b) { b.fail(Fault::Privileged); }

// ---- string instructions

// 0 none, 1 REP/REPE, 2 REPNE. The last of F2 and F3 counts; instructions that do not compare take both as REP.
uint8_t repetition(const Builder& b, bool compares) {
  uint8_t rep = 0;
  for (int i = 0; i < b.in.raw.prefix_count; ++i) {
    const uint8_t p = b.in.raw.prefixes[i].value;
    if (p == 0xf3 || p == 0xf2) rep = p == 0xf2 && compares ? 2 : 1;
  }
  return rep;
}

// param: element bytes
void string_op(Builder& b) {
  if (b.in.address_width != 64) return b.fail(Fault::Unimplemented);
  const bool compares = b.row.op == Op::Scas || b.row.op == Op::Cmps;
  Uop& u = b.emit(b.row.op, static_cast<unsigned>(b.row.param));
  u.rep = repetition(b, compares);
  u.mem.seg = b.prefix_segment();
}

const Row kSystemRows[] = {
    {ZYDIS_MNEMONIC_CLC, flag_bits<flag::CF, 0>},
    {ZYDIS_MNEMONIC_STC, flag_bits<flag::CF, flag::CF>},
    {ZYDIS_MNEMONIC_CMC, flag_bits<0, flag::CF>},
    {ZYDIS_MNEMONIC_CLD, flag_bits<flag::DF, 0>},
    {ZYDIS_MNEMONIC_STD, flag_bits<flag::DF, flag::DF>},
    {ZYDIS_MNEMONIC_LAHF, lahf},
    {ZYDIS_MNEMONIC_SAHF, sahf},
    {ZYDIS_MNEMONIC_XLAT, xlat},

    {ZYDIS_MNEMONIC_MOVSB, string_op, Op::Movs, kKeep, 1},
    {ZYDIS_MNEMONIC_MOVSW, string_op, Op::Movs, kKeep, 2},
    {ZYDIS_MNEMONIC_MOVSQ, string_op, Op::Movs, kKeep, 8},
    {ZYDIS_MNEMONIC_STOSB, string_op, Op::Stos, kKeep, 1},
    {ZYDIS_MNEMONIC_STOSW, string_op, Op::Stos, kKeep, 2},
    {ZYDIS_MNEMONIC_STOSD, string_op, Op::Stos, kKeep, 4},
    {ZYDIS_MNEMONIC_STOSQ, string_op, Op::Stos, kKeep, 8},
    {ZYDIS_MNEMONIC_LODSB, string_op, Op::Lods, kKeep, 1},
    {ZYDIS_MNEMONIC_LODSW, string_op, Op::Lods, kKeep, 2},
    {ZYDIS_MNEMONIC_LODSD, string_op, Op::Lods, kKeep, 4},
    {ZYDIS_MNEMONIC_LODSQ, string_op, Op::Lods, kKeep, 8},
    {ZYDIS_MNEMONIC_SCASB, string_op, Op::Scas, kKeep, 1},
    {ZYDIS_MNEMONIC_SCASW, string_op, Op::Scas, kKeep, 2},
    {ZYDIS_MNEMONIC_SCASD, string_op, Op::Scas, kKeep, 4},
    {ZYDIS_MNEMONIC_SCASQ, string_op, Op::Scas, kKeep, 8},
    {ZYDIS_MNEMONIC_CMPSB, string_op, Op::Cmps, kKeep, 1},
    {ZYDIS_MNEMONIC_CMPSW, string_op, Op::Cmps, kKeep, 2},
    {ZYDIS_MNEMONIC_CMPSQ, string_op, Op::Cmps, kKeep, 8},

    {ZYDIS_MNEMONIC_CPUID, plain, Op::Cpuid},
    {ZYDIS_MNEMONIC_XGETBV, plain, Op::Xgetbv},
    {ZYDIS_MNEMONIC_RDTSC, plain, Op::Rdtsc},
    {ZYDIS_MNEMONIC_RDTSCP, plain, Op::Rdtscp},
    {ZYDIS_MNEMONIC_LDMXCSR, ldmxcsr},
    {ZYDIS_MNEMONIC_STMXCSR, stmxcsr},

    {ZYDIS_MNEMONIC_MFENCE, nop},
    {ZYDIS_MNEMONIC_LFENCE, nop},
    {ZYDIS_MNEMONIC_SFENCE, nop},
    {ZYDIS_MNEMONIC_PREFETCHNTA, nop},
    {ZYDIS_MNEMONIC_PREFETCHT0, nop},
    {ZYDIS_MNEMONIC_PREFETCHT1, nop},
    {ZYDIS_MNEMONIC_PREFETCHT2, nop},
    {ZYDIS_MNEMONIC_PREFETCHW, nop},
    {ZYDIS_MNEMONIC_PREFETCHWT1, nop},
    {ZYDIS_MNEMONIC_PREFETCH, nop},
    {ZYDIS_MNEMONIC_CLFLUSH, clflush},
    {ZYDIS_MNEMONIC_SMSW, umip},
    {ZYDIS_MNEMONIC_STR, umip},
    {ZYDIS_MNEMONIC_SLDT, umip},
    {ZYDIS_MNEMONIC_SGDT, umip},
    {ZYDIS_MNEMONIC_SIDT, umip},
};

}  // namespace

// The row of the string instruction that shares its mnemonic with an SSE one.
const Row kMovsdString = {ZYDIS_MNEMONIC_MOVSD, string_op, Op::Movs, kKeep, 4};
const Row kCmpsdString = {ZYDIS_MNEMONIC_CMPSD, string_op, Op::Cmps, kKeep, 4};

bool lift_shared_string(Builder& b) {
  if (b.in.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT) return false;
  Builder as_string(b.in, b.op, b.in.mnemonic == ZYDIS_MNEMONIC_MOVSD ? kMovsdString : kCmpsdString, nullptr, b.next,
                    b.out);
  string_op(as_string);
  return true;
}

std::span<const Row> system_rows() { return kSystemRows; }

}  // namespace deferscope::isa::x86_64
