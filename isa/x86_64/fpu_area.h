// The images that FXSAVE and XSAVE make of x87, SSE and AVX, part by part; signal frames hold them too.
//
//     0    control, status, tags (a bit a register), …   24  MXCSR and its mask
//     32   ST(0)…ST(7), 16 bytes each                    160 XMM0…XMM15
//     512  XSAVE's header: which parts are in use        576 upper halves of YMM0…YMM15
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa/state.h"

namespace deferscope::isa::x86_64 {

inline constexpr size_t kFxsaveBytes = 512, kXsaveBytes = 832, kXsaveHeader = 512, kXsaveYmm = 576;
inline constexpr uint64_t kX87Part = 1, kSsePart = 2, kAvxPart = 4;  // as XCR0 and the header number them
inline constexpr uint32_t kMxcsrBits = 0xffff;

void put_x87(uint8_t* area, const X87& x87);
void put_mxcsr(uint8_t* area, const CpuState& cpu);
void put_xmm(uint8_t* area, const CpuState& cpu);
void put_ymm(uint8_t* area, const CpuState& cpu);
X87 get_x87(const uint8_t* area);
uint32_t get_mxcsr(const uint8_t* area);
void get_xmm(const uint8_t* area, CpuState& cpu);
void get_ymm(const uint8_t* area, CpuState& cpu);

// The parts that are not as at reset.
uint64_t parts_in_use(const CpuState& cpu);

// Control and status as the processor keeps them: reserved bits, and the summary of exceptions that are not masked.
uint16_t x87_control(uint16_t written);
uint16_t x87_status(uint16_t status, uint16_t control);

}  // namespace deferscope::isa::x86_64
