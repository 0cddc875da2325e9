// Pieces of the engine: dispatch in a tight loop of blocks, one call of run for one instruction, a block made and run.
#include <benchmark/benchmark.h>

#include "emu/engine/engine.h"

using namespace deferscope;

namespace {

constexpr uint64_t kCode = 0x401000;

// add rax, rbx; sub rcx, rdx; xor rsi, rax; lea rdi, [rsi+rcx]; dec r8; jnz back
constexpr uint8_t kLoop[] = {0x48, 0x01, 0xd8, 0x48, 0x29, 0xd1, 0x48, 0x31, 0xc6,
                             0x48, 0x8d, 0x3c, 0x0e, 0x49, 0xff, 0xc8, 0x75, 0xee};

struct Bed {
  emu::Memory memory;
  isa::CpuState cpu;
  emu::Engine engine{isa::Isa::x86_64, isa::default_cpu_model(isa::Isa::x86_64)};

  Bed() {
    memory.map(kCode, 4096, emu::kRead | emu::kExec);
    memory.poke(kCode, kLoop, sizeof kLoop);
    cpu.pc = kCode;
    cpu.r[8] = ~uint64_t{0};
  }
};

void dispatch(benchmark::State& state) {
  Bed b;
  constexpr uint64_t kBudget = 60'000;
  for (auto _ : state) benchmark::DoNotOptimize(b.engine.run(b.cpu, b.memory, kBudget, 0));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBudget));
}
BENCHMARK(dispatch);

void run_one_instruction(benchmark::State& state) {
  Bed b;
  for (auto _ : state) benchmark::DoNotOptimize(b.engine.run(b.cpu, b.memory, 1, 0));
}
BENCHMARK(run_one_instruction);

void make_and_run_a_block(benchmark::State& state) {
  Bed b;
  for (auto _ : state) {
    b.engine.drop_blocks();
    b.cpu.pc = kCode;
    benchmark::DoNotOptimize(b.engine.run(b.cpu, b.memory, 6, 0));
  }
}
BENCHMARK(make_and_run_a_block);

}  // namespace
