// Pieces of memory: checked access with a translation at hand and without, snapshot, first write after one, digest.
#include <benchmark/benchmark.h>

#include "emu/memory.h"

using namespace deferscope;
using emu::kPage;

namespace {

constexpr uint64_t kBase = 0xc000000000;

emu::Memory with_pages(uint64_t pages) {
  emu::Memory m;
  m.map(kBase, pages * kPage, emu::kRead | emu::kWrite);
  for (uint64_t i = 0; i < pages; ++i) m.write_value(kBase + i * kPage, i);
  return m;
}

void read_tlb_hit(benchmark::State& state) {
  emu::Memory m = with_pages(1);
  uint64_t x = 0;
  for (auto _ : state) benchmark::DoNotOptimize(m.read_value(kBase + 64, x));
}
BENCHMARK(read_tlb_hit);

// Every access falls on a page that shares its place in the cache with the one before.
void read_tlb_miss(benchmark::State& state) {
  emu::Memory m = with_pages(2 * emu::Memory::kTlbEntries);
  uint64_t x = 0, at = kBase;
  for (auto _ : state) {
    benchmark::DoNotOptimize(m.read_value(at, x));
    at ^= emu::Memory::kTlbEntries * kPage;
  }
}
BENCHMARK(read_tlb_miss);

void snapshot(benchmark::State& state) {
  emu::Memory m = with_pages(static_cast<uint64_t>(state.range(0)));
  for (auto _ : state) {
    emu::Memory copy(m);
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(snapshot)->Arg(256)->Arg(8192);

void first_write_after_snapshot(benchmark::State& state) {
  emu::Memory m = with_pages(256);
  uint64_t i = 0;
  emu::Memory copy(m);
  for (auto _ : state) {
    if (i % 256 == 0) {
      state.PauseTiming();
      copy = m;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(m.write_value(kBase + i++ % 256 * kPage, i));
  }
}
BENCHMARK(first_write_after_snapshot);

void digest(benchmark::State& state) {
  const emu::Memory m = with_pages(256);
  for (auto _ : state) benchmark::DoNotOptimize(m.digest());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * 256 * kPage));
}
BENCHMARK(digest);

}  // namespace
