// The tables behind plan9_names.h. A mnemonic that no row names is printed as Zydis has it, in capitals.
#include "isa/x86_64/plan9_names.h"

#include <deque>
#include <string>
#include <vector>

namespace deferscope::isa::x86_64 {
namespace {

struct Rename {
  ZydisMnemonic mnemonic;
  std::string_view name;
};

// Where objdump's word is not Zydis's.
constexpr Rename kNames[] = {
    {ZYDIS_MNEMONIC_JZ, "JE"},         {ZYDIS_MNEMONIC_JNZ, "JNE"},       {ZYDIS_MNEMONIC_JNB, "JAE"},
    {ZYDIS_MNEMONIC_JNBE, "JA"},       {ZYDIS_MNEMONIC_JNL, "JGE"},       {ZYDIS_MNEMONIC_JNLE, "JG"},
    {ZYDIS_MNEMONIC_SETZ, "SETE"},     {ZYDIS_MNEMONIC_SETNZ, "SETNE"},   {ZYDIS_MNEMONIC_SETNB, "SETAE"},
    {ZYDIS_MNEMONIC_SETNBE, "SETA"},   {ZYDIS_MNEMONIC_SETNL, "SETGE"},   {ZYDIS_MNEMONIC_SETNLE, "SETG"},
    {ZYDIS_MNEMONIC_CMOVZ, "CMOVE"},   {ZYDIS_MNEMONIC_CMOVNZ, "CMOVNE"}, {ZYDIS_MNEMONIC_CMOVNB, "CMOVAE"},
    {ZYDIS_MNEMONIC_CMOVNBE, "CMOVA"}, {ZYDIS_MNEMONIC_CMOVNL, "CMOVGE"}, {ZYDIS_MNEMONIC_CMOVNLE, "CMOVG"},
    {ZYDIS_MNEMONIC_XLAT, "XLATB"},    {ZYDIS_MNEMONIC_INT3, "INT"},      {ZYDIS_MNEMONIC_INT1, "ICEBP"},
};

// Those that take B, W, L or Q.
constexpr ZydisMnemonic kSized[] = {
    ZYDIS_MNEMONIC_ADC,       ZYDIS_MNEMONIC_ADD,      ZYDIS_MNEMONIC_AND,      ZYDIS_MNEMONIC_BSF,
    ZYDIS_MNEMONIC_BSR,       ZYDIS_MNEMONIC_BT,       ZYDIS_MNEMONIC_BTC,      ZYDIS_MNEMONIC_BTR,
    ZYDIS_MNEMONIC_BTS,       ZYDIS_MNEMONIC_CMP,      ZYDIS_MNEMONIC_CMPXCHG,  ZYDIS_MNEMONIC_CVTSI2SD,
    ZYDIS_MNEMONIC_CVTSI2SS,  ZYDIS_MNEMONIC_CVTSD2SI, ZYDIS_MNEMONIC_CVTSS2SI, ZYDIS_MNEMONIC_CVTTSD2SI,
    ZYDIS_MNEMONIC_CVTTSS2SI, ZYDIS_MNEMONIC_DEC,      ZYDIS_MNEMONIC_DIV,      ZYDIS_MNEMONIC_FLDENV,
    ZYDIS_MNEMONIC_FRSTOR,    ZYDIS_MNEMONIC_IDIV,     ZYDIS_MNEMONIC_IMUL,     ZYDIS_MNEMONIC_IN,
    ZYDIS_MNEMONIC_INC,       ZYDIS_MNEMONIC_LEA,      ZYDIS_MNEMONIC_MOV,      ZYDIS_MNEMONIC_MOVNTI,
    ZYDIS_MNEMONIC_MUL,       ZYDIS_MNEMONIC_NEG,      ZYDIS_MNEMONIC_NOP,      ZYDIS_MNEMONIC_NOT,
    ZYDIS_MNEMONIC_OR,        ZYDIS_MNEMONIC_OUT,      ZYDIS_MNEMONIC_POP,      ZYDIS_MNEMONIC_POPCNT,
    ZYDIS_MNEMONIC_PUSH,      ZYDIS_MNEMONIC_RCL,      ZYDIS_MNEMONIC_RCR,      ZYDIS_MNEMONIC_ROL,
    ZYDIS_MNEMONIC_ROR,       ZYDIS_MNEMONIC_SAR,      ZYDIS_MNEMONIC_SBB,      ZYDIS_MNEMONIC_SHL,
    ZYDIS_MNEMONIC_SHLD,      ZYDIS_MNEMONIC_SHR,      ZYDIS_MNEMONIC_SHRD,     ZYDIS_MNEMONIC_SUB,
    ZYDIS_MNEMONIC_TEST,      ZYDIS_MNEMONIC_XADD,     ZYDIS_MNEMONIC_XCHG,     ZYDIS_MNEMONIC_XOR,
};

struct Tables {
  std::deque<std::string> words;  // capitals of Zydis's names; stable addresses
  std::vector<MnemonicFacts> facts;

  Tables() : facts(ZYDIS_MNEMONIC_MAX_VALUE + 1) {
    for (int m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; ++m) {
      const char* s = ZydisMnemonicGetString(static_cast<ZydisMnemonic>(m));
      std::string& w = words.emplace_back(s ? s : "?");
      for (char& c : w)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
      facts[m].name = w;
    }
    for (const Rename& r : kNames) facts[r.mnemonic].name = r.name;
    for (const ZydisMnemonic m : kSized) facts[m].sized = true;
  }
};

}  // namespace

const MnemonicFacts& facts_of(ZydisMnemonic mnemonic) {
  static const Tables tables;
  return tables.facts[mnemonic];
}

}  // namespace deferscope::isa::x86_64
