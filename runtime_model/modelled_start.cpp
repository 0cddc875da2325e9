// How a listing's program begins and ends: a goroutine, initialisers, main or the one function that was asked for.
#include <fmt/format.h>

#include "runtime_model/modelled.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kStackGuard = 928;  // what functions may use below it (internal/abi/stack.go)
constexpr uint64_t kRunning = 2;       // g.atomicstatus
constexpr unsigned kMostResults = 8;   // words of arguments and results that are kept of --call's function

void set_stack(ModelledCall& c, uint64_t g, uint64_t lo, uint64_t hi) {
  const uint64_t stack = c.guest().address_of(g, F::g_stack);
  c.put(stack, lo);
  c.put(stack + 8, hi);
  c.put(stack + 16, lo + kStackGuard);  // stackguard0, stackguard1
  c.put(stack + 24, lo + kStackGuard);
}

// g0, m0 and the goroutine that runs main, on its own stack, whose end is goexit's frame.
void rt0(ModelledCall& c) {
  const auto& w = c.info().world;
  const uint64_t g0 = c.variable(world::kG0), g = c.variable(world::kG), m = c.variable(world::kM);
  set_stack(c, g0, c.variable(world::kSystemStack), c.variable(world::kSystemStackEnd));
  set_stack(c, g, w.stack_lo, w.stack_hi);
  c.set(g0, F::g_m, m);
  c.set(g, F::g_m, m);
  c.set(g, F::g_goid, 1);
  c.set(g, F::g_atomicstatus, kRunning);
  c.set(m, F::m_g0, g0);
  c.set(m, F::m_curg, g);
  const uint64_t main = c.info().address_of("runtime.main"), goexit = c.info().address_of("runtime.goexit");
  c.set(g, F::g_startpc, main);
  isa::CpuState& cpu = c.cpu();
  const uint64_t slot = c.variable(world::kTls), top = w.stack_hi - 64;
  c.put(slot, g);
  if (c.amd64()) {
    c.put(slot - 8, slot);  // Windows: GS:0x28 is the block's address
    cpu.r[isa::kFsBase] = slot + 8;
    cpu.r[isa::kGsBase] = slot - 0x30;
    cpu.r[14] = g;
    cpu.v[15] = {};
    cpu.r[isa::kRbp] = 0;
    c.put(top, goexit + 1);
  } else {
    cpu.r[28] = g;
    cpu.r[29] = 0;
    cpu.r[isa::kX30] = goexit + 4;
  }
  c.jump(main, top);
}

// Functions that run before main, as the listing's version lists them.
std::vector<uint64_t> initialisers(ModelledCall& c) {
  constexpr uint64_t kMost = 1000;
  std::vector<uint64_t> out;
  const auto& info = c.info();
  const uint64_t task = info.address_of("main..inittask");
  if (!task) {
    if (const auto f = info.address_of("main.init")) out.push_back(f);  // to 1.12
    return out;
  }
  uint64_t n = 0, at = 0;
  if (c.minor() >= 21) {  // {state, nfns uint32; fns}
    n = c.word_at(task) >> 32, at = task + 8;
  } else {  // {state, ndeps, nfns uintptr; deps, fns}
    n = c.word_at(task + 16), at = task + 24 + 8 * std::min(c.word_at(task + 8), kMost);
  }
  for (uint64_t i = 0; i < std::min(n, kMost); ++i)
    if (const uint64_t f = c.word_at(at + 8 * i)) out.push_back(f);
  return out;
}

// What is called, one after another: step n is the n-th.
void main_next(ModelledCall& c) {
  std::vector<uint64_t> calls = initialisers(c);
  const auto& info = c.info();
  if (info.call) calls.assign(1, info.call);
  if (!info.call) calls.push_back(info.address_of("main.main"));
  const uint64_t step = c.word_at(c.variable(world::kStep));
  if (step >= calls.size()) {
    const uint64_t results = c.variable(world::kResults);
    if (c.by_registers()) c.put(results, c.cpu().r[0]);  // AX, R0
    for (unsigned i = 0; i < kMostResults && !c.by_registers(); ++i)
      c.put(results + 8 * i, c.word_at(c.outgoing() + 8 * i));
    c.put(c.variable(world::kReturned), 1);
    return;
  }
  c.put(c.variable(world::kStep), step + 1);
  const uint64_t closure = c.variable(world::kClosure);
  c.put(closure, calls[step]);
  c.set_closure(closure);
  const auto& arguments = info.options.arguments;
  for (unsigned i = 0; info.call && i < arguments.size(); ++i) c.pass(i, static_cast<uint64_t>(arguments[i]));
  c.skip();
}

void main_end(ModelledCall& c) { c.pass_on_stack(0, 0); }

void throws(ModelledCall& c, std::string_view text) {
  const uint64_t string = c.string_of(text);
  c.pass(0, c.word_at(string));
  c.pass(1, c.word_at(string + 8));
}

// The main goroutine is over and nobody else runs.
void goexit1(ModelledCall& c) { throws(c, "no goroutines (main called runtime.Goexit) - deadlock!"); }
void morestack(ModelledCall& c) { throws(c, "stack overflow"); }
void throwinit(ModelledCall& c) { throws(c, "recursive call during initialization - linker skew"); }

constexpr ModelledRow kRows[] = {
    {"runtime.rt0_go", rt0},          {"runtime.main", main_next},      {"runtime.main.end", main_end},
    {"runtime.goexit1", goexit1},     {"runtime.morestack", morestack}, {"runtime.morestack_noctxt", morestack},
    {"runtime.throwinit", throwinit},
};

}  // namespace

std::span<const ModelledRow> modelled_start() { return kRows; }

std::string called_result(const Program& program, const emu::MachineState& state) {
  const loader::ListingInfo* info = program.image().listing();
  if (!info || !info->call) return {};
  const Guest guest(program, state);
  const uint64_t data = info->world.data;
  if (!guest.word(data + world::kReturned)) return {};
  const loader::ListingFunction* f = info->function_at(info->call);
  const size_t given = info->options.arguments.size();
  const bool registers = program.minor() >= (program.amd64() ? 17 : 18);
  std::string out;
  if (registers) {
    const uint64_t v = guest.word(data + world::kResults);
    return fmt::format("{} returned: {} = {}", f->listed, program.amd64() ? "AX" : "R0", static_cast<int64_t>(v));
  }
  for (size_t i = given; 8 * i < static_cast<size_t>(std::max(f->arguments, 0)) && i < kMostResults; ++i)
    out +=
        fmt::format("{}{}", out.empty() ? "" : ", ", static_cast<int64_t>(guest.word(data + world::kResults + 8 * i)));
  return fmt::format("{} returned{}{}", f->listed, out.empty() ? "" : ": ", out);
}

}  // namespace deferscope::model
