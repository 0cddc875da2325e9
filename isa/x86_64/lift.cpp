// lift(): Zydis decodes, the row of the mnemonic writes the micro-ops. Here are the rules that hold for all rows: what
// is privileged, what a CPU of a level does not have, what is not implemented.
#include "isa/x86_64/lift.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "isa/x86_64/helpers.h"
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

using RowSource = std::span<const Row> (*)();
constexpr RowSource kSubjects[] = {
    integer_rows,     bit_rows,       control_rows,     system_rows,     sse_move_rows, sse_integer_rows,
    sse_shuffle_rows, sse_float_rows, sse_convert_rows, sse_string_rows, crypto_rows,   bmi_rows,
    vex_rows,         vex_move_rows,  vex_lane_rows,    fma_rows,        x87_rows,      fpu_state_rows};

struct Entry {
  const Row* row = nullptr;
  const Helper* helper = nullptr;
};
using RowIndex = std::array<Entry, ZYDIS_MNEMONIC_MAX_VALUE + 1>;

const RowIndex& rows_by_mnemonic() {
  static const RowIndex index = [] {
    RowIndex all{};
    for (const RowSource subject : kSubjects)
      for (const Row& row : subject())
        all[row.mnemonic] = {&row, row.helper.name ? find_helper(row.helper.name) : nullptr};
    return all;
  }();
  return index;
}

// A processor takes the bytes of WBNOINVD, CLDEMOTE, MPX and CET (ENDBR64) for WBINVD and NOPs, one below level v3
// those of LZCNT and TZCNT for BSR and BSF.
ZydisDecoder make_decoder(Level level) {
  ZydisDecoder d;
  ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  for (const ZydisDecoderMode off :
       {ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_WBNOINVD, ZYDIS_DECODER_MODE_CLDEMOTE, ZYDIS_DECODER_MODE_CET})
    ZydisDecoderEnableMode(&d, off, ZYAN_FALSE);
  for (const ZydisDecoderMode of_v3 : {ZYDIS_DECODER_MODE_LZCNT, ZYDIS_DECODER_MODE_TZCNT})
    ZydisDecoderEnableMode(&d, of_v3, level == Level::v3 ? ZYAN_TRUE : ZYAN_FALSE);
  return d;
}

const ZydisDecoder& decoder(Level level) {
  static const ZydisDecoder v2 = make_decoder(Level::v2), v3 = make_decoder(Level::v3);
  return level == Level::v3 ? v3 : v2;
}

// What a processor has, from which level on: what its CPUID reports (cpu_model.cpp). All else raises #UD.
struct Extension {
  ZydisISAExt extension;
  Level first;
};
constexpr Extension kExtensions[] = {
    {ZYDIS_ISA_EXT_BASE, Level::v1},        {ZYDIS_ISA_EXT_LONGMODE, Level::v1},
    {ZYDIS_ISA_EXT_PAUSE, Level::v1},       {ZYDIS_ISA_EXT_X87, Level::v1},
    {ZYDIS_ISA_EXT_MMX, Level::v1},         {ZYDIS_ISA_EXT_SSE, Level::v1},
    {ZYDIS_ISA_EXT_SSE2, Level::v1},        {ZYDIS_ISA_EXT_CLFSH, Level::v1},
    {ZYDIS_ISA_EXT_PREFETCHWT1, Level::v1}, {ZYDIS_ISA_EXT_AMD3DNOW_PREFETCH, Level::v1},  // hints that do nothing
    {ZYDIS_ISA_EXT_RDTSCP, Level::v2},      {ZYDIS_ISA_EXT_SSE3, Level::v2},
    {ZYDIS_ISA_EXT_SSSE3, Level::v2},       {ZYDIS_ISA_EXT_SSE4, Level::v2},
    {ZYDIS_ISA_EXT_AES, Level::v2},         {ZYDIS_ISA_EXT_PCLMULQDQ, Level::v2},
    {ZYDIS_ISA_EXT_LZCNT, Level::v3},       {ZYDIS_ISA_EXT_MOVBE, Level::v3},
    {ZYDIS_ISA_EXT_XSAVE, Level::v3},       {ZYDIS_ISA_EXT_AVX, Level::v3},
    {ZYDIS_ISA_EXT_AVX2, Level::v3},        {ZYDIS_ISA_EXT_AVX2GATHER, Level::v3},
    {ZYDIS_ISA_EXT_AVXAES, Level::v3},      {ZYDIS_ISA_EXT_BMI1, Level::v3},
    {ZYDIS_ISA_EXT_BMI2, Level::v3},        {ZYDIS_ISA_EXT_F16C, Level::v3},
    {ZYDIS_ISA_EXT_FMA, Level::v3}};
// Parts of those of v1 that came later.
constexpr ZydisISASet kPartsOfV2[] = {ZYDIS_ISA_SET_CMPXCHG16B, ZYDIS_ISA_SET_LAHF, ZYDIS_ISA_SET_POPCNT,
                                      ZYDIS_ISA_SET_SSE3X87};

