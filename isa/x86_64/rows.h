// The inside of the x86-64 lift: what a row says about a mnemonic, and the Builder with which its function writes
// micro-ops. One file a subject (integer, control, sse_…) holds rows and the functions that they name.
#pragma once
#include <Zydis/Zydis.h>

#include <span>

#include "isa/uop.h"

namespace deferscope::isa::x86_64 {

class Builder;

// One mnemonic. `lift` writes the micro-ops; the rest is what it needs to know: an op and its flag rule, or a helper,
// and a number whose meaning the lift function says.
struct Row {
  ZydisMnemonic mnemonic;
  void (*lift)(Builder&);
  Op op = Op::Nop;
  FlagRule flags = FlagRule::None;
  int64_t param = 0;
  Cond cond = Cond::Always;
  Helper helper = {nullptr};
};
constexpr FlagRule kKeep = FlagRule::None;

// The rows by subject.
std::span<const Row> integer_rows();
std::span<const Row> bit_rows();
std::span<const Row> control_rows();
std::span<const Row> system_rows();
std::span<const Row> sse_move_rows();
std::span<const Row> sse_integer_rows();
std::span<const Row> sse_shuffle_rows();
std::span<const Row> sse_float_rows();
std::span<const Row> sse_convert_rows();
std::span<const Row> sse_string_rows();
std::span<const Row> crypto_rows();
// Level v3. A row of VEX names a helper of the rows above, or a legacy mnemonic in param.
std::span<const Row> bmi_rows();
std::span<const Row> vex_rows();
std::span<const Row> vex_move_rows();
std::span<const Row> vex_lane_rows();
std::span<const Row> fma_rows();
// Of all levels
std::span<const Row> x87_rows();
std::span<const Row> fpu_state_rows();
// The row of an instruction; its helper is found by find_helper().
const Row* row_of(ZydisMnemonic mnemonic);

// Helpers that lift functions choose themselves: no row has them.
std::span<const Helper> move_helpers();
std::span<const Helper> convert_helpers();
std::span<const Helper> shift_helpers();

// What an instruction of the x87 that waits does first: an exception that is pending and not masked is raised (#MF).
void lift_wait(Builder& b);
// An instruction with an MMX register; its row, if it has one, is SSE's.
void lift_mmx(Builder& b);

// What an ALU op takes as `b`.
struct Source {
  bool is_imm = false;
  Reg reg = kZero;
  int64_t imm = 0;
};

// Where an instruction's result goes. `value` is the register to compute in: the destination itself, or a temporary
// that close() stores (memory) or inserts (AH CH DH BH).
struct Destination {
  enum Kind : uint8_t { Register, HighByte, Memory } kind = Register;
  Reg value = kSink;
  Reg home = kSink;  // of HighByte
  unsigned width = 8;
  Mem mem;
};

class Builder {
 public:
  const ZydisDecodedInstruction& in;
  const ZydisDecodedOperand* op;
  const Row& row;
  const Helper* helper;  // the row's; the first row's of that name, so that one name is one pointer
  uint64_t next;         // address of the following instruction
  Lifted& out;

  Builder(const ZydisDecodedInstruction& i, const ZydisDecodedOperand* o, const Row& r, const Helper* h, uint64_t n,
          Lifted& l)
      : in(i), op(o), row(r), helper(h), next(n), out(l) {}

  Uop& emit(Op o, unsigned width);
  Reg temp() { return static_cast<Reg>(kT0 + temps_++); }
  VReg vtemp() { return static_cast<VReg>(kVT0 + vtemps_++); }
  void fail(Fault f) { out.fault = f; }

  bool is_mem(int i) const { return op[i].type == ZYDIS_OPERAND_TYPE_MEMORY; }
  bool is_reg(int i) const { return op[i].type == ZYDIS_OPERAND_TYPE_REGISTER; }
  bool is_imm(int i) const { return op[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE; }
  bool is_xmm(int i) const {
    return is_reg(i) && op[i].reg.value >= ZYDIS_REGISTER_XMM0 && op[i].reg.value <= ZYDIS_REGISTER_XMM31;
  }
  bool is_high(int i) const {
    return is_reg(i) && op[i].reg.value >= ZYDIS_REGISTER_AH && op[i].reg.value <= ZYDIS_REGISTER_BH;
  }
  unsigned width(int i) const { return op[i].size / 8u; }
  unsigned operand_width() const { return in.operand_width / 8u; }
  Reg reg(int i) const;  // general register, AH…BH as their homes
  VReg xmm(int i) const { return static_cast<VReg>(op[i].reg.value - ZYDIS_REGISTER_XMM0); }
  int64_t imm(int i) const { return op[i].imm.value.s; }
  uint64_t target(int i) const { return next + static_cast<uint64_t>(op[i].imm.value.s); }
  Reg segment(int i) const;          // kFsBase, kGsBase or kZero
  Mem mem(int i, int64_t more = 0);  // writes a Lea for a 32-bit address; `more` is added to the displacement

  Reg prefix_segment() const;                     // of instructions without a memory operand in their encoding
  Mem implicit_mem(Reg base, Reg index = kZero);  // [base + index] of such an instruction

  Source source(int i, unsigned as_width = 0);  // reads any operand (imm: sign-extended); memory into a temporary
  Reg source_reg(int i);                        // the same, an immediate in a temporary
  Destination open(int i, bool read);           // destination; `read`: its old value is an input
  void close(const Destination& p);
  // v[…] of operand i; memory (`bytes` of it) into a temporary. align: Fault::Alignment for a misaligned operand.
  VReg source_v(int i, unsigned bytes = 16, bool align = true);

  void mov(Reg dst, Source s, unsigned width);
  void load(Reg dst, const Mem& m, unsigned width, Ext ext = Ext::Zero);
  void store(const Mem& m, Source s, unsigned width);
  void extract(Reg dst, Reg src, unsigned lsb, unsigned len, unsigned width, bool is_signed = false);
  void insert(Reg dst, Reg src, unsigned lsb, unsigned len);
  void add_imm(Reg dst, Reg base, int64_t disp, unsigned width = 8);  // a Lea
  Uop& alu(Op o, unsigned width, Reg dst, Reg a, Source b, FlagRule f = FlagRule::None);
  void select(Cond c, unsigned width, Reg dst, Reg yes, Reg no);
  void jump_reg(Reg target, Hint hint);
  void trap(Fault f, int64_t number);

 private:
  int temps_ = 0, vtemps_ = 0;
};

inline Source from(Reg r) { return Source{false, r, 0}; }
inline Source constant(int64_t x) { return Source{true, kZero, x}; }
inline Mem at(Reg base, int64_t disp = 0) { return Mem{base, kZero, kZero, 0, disp}; }

}  // namespace deferscope::isa::x86_64
