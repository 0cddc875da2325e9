// Pieces of isa: decode, and decode and lift, one instruction.
#include <Zydis/Zydis.h>
#include <benchmark/benchmark.h>

#include <array>

#include "isa/lift.h"

using namespace deferscope;

namespace {

// What Go's compiler writes most: add, load, store, lea, compare, jump, scalar double.
constexpr std::array<uint8_t, 32> kX86 = {0x48, 0x01, 0xd8, 0x48, 0x8b, 0x44, 0x24, 0x18, 0x48, 0x89, 0x44,
                                          0x24, 0x08, 0x48, 0x8d, 0x14, 0xc8, 0x48, 0x39, 0xd0, 0x7c, 0x05,
                                          0xf2, 0x0f, 0x58, 0xc1, 0x49, 0x3b, 0x66, 0x10, 0x76, 0x10};
constexpr std::array<uint32_t, 8> kArm64 = {0x8b010000, 0xf9400fe0, 0xf90007e0, 0xa9417bfd,
                                            0xeb01001f, 0x5400004b, 0x1e612800, 0xaa0003e1};

// Zydis alone: what the lift below starts from.
void decode_x86_64(benchmark::State& state) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  uint64_t n = 0;
  for (auto _ : state) {
    for (size_t at = 0; at < kX86.size(); ++n) {
      ZydisDecodedInstruction in;
      ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
      ZydisDecoderDecodeFull(&decoder, kX86.data() + at, kX86.size() - at, &in, operands);
      benchmark::DoNotOptimize(operands);
      at += in.length;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(n));
}
BENCHMARK(decode_x86_64);

void lift_x86_64(benchmark::State& state) {
  uint64_t n = 0;
  for (auto _ : state) {
    for (size_t at = 0; at < kX86.size();) {
      isa::Lifted out;
      isa::lift(isa::Isa::x86_64, std::span(kX86).subspan(at), 0x401000 + at, out);
      benchmark::DoNotOptimize(out);
      at += out.length;
      ++n;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(n));
}
BENCHMARK(lift_x86_64);

void lift_arm64(benchmark::State& state) {
  for (auto _ : state) {
    for (const uint32_t word : kArm64) {
      isa::Lifted out;
      isa::lift(isa::Isa::arm64, {reinterpret_cast<const uint8_t*>(&word), 4}, 0x401000, out);
      benchmark::DoNotOptimize(out);
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kArm64.size()));
}
BENCHMARK(lift_arm64);

}  // namespace
