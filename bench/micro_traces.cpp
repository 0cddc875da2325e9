// Pieces of what is written: an event packed and unpacked, as JSON, as text.
#include <benchmark/benchmark.h>

#include <vector>

#include "traces/event_pack.h"
#include "traces/json_writer.h"

using namespace deferscope;

namespace {

// As the benchmark guest makes most: a heap record with two captured words.
model::Event push() {
  model::Event e{model::DeferPush()};
  model::Defer& d = *e.defer();
  e.position = 340'980, e.goid = 1, e.tid = 100, e.pc = 0x4324a5, e.sp = 0xc0000cfe38;
  e.frame = {model::Name("main.loopDefers"), 0xc0000cfe40, 448, 0x49d1e5};
  d.record = 0xc0000ac000, d.link = 0xc0000ac050, d.site = 0x49d1e5;
  d.function.funcval = 0xc00008a240, d.function.entry = 0x49d2a0;
  d.function.symbol = model::Name("main.loopDefers.func1");
  d.function.captured = {{8, 8, 0xc00008a240, {}}, {16, 8, 7, {}}};
  return e;
}

void event_pack(benchmark::State& state) {
  traces::EventPacker packer;
  model::Event e = push();
  model::Defer& d = *e.defer();
  std::vector<uint8_t> bytes(1 << 16);
  for (auto _ : state) {
    size_t used = 0;
    ++e.id, e.position += 1081, d.record.value += 80, d.link.value += 80;
    packer.append(bytes, used, e);
    benchmark::DoNotOptimize(bytes.data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(event_pack);

void event_unpack(benchmark::State& state) {
  traces::EventPacker packer;
  std::vector<uint8_t> bytes(1 << 16);
  size_t used = 0;
  packer.append(bytes, used, push());
  traces::EventUnpacker unpacker;
  for (auto _ : state) {
    const uint8_t* p = bytes.data();
    benchmark::DoNotOptimize(unpacker.next(p));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(event_unpack);

// Thirty keys and values, a third of them texts of forty bytes: what an event is as JSON.
void json_30_values(benchmark::State& state) {
  const std::string text = "example.com/guests/work.loopDefers.func1";
  std::string out;
  size_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    {
      traces::JsonWriter w(out);
      w.open();
      for (uint64_t i = 0; i < 10; ++i) w.text("symbol", text).number("position", 340'980 + i).hex("pc", 0x49d1e5 + i);
      w.close().end_line();
    }
    benchmark::DoNotOptimize(out.data());
    bytes += out.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(json_30_values);

}  // namespace
