// lift(): Zydis decodes, the row of the mnemonic writes the micro-ops. Here are the rules that hold for all rows: what
// is privileged, what a CPU of level v2 does not know, what is not implemented.
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

// A processor takes the bytes of WBNOINVD, CLDEMOTE, MPX and CET (ENDBR64) for WBINVD and NOPs, one of level v2 those
// of LZCNT and TZCNT for BSR and BSF.
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

// Extensions with legacy encodings that no level has: their opcodes raise #UD.
constexpr ZydisISAExt kAbsent[] = {
    ZYDIS_ISA_EXT_ADOX_ADCX, ZYDIS_ISA_EXT_RDRAND,    ZYDIS_ISA_EXT_RDSEED, ZYDIS_ISA_EXT_SHA,
    ZYDIS_ISA_EXT_SSE4A,     ZYDIS_ISA_EXT_RDWRFSGS,  ZYDIS_ISA_EXT_RDPID,  ZYDIS_ISA_EXT_XSAVEC,
    ZYDIS_ISA_EXT_XSAVEOPT,  ZYDIS_ISA_EXT_XSAVES,    ZYDIS_ISA_EXT_CLWB,   ZYDIS_ISA_EXT_CLZERO,
    ZYDIS_ISA_EXT_RTM,       ZYDIS_ISA_EXT_MONITORX,  ZYDIS_ISA_EXT_PKU,    ZYDIS_ISA_EXT_GFNI,
    ZYDIS_ISA_EXT_MOVDIR,    ZYDIS_ISA_EXT_WAITPKG,   ZYDIS_ISA_EXT_ENQCMD, ZYDIS_ISA_EXT_SERIALIZE,
    ZYDIS_ISA_EXT_UINTR,     ZYDIS_ISA_EXT_KEYLOCKER, ZYDIS_ISA_EXT_CET,    ZYDIS_ISA_EXT_TSX_LDTRK,
    ZYDIS_ISA_EXT_CLFLUSHOPT};
// Those that level v2 + AES + PCLMUL lacks.
constexpr ZydisISAExt kOfV3[] = {ZYDIS_ISA_EXT_MOVBE, ZYDIS_ISA_EXT_XSAVE};

constexpr auto kFirstLevel = [] {
  std::array<uint8_t, ZYDIS_ISA_EXT_MAX_VALUE + 1> first{};
  for (const ZydisISAExt ext : kAbsent) first[ext] = 255;
  for (const ZydisISAExt ext : kOfV3) first[ext] = static_cast<uint8_t>(Level::v3);
  return first;
}();

bool absent(const ZydisDecodedInstruction& in, Level level) {
  return static_cast<uint8_t>(level) < kFirstLevel[in.meta.isa_ext] && in.mnemonic != ZYDIS_MNEMONIC_XGETBV;
}

// What level v3 encodes with VEX
constexpr ZydisISAExt kOfVex[] = {ZYDIS_ISA_EXT_AVX,    ZYDIS_ISA_EXT_AVX2, ZYDIS_ISA_EXT_AVX2GATHER,
                                  ZYDIS_ISA_EXT_AVXAES, ZYDIS_ISA_EXT_BMI1, ZYDIS_ISA_EXT_BMI2,
                                  ZYDIS_ISA_EXT_F16C,   ZYDIS_ISA_EXT_FMA};

bool known_encoding(const ZydisDecodedInstruction& in, Level level) {
  if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY) return true;
  return in.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && level == Level::v3 &&
         std::find(std::begin(kOfVex), std::end(kOfVex), in.meta.isa_ext) != std::end(kOfVex);
}

bool touches_mmx(const ZydisDecodedInstruction& in, const ZydisDecodedOperand* ops) {
  for (int i = 0; i < in.operand_count_visible; ++i)
    if (ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER && ops[i].reg.value >= ZYDIS_REGISTER_MM0 &&
        ops[i].reg.value <= ZYDIS_REGISTER_MM7)
      return true;
  return false;
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
  if (in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) {
    out.fault = Fault::Privileged;
  } else if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && absent(in, level)) {
    out.fault = Fault::Undefined;
  } else if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && touches_mmx(in, ops)) {
    static const Row none{};
    Builder b(in, ops, row ? *row : none, nullptr, pc + in.length, out);
    lift_mmx(b);
  } else if (row == nullptr || !known_encoding(in, level)) {
    out.fault = Fault::Unimplemented;
  } else {
    Builder b(in, ops, *row, helper, pc + in.length, out);
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
