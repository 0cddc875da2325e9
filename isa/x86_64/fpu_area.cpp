#include "isa/x86_64/fpu_area.h"

#include <algorithm>
#include <cstring>

namespace deferscope::isa::x86_64 {
namespace {

constexpr size_t kStatus = 2, kTags = 4, kMxcsr = 24, kMxcsrMask = 28, kSt = 32, kXmm = 160;

template <class T>
void put(uint8_t* at, T x) {
  std::memcpy(at, &x, sizeof x);
}
template <class T>
T get(const uint8_t* at) {
  T x;
  std::memcpy(&x, at, sizeof x);
  return x;
}

bool all_zero(const CpuState& cpu, VReg first) {
  return std::all_of(cpu.v.begin() + first, cpu.v.begin() + first + 16, [](const Vec& v) { return v == Vec{}; });
}

}  // namespace

uint16_t x87_control(uint16_t written) { return static_cast<uint16_t>((written & 0x1f7f) | 0x40); }

uint16_t x87_status(uint16_t status, uint16_t control) {
  const bool pending = status & ~control & 0x3f;
  return static_cast<uint16_t>((status & 0x7f7f) | (pending ? 0x8080 : 0));
}

void put_x87(uint8_t* area, const X87& x87) {
  std::memset(area, 0, kMxcsr);
  put(area, x87.control);
  put(area + kStatus, x87.status);
  put(area + kTags, x87.full);
  for (unsigned i = 0; i < 8; ++i) {
    uint8_t* const st = area + kSt + 16 * i;
    const unsigned r = (x87.top() + i) % 8;
    std::memset(st, 0, 16);
    put(st, x87.significand[r]);
    put(st + 8, x87.exponent[r]);
  }
}

X87 get_x87(const uint8_t* area) {
  X87 x;
  x.control = x87_control(get<uint16_t>(area));
  x.status = x87_status(get<uint16_t>(area + kStatus), x.control);
  x.full = area[kTags];
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned r = (x.top() + i) % 8;
    x.significand[r] = get<uint64_t>(area + kSt + 16 * i);
    x.exponent[r] = get<uint16_t>(area + kSt + 16 * i + 8);
  }
  return x;
}

void put_mxcsr(uint8_t* area, const CpuState& cpu) {
  put(area + kMxcsr, cpu.mxcsr);
  put(area + kMxcsrMask, kMxcsrBits);
}
uint32_t get_mxcsr(const uint8_t* area) { return get<uint32_t>(area + kMxcsr); }

void put_xmm(uint8_t* area, const CpuState& cpu) { std::memcpy(area + kXmm, &cpu.v[0], 256); }
void put_ymm(uint8_t* area, const CpuState& cpu) { std::memcpy(area + kXsaveYmm, &cpu.v[kUpper], 256); }
void get_xmm(const uint8_t* area, CpuState& cpu) {
  for (size_t i = 0; i < 16; ++i)
    cpu.v[i] = {get<uint64_t>(area + kXmm + 16 * i), get<uint64_t>(area + kXmm + 16 * i + 8)};
}
void get_ymm(const uint8_t* area, CpuState& cpu) {
  const uint8_t* const at = area + kXsaveYmm;
  for (size_t i = 0; i < 16; ++i) cpu.v[kUpper + i] = {get<uint64_t>(at + 16 * i), get<uint64_t>(at + 16 * i + 8)};
}

uint64_t parts_in_use(const CpuState& cpu) {
  return (cpu.x87 != X87{} ? kX87Part : 0) | (!all_zero(cpu, 0) || cpu.mxcsr != 0x1f80 ? kSsePart : 0) |
         (!all_zero(cpu, kUpper) ? kAvxPart : 0);
}

}  // namespace deferscope::isa::x86_64
