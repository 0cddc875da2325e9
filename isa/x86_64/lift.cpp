// lift(): Zydis decodes, the row of the mnemonic writes the micro-ops. Here are the rules that hold for all rows: what
// is privileged, what a CPU of level v2 does not know, what is not implemented.
#include "isa/x86_64/lift.h"

#include <array>

#include "isa/x86_64/helpers.h"
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

using RowSource = std::span<const Row> (*)();
constexpr RowSource kSubjects[] = {integer_rows,     bit_rows,         control_rows,     system_rows,
                                   sse_move_rows,    sse_integer_rows, sse_shuffle_rows, sse_float_rows,
                                   sse_convert_rows, sse_string_rows,  crypto_rows};

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

// A v2 processor takes the bytes of LZCNT, TZCNT, WBNOINVD, CLDEMOTE, MPX and CET (ENDBR64) for BSR, BSF, WBINVD and
// NOPs.
const ZydisDecoder& decoder() {
  static const ZydisDecoder made = [] {
    ZydisDecoder d;
    ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (const ZydisDecoderMode off :
         {ZYDIS_DECODER_MODE_LZCNT, ZYDIS_DECODER_MODE_TZCNT, ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_WBNOINVD,
          ZYDIS_DECODER_MODE_CLDEMOTE, ZYDIS_DECODER_MODE_CET})
      ZydisDecoderEnableMode(&d, off, ZYAN_FALSE);
    return d;
  }();
  return made;
}

// Extensions with legacy encodings that level v2 + AES + PCLMUL lacks: their opcodes raise #UD there.
constexpr ZydisISAExt kAbsent[] = {
    ZYDIS_ISA_EXT_MOVBE,     ZYDIS_ISA_EXT_ADOX_ADCX, ZYDIS_ISA_EXT_RDRAND,     ZYDIS_ISA_EXT_RDSEED,
    ZYDIS_ISA_EXT_SHA,       ZYDIS_ISA_EXT_SSE4A,     ZYDIS_ISA_EXT_RDWRFSGS,   ZYDIS_ISA_EXT_RDPID,
    ZYDIS_ISA_EXT_XSAVE,     ZYDIS_ISA_EXT_XSAVEC,    ZYDIS_ISA_EXT_XSAVEOPT,   ZYDIS_ISA_EXT_XSAVES,
    ZYDIS_ISA_EXT_CLWB,      ZYDIS_ISA_EXT_CLZERO,    ZYDIS_ISA_EXT_CLFLUSHOPT, ZYDIS_ISA_EXT_RTM,
    ZYDIS_ISA_EXT_MONITORX,  ZYDIS_ISA_EXT_PKU,       ZYDIS_ISA_EXT_GFNI,       ZYDIS_ISA_EXT_MOVDIR,
    ZYDIS_ISA_EXT_WAITPKG,   ZYDIS_ISA_EXT_ENQCMD,    ZYDIS_ISA_EXT_SERIALIZE,  ZYDIS_ISA_EXT_UINTR,
    ZYDIS_ISA_EXT_KEYLOCKER, ZYDIS_ISA_EXT_CET,       ZYDIS_ISA_EXT_TSX_LDTRK};

constexpr auto kIsAbsent = [] {
  std::array<bool, ZYDIS_ISA_EXT_MAX_VALUE + 1> is{};
  for (const ZydisISAExt ext : kAbsent) is[ext] = true;
  return is;
}();

bool absent(const ZydisDecodedInstruction& in) {
  return kIsAbsent[in.meta.isa_ext] && in.mnemonic != ZYDIS_MNEMONIC_XGETBV;
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

void lift(const uint8_t* bytes, size_t n, uint64_t pc, Lifted& out) {
  out.count = 0;
  out.length = 1;
  out.fault = Fault::None;
  // Flags and implied registers are in the rows, so the operands that nobody writes need no decoding.
  ZydisDecoderContext context;
  ZydisDecodedInstruction in;
  ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT_VISIBLE];
  ZyanStatus status = ZydisDecoderDecodeInstruction(&decoder(), &context, bytes, n, &in);
  if (ZYAN_SUCCESS(status))
    status = ZydisDecoderDecodeOperands(&decoder(), &context, &in, ops, in.operand_count_visible);
  if (!ZYAN_SUCCESS(status)) {
    out.fault = decoding_fault(status);
    return;
  }
  out.length = in.length;
  const auto [row, helper] = rows_by_mnemonic()[in.mnemonic];
  if (in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) {
    out.fault = Fault::Privileged;
  } else if (in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && absent(in)) {
    out.fault = Fault::Undefined;
  } else if (row == nullptr || in.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || touches_mmx(in, ops)) {
    out.fault = Fault::Unimplemented;
  } else {
    Builder b(in, ops, *row, helper, pc + in.length, out);
    row->lift(b);
  }
  if (out.fault != Fault::None) out.count = 0;
}

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
