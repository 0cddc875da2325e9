#include "emu/engine/strings.h"

#include <algorithm>
#include <cstring>

namespace deferscope::emu {
namespace {

// Elements that lie whole in the page of `a`, in the direction of travel; none if the first straddles two.
uint64_t room(uint64_t a, unsigned width, bool down) {
  const uint64_t at = a % kPage;
  if (at + width > kPage) return 0;
  return down ? at / width + 1 : (kPage - at) / width;
}

// The host address of the byte at `a`; nullptr: the TLB does not cover its page.
uint8_t* host(const Memory::TlbEntry* tlb, uint64_t a) {
  const Memory::TlbEntry& e = tlb[(a / kPage) % Memory::kTlbEntries];
  return e.tag == page_of(a) ? reinterpret_cast<uint8_t*>(e.addend + a) : nullptr;
}

// An element that is stored would be one that is still to be loaded: every element's own order shows.
bool smears(const uint8_t* to, const uint8_t* from, uint64_t bytes, bool down) {
  return down ? to < from && from < to + bytes : from < to && to < from + bytes;
}

}  // namespace

uint64_t run_string(const isa::Uop& u, isa::CpuState& cpu, Memory& memory, uint64_t most) {
  const unsigned w = u.width;
  const bool movs = u.op == isa::Op::Movs;
  const uint64_t di = cpu.r[isa::kRdi], si = cpu.r[isa::kRsi] + cpu.r[u.mem.seg];
  uint64_t n = std::min({most, cpu.r[isa::kRcx], room(di, w, cpu.df)});
  if (movs) n = std::min(n, room(si, w, cpu.df));
  if (n <= 1 || memory.is_watched(page_of(di)) || memory.is_code(page_of(di))) return 0;
  if (movs && memory.is_watched(page_of(si))) return 0;
  uint8_t* to = host(memory.tlb_write.data(), di);
  const uint8_t* from = movs ? host(memory.tlb_read.data(), si) : nullptr;
  if (!to || (movs && !from)) return 0;
  const uint64_t bytes = n * w;
  if (cpu.df) to -= bytes - w;
  if (movs) {
    if (cpu.df) from -= bytes - w;
    if (smears(to, from, bytes, cpu.df)) return 0;
    std::memmove(to, from, bytes);
  } else {
    for (uint64_t i = 0; i < bytes; i += w) std::memcpy(to + i, &cpu.r[isa::kRax], w);
  }
  const uint64_t moved = cpu.df ? uint64_t{0} - bytes : bytes;
  cpu.r[isa::kRdi] += moved;
  if (movs) cpu.r[isa::kRsi] += moved;
  cpu.r[isa::kRcx] -= n;
  return n;
}

}  // namespace deferscope::emu
