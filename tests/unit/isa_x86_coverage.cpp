// x86_coverage FILE…: lifts every instruction of the executable sections of ELF files, in linear sweep, and lists by
// mnemonic what is not implemented or undefined, and how many micro-ops an instruction takes. Exit status 1 if an
// instruction with a legacy encoding is not implemented.
#include <Zydis/Zydis.h>
#include <elf.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "isa/x86_64/lift.h"

namespace {

using namespace deferscope::isa;

struct Report {
  std::map<std::string, uint64_t> missing, undefined, privileged;
  uint64_t instructions = 0, uops = 0;
  std::map<int, uint64_t> by_count;
};

ZydisDecoder make_decoder() {
  ZydisDecoder d;
  ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  return d;
}

std::string name_of(const uint8_t* p, size_t n) {
  static const ZydisDecoder decoder = make_decoder();
  ZydisDecodedInstruction in;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, p, n, &in))) return "(bad)";
  const bool legacy = in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
  return std::string(legacy ? "" : "VEX/EVEX ") + ZydisMnemonicGetString(in.mnemonic);
}

void sweep(const uint8_t* p, size_t n, uint64_t pc, Report& r) {
  Lifted l;
  for (size_t at = 0; at < n;) {
    x86_64::lift(p + at, n - at, pc + at, l, Level::v3);
    ++r.instructions;
    r.uops += l.count;
    if (l.fault == Fault::None) ++r.by_count[l.count];
    if (l.fault == Fault::Unimplemented) ++r.missing[name_of(p + at, n - at)];
    if (l.fault == Fault::Undefined) ++r.undefined[name_of(p + at, n - at)];
    if (l.fault == Fault::Privileged) ++r.privileged[name_of(p + at, n - at)];
    at += l.length ? l.length : 1;
  }
}

bool sweep_file(const char* path, Report& r) {
  std::ifstream f(path, std::ios::binary);
  const std::vector<uint8_t> b{std::istreambuf_iterator<char>(f), {}};
  Elf64_Ehdr h;
  if (b.size() < sizeof h) return false;
  std::memcpy(&h, b.data(), sizeof h);
  if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_machine != EM_X86_64) return false;
  for (unsigned i = 0; i < h.e_shnum; ++i) {
    Elf64_Shdr s;
    const uint64_t at = h.e_shoff + uint64_t{i} * h.e_shentsize;
    if (at > b.size() || b.size() - at < sizeof s) return false;
    std::memcpy(&s, b.data() + at, sizeof s);
    if (!(s.sh_flags & SHF_EXECINSTR) || s.sh_type != SHT_PROGBITS) continue;
    if (s.sh_offset > b.size() || b.size() - s.sh_offset < s.sh_size) return false;
    sweep(b.data() + s.sh_offset, s.sh_size, s.sh_addr, r);
  }
  return true;
}

void list(const char* title, const std::map<std::string, uint64_t>& names) {
  for (const auto& [name, count] : names)
    std::printf("%-14s %8llu %s\n", title, static_cast<unsigned long long>(count), name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Report r;
  for (int i = 1; i < argc; ++i)
    if (!sweep_file(argv[i], r)) std::printf("%s: not an x86-64 ELF file\n", argv[i]);
  list("unimplemented", r.missing), list("undefined", r.undefined), list("privileged", r.privileged);
  for (const auto& [n, count] : r.by_count)
    std::printf("%2d micro-ops: %10llu\n", n, static_cast<unsigned long long>(count));
  std::printf("%llu instructions, %.3f micro-ops each\n", static_cast<unsigned long long>(r.instructions),
              r.instructions ? static_cast<double>(r.uops) / static_cast<double>(r.instructions) : 0.0);
  for (const auto& [name, count] : r.missing)
    if (name.find("EVEX") == std::string::npos) return 1;
}
