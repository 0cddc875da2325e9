// Instruction traces, what their writer and their reader share. docs/trace-format.md says what it means, for others who
// read them.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "isa/state.h"

namespace deferscope::traces::insn {

inline constexpr std::string_view kMagic = "deferscope.insn\n";
inline constexpr uint64_t kPage = 4096;

// A piece of the file: this, then `stored` bytes, a frame of Zstandard's of `raw` bytes. Little-endian, 32 bytes.
enum class Kind : uint32_t { header, chunk, more, end, index };
struct Piece {
  Kind kind = Kind::header;
  uint32_t stored = 0, raw = 0;
  uint32_t records = 0;   // bytes; behind them stand whole pages
  uint64_t position = 0;  // of its chunk's begin
  uint64_t pages = 0;     // stored in pieces before it
};
static_assert(sizeof(Piece) == 32);

// The index's rows, and the file's last 16 bytes: where the index stands, and kEndMagic.
struct Row {
  uint64_t offset = 0;
  Piece piece;
};
inline constexpr std::string_view kEndMagic = "insn.idx";

enum class Record : uint8_t {
  start = 1,  // position, tid, threads × (tid, n, n × (register, value)): all registers that are not 0
  zeros,      // page
  bytes,      // page; what it holds is the piece's next one
  again,      // page, how many were stored since one like it, that one included
  pause,      // position; instructions were executed to there
  fault,      // the same; the last one did nothing but raise a fault
  host_call,  // name; the next instruction is a function of the system's, up to resume
  store,      // address, n, n bytes: by the system
  resume,     // position, tid, n, n × (register, difference): it goes on there
  stop,       // the chunk is over, at the pause or fault before it
};

// Registers as the format numbers them.
enum Register : uint8_t {
  kInteger = 0,         // 0…31: isa::Reg
  kPc = 32,             // RIP, PC
  kFlags = 33,          // EFLAGS, NZCV
  kThread = 34,         // FS base, TPIDR_EL0
  kThread2 = 35,        // GS base, TPIDRRO_EL0
  kFloat = 36,          // MXCSR, FPCR
  kFloatStatus = 37,    // FPSR
  kMonitor = 38,        // of LDXR: address,
  kMonitorBytes = 39,   // and bytes
  kVector = 40,         // 40 + 2i: the low half of vector register i, 41 + 2i: the high one
  kX87 = 104,           // 104…111: significands
  kX87Exponents = 112,  // 112, 113: exponents and signs, 16 bits each
  kX87Words = 114,      // control, status, which are full, at 32, 16, 0: what differs from kX87Reset
  kRegisters = 115,
};
inline constexpr uint64_t kX87Reset = uint64_t{0x37f} << 32;
using Registers = std::array<uint64_t, kRegisters>;

Registers registers_of(isa::Isa isa, const isa::CpuState& cpu);
void set_registers(isa::Isa isa, const Registers& from, isa::CpuState& cpu);

// Numbers are LEB128; differences have their sign in the lowest bit.
inline uint64_t fold(uint64_t d) { return (d << 1) ^ (uint64_t{0} - (d >> 63)); }
inline uint64_t unfold(uint64_t z) { return (z >> 1) ^ (uint64_t{0} - (z & 1)); }
inline void put(std::string& out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) out.push_back(static_cast<char>(v | 0x80));
  out.push_back(static_cast<char>(v));
}
inline void put(std::string& out, Record r) { out.push_back(static_cast<char>(r)); }

}  // namespace deferscope::traces::insn
