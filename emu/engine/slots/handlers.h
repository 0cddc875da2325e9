// The list of slot handlers, written once: execute.cpp makes a label of each, the slot maker names them.
// Variants are spelled in the name: r register operand, i immediate; 8 and 4 the width; flags: n none, x x86-64's,
// m arm64's.
#pragma once
#include <cstdint>

// clang-format off
#define DS_ALU_VARIANTS(X, op) \
  X(op##_r8n) X(op##_r8x) X(op##_r8m) X(op##_r4n) X(op##_r4x) X(op##_r4m) \
  X(op##_i8n) X(op##_i8x) X(op##_i8m) X(op##_i4n) X(op##_i4x) X(op##_i4m)
#define DS_BYTE_VARIANTS(X, op) X(op##_r1n) X(op##_r1x) X(op##_i1n) X(op##_i1x)
#define DS_WIDTHS(X, op) X(op##8) X(op##4)
#define DS_RI_WIDTHS(X, op) X(op##_r8) X(op##_r4) X(op##_i8) X(op##_i4)
#define DS_LOAD_VARIANTS(X, mode) \
  X(LoadU8_##mode) X(LoadU16_##mode) X(LoadU32_##mode) X(LoadU64_##mode) X(LoadS8x8_##mode) X(LoadS8x4_##mode) \
  X(LoadS16x8_##mode) X(LoadS16x4_##mode) X(LoadS32x8_##mode) X(LoadM8_##mode) X(LoadM16_##mode)
#define DS_STORE_VARIANTS(X, mode) \
  X(Store1r_##mode) X(Store2r_##mode) X(Store4r_##mode) X(Store8r_##mode) X(Store1i_##mode) X(Store2i_##mode) X(Store4i_##mode) X(Store8i_##mode)
// Relations of a fused compare-and-branch, in the order of enum Relation.
#define DS_RELATIONS(X, op) \
  X(op##_EQ) X(op##_NE) X(op##_ULT) X(op##_UGE) X(op##_ULE) X(op##_UGT) X(op##_SLT) X(op##_SGE) X(op##_SLE) X(op##_SGT) X(op##_NEG) X(op##_POS)

#define DS_HANDLERS(X) \
  X(Rare) X(RareEnd) X(Warm) X(Host) X(HostPastHook) X(Hook) X(Mark) X(Observe) X(ObserveAccess) X(Nop) X(HostCall) X(BadFetch) X(Step) X(FallOut) \
  X(MovR8) X(MovR4) X(MovI) X(MovM1) X(MovM2) \
  DS_ALU_VARIANTS(X, Add) DS_ALU_VARIANTS(X, Sub) DS_ALU_VARIANTS(X, And) DS_ALU_VARIANTS(X, Or) DS_ALU_VARIANTS(X, Xor) \
  DS_ALU_VARIANTS(X, Bic) DS_ALU_VARIANTS(X, Orn) DS_ALU_VARIANTS(X, Eon) \
  DS_BYTE_VARIANTS(X, Add) DS_BYTE_VARIANTS(X, Sub) DS_BYTE_VARIANTS(X, And) DS_BYTE_VARIANTS(X, Or) DS_BYTE_VARIANTS(X, Xor) \
  X(Cmp_r1x) X(Cmp_i1x) X(Sub_r2x) X(Sub_i2x) X(Tst_r1x) X(Tst_i1x) X(And_r2x) X(And_i2x) \
  DS_RI_WIDTHS(X, Adc) DS_RI_WIDTHS(X, Sbb) DS_RI_WIDTHS(X, AdcX) DS_RI_WIDTHS(X, SbbX) DS_RI_WIDTHS(X, SbcM) DS_RI_WIDTHS(X, AdcM) \
  DS_WIDTHS(X, Inc) DS_WIDTHS(X, Dec) \
  DS_RI_WIDTHS(X, Shl) DS_RI_WIDTHS(X, Shr) DS_RI_WIDTHS(X, Sar) DS_RI_WIDTHS(X, Ror) \
  X(ShlX_i8) X(ShlX_i4) X(ShrX_i8) X(ShrX_i4) X(SarX_i8) X(SarX_i4) \
  DS_RI_WIDTHS(X, Mul) DS_RI_WIDTHS(X, MulX) X(MulHiU) X(MulHiS) X(MulWideU8) X(MulWideS8) X(DivWideU8) DS_WIDTHS(X, Madd) DS_WIDTHS(X, Msub) DS_WIDTHS(X, DivU) DS_WIDTHS(X, DivS) \
  X(Ubfx) X(Sbfx8) X(Sbfx4) X(Bfi8) X(Bfi4) DS_WIDTHS(X, Clz) DS_WIDTHS(X, Bswap) DS_WIDTHS(X, Popcnt) X(Rbit8) DS_WIDTHS(X, Bsx) DS_WIDTHS(X, Bt) DS_WIDTHS(X, BitOp) X(InsertI) \
  DS_WIDTHS(X, Select) DS_WIDTHS(X, Csinc) DS_WIDTHS(X, Csinv) DS_WIDTHS(X, Csneg) X(Set) \
  X(LeaB8) X(LeaI8) X(LeaI4) \
  DS_LOAD_VARIANTS(X, b) DS_LOAD_VARIANTS(X, i) DS_STORE_VARIANTS(X, b) DS_STORE_VARIANTS(X, i) \
  X(LoadRmw8) X(LoadRmw4) X(LoadRmw2) X(LoadRmw1) \
  X(LoadPair8) X(LoadPair4) X(StorePair8) X(StorePair4) \
  X(LoadV16) X(LoadV8) X(LoadV4) X(StoreV16) X(StoreV8) X(StoreV4) X(LoadV16a) X(StoreV16a) X(LoadVPair16) X(StoreVPair16) \
  X(AddLoad8) X(SubLoad8) X(AndLoad8) X(OrLoad8) X(XorLoad8) X(CmpLoad8x) X(CmpLoad4x) X(CmpLoad1x) X(CmpLoadI8x) X(CmpLoadI4x) X(CmpLoadI1x) \
  X(VecOp) X(VecMov) X(VecZero) X(VecGet8) X(VecGet4) X(VecPut) X(VecFp) X(FpCompare) \
  X(AddSd) X(SubSd) X(MulSd) X(DivSd) X(UComiSd) X(FAddD) X(FSubD) X(FMulD) X(FDivD) X(FCmpD) \
  X(Mov2) X(Load2) X(Store2) X(Store8Add) X(LoadPair8Add) X(LoadPair8AddRet) X(Prologue) X(Epilogue) \
  X(Fall) X(Jump) X(JumpReg) X(Call) X(CallReg) X(Ret) X(JumpLink) X(JumpRegLink) X(RetLink) X(Jcc) X(Cbz8) X(Cbz4) X(Cbnz8) X(Cbnz4) X(Tbz) X(Tbnz) \
  DS_RELATIONS(X, CmpR1) DS_RELATIONS(X, CmpI1) DS_RELATIONS(X, LoadCmp) X(LoadU8Tbz) X(LoadU8Tbnz) \
  DS_RELATIONS(X, CmpMemR8) DS_RELATIONS(X, CmpMemR4) DS_RELATIONS(X, CmpMemR1) \
  DS_RELATIONS(X, CmpMemI8) DS_RELATIONS(X, CmpMemI4) DS_RELATIONS(X, CmpMemI1) \
  DS_RELATIONS(X, CmpR8) DS_RELATIONS(X, CmpR4) DS_RELATIONS(X, CmpI8) DS_RELATIONS(X, CmpI4) \
  X(TestR8_EQ) X(TestR8_NE) X(TestR8_NEG) X(TestR8_POS) X(TestR8_SGT) X(TestR8_SLE) X(TestR4_EQ) X(TestR4_NE) X(TestR4_NEG) X(TestR4_POS) X(TestR4_SGT) X(TestR4_SLE) \
  X(TestI8_EQ) X(TestI8_NE) X(TestI4_EQ) X(TestI4_NE) X(TestR1_EQ) X(TestR1_NE) X(TestI1_EQ) X(TestI1_NE) \
  X(StackCheck) \
  X(RepMovs) X(RepStos) X(Syscall)
// clang-format on

namespace deferscope::emu {

enum class H : uint16_t {
#define X(name) name,
  DS_HANDLERS(X)
#undef X
      kCount
};

constexpr H operator+(H h, int n) { return static_cast<H>(static_cast<int>(h) + n); }

// The label of each handler in execute().
extern const void* const* handler_labels();

}  // namespace deferscope::emu