struct FirstLevels {
  std::array<uint8_t, ZYDIS_ISA_EXT_MAX_VALUE + 1> of_extension{};
  std::array<uint8_t, ZYDIS_ISA_SET_MAX_VALUE + 1> of_part{};
};
constexpr auto kFirstLevels = [] {
  FirstLevels first;
  first.of_extension.fill(255);
  for (const Extension& e : kExtensions) first.of_extension[e.extension] = static_cast<uint8_t>(e.first);
  for (const ZydisISASet part : kPartsOfV2) first.of_part[part] = static_cast<uint8_t>(Level::v2);
  return first;
}();

// VEX is all that level v3 adds to the encodings: EVEX, XOP, 3DNow! raise #UD.
bool absent(const ZydisDecodedInstruction& in, Level level) {
  const bool encoded = in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
                       (in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && level == Level::v3);
  const auto l = static_cast<uint8_t>(level);
  return !encoded || l < kFirstLevels.of_extension[in.meta.isa_ext] || l < kFirstLevels.of_part[in.meta.isa_set];
}

// What Linux, or the processor outside of a system's own mode, refuses a program and Zydis does not call privileged:
// SYSENTER is not for 64-bit programs (AMD's processors raise #UD; on Intel's it enters the 32-bit ABI).
Fault refused(ZydisMnemonic m) {
  switch (m) {
    case ZYDIS_MNEMONIC_RSM:
    case ZYDIS_MNEMONIC_SYSENTER: return Fault::Undefined;
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_RDPMC: return Fault::Privileged;
    default: return Fault::None;
  }
}

bool touches_mmx(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* ops) {
  if (in.mnemonic == ZYDIS_MNEMONIC_CVTPI2PS || in.mnemonic == ZYDIS_MNEMONIC_CVTPI2PD) return true;  // from memory
  for (int i = 0; i < in.operand_count_visible; ++i)
    if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER && ops[i].reg.value >= ZYDIS_REGISTER_MM0 &&
        ops[i].reg.value <= ZYDIS_REGISTER_MM7)
      return true;
  return false;
}

// All of the x87 but what its name says no of; EMMS
bool waits(const ZydisDecodedInstruction& in) {
  constexpr ZydisMnemonic kDoNot[] = {
      ZYDIS_MNEMONIC_FNINIT,       ZYDIS_MNEMONIC_FNCLEX,        ZYDIS_MNEMONIC_FNSTCW,
      ZYDIS_MNEMONIC_FNSTSW,       ZYDIS_MNEMONIC_FNSTENV,       ZYDIS_MNEMONIC_FNSAVE,
      ZYDIS_MNEMONIC_FENI8087_NOP, ZYDIS_MNEMONIC_FDISI8087_NOP, ZYDIS_MNEMONIC_FSETPM287_NOP};
  if (in.mnemonic == ZYDIS_MNEMONIC_EMMS) return true;
  return in.meta.isa_ext == ZYDIS_ISA_EXT_X87 &&
         std::find(std::begin(kDoNot), std::end(kDoNot), in.mnemonic) == std::end(kDoNot);
}

Fault decoding_fault(ZyanStatus status) {
  if (status == ZYDIS_STATUS_NO_MORE_DATA) return Fault::Page;
  if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) return Fault::Privileged;  // #GP
  return Fault::Undefined;
}

}  // namespace

void lift(const uint8_t* bytes, size_t n, uint64_t pc, Lifted& out, Level level) {
  out.count = 0;
  out.length = 1;
  out.fault = Fault::None;
  // Flags and implied registers are in the rows, so the operands that nobody writes need no decoding.
  ZydisDecoderContext context;
  ZydisDecodedInstruction in;
  ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT_VISIBLE];
  ZyanStatus status = ZydisDecoderDecodeInstruction(&decoder(level), &context, bytes, n, &in);
  if (ZYAN_SUCCESS(status))
    status = ZydisDecoderDecodeOperands(&decoder(level), &context, &in, ops, in.operand_count_visible);
  if (!ZYAN_SUCCESS(status)) {
    out.fault = decoding_fault(status);
    return;
  }
  out.length = in.length;
  const auto [row, helper] = rows_by_mnemonic()[in.mnemonic];
  if (absent(in, level)) {
    out.fault = Fault::Undefined;
  } else if (in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) {
    out.fault = Fault::Privileged;
  } else if (const Fault f = refused(in.mnemonic); f != Fault::None) {
    out.fault = f;
  } else if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && touches_mmx(in, ops)) {
    static const Row none{};
    Builder b(in, ops, row ? *row : none, nullptr, pc + in.length, out);
    lift_wait(b);
    lift_mmx(b);
  } else if (row == nullptr) {
    out.fault = Fault::Unimplemented;
  } else {
    Builder b(in, ops, *row, helper, pc + in.length, out);
    if (waits(in)) lift_wait(b);
    row->lift(b);
  }
  if (out.fault != Fault::None) out.count = 0;
}

const Row* row_of(ZydisMnemonic mnemonic) { return rows_by_mnemonic()[mnemonic].row; }

const Helper* find_helper(std::string_view name) {
  for (const RowSource subject : kSubjects)
    for (const Row& row : subject())
      if (row.helper.name && row.helper.name == name) return &row.helper;
  for (const auto subject : {move_helpers, convert_helpers, shift_helpers})
    for (const Helper& helper : subject())
      if (helper.name == name) return &helper;
  return nullptr;
}

}  // namespace deferscope::isa::x86_64
