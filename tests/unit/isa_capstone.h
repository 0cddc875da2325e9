// Capstone as an oracle: an arm64 instruction's mnemonic and operands as that independent decoder prints them.
#pragma once
#include <capstone/capstone.h>

#include <cstdint>
#include <string>

namespace deferscope::isa {

class Capstone {
 public:
  Capstone() {
    cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle_);
    insn_ = cs_malloc(handle_);
  }
  ~Capstone() {
    cs_free(insn_, 1);
    cs_close(&handle_);
  }
  Capstone(const Capstone&) = delete;
  Capstone& operator=(const Capstone&) = delete;

  // "add"; "" if there is no such instruction.
  std::string mnemonic(std::uint32_t word, std::uint64_t pc) { return decode(word, pc) ? insn_->mnemonic : ""; }
  // "add x0, x1, #2"; "" if there is no such instruction.
  std::string text(std::uint32_t word, std::uint64_t pc) {
    return decode(word, pc) ? std::string(insn_->mnemonic) + " " + insn_->op_str : "";
  }

 private:
  bool decode(std::uint32_t word, std::uint64_t pc) {
    const auto* code = reinterpret_cast<const std::uint8_t*>(&word);
    std::size_t size = sizeof word;
    return cs_disasm_iter(handle_, &code, &size, &pc, insn_);
  }
  csh handle_ = 0;
  cs_insn* insn_ = nullptr;
};

}  // namespace deferscope::isa
