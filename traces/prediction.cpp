// Evaluates an instruction micro-op by micro-op on a copy and writes down what each one means.
#include "traces/prediction.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "isa/fp_env.h"
#include "isa/lift.h"
#include "traces/op_words.h"

namespace deferscope::traces {
namespace {

using isa::Op;
using isa::Reg;
using isa::Uop;

// Memory as the instruction sees it, writes kept aside.
class Aside final : public isa::Bus {
 public:
  Aside(const emu::Memory& memory, std::vector<MemoryRead>& reads) : memory_(memory), reads_(reads) {}

  bool read(uint64_t address, void* out, unsigned n) override {
    if (!peek(address, out, n)) return fail(address);
    uint64_t v = 0;
    std::memcpy(&v, out, std::min(n, 8u));
    reads_.push_back({address, n, v});
    return true;
  }
  bool write(uint64_t address, const void* in, unsigned n) override {
    if (!check_write(address, n)) return false;
    const auto* p = static_cast<const uint8_t*>(in);
    for (unsigned i = 0; i < n; ++i) written_[address + i] = p[i];
    return true;
  }
  bool check_write(uint64_t address, unsigned n) override {
    uint8_t old[isa::kMostArea];
    if (n > sizeof old || !memory_.peek(address, old, n)) return fail(address);
    const auto& maps = memory_.mappings();
    auto it = maps.upper_bound(address);
    if (it == maps.begin() || !(std::prev(it)->second.prot & emu::kWrite)) return fail(address);
    return true;
  }
  bool peek(uint64_t address, void* out, unsigned n) const {
    if (!memory_.peek(address, out, n)) return false;
    for (unsigned i = 0; i < n; ++i)
      if (auto it = written_.find(address + i); it != written_.end()) static_cast<uint8_t*>(out)[i] = it->second;
    return true;
  }

 private:
  bool fail(uint64_t address) {
    fault_address = address;
    fault = isa::Fault::Page;
    return false;
  }
  const emu::Memory& memory_;
  std::vector<MemoryRead>& reads_;
  std::map<uint64_t, uint8_t> written_;
};

bool lift_at(const emu::MachineState& s, Prediction& e) {
  unsigned n = isa::longest(s.isa);
  while (n > 0 && !s.memory.peek(e.pc, e.bytes, n)) --n;
  isa::lift(s.isa, {e.bytes, n}, e.pc, e.in, s.level);
  return e.in.fault == isa::Fault::None;
}

// The changes that micro-op `u` made between `old` and e.after.
class Recorder {
 public:
  Recorder(Prediction& e, const Aside& bus, const Namer& names) : e_(e), bus_(bus), words_(e.isa, names) {}

  // Before the op runs: what its operands are called and hold.
  void before(const Uop& u, const isa::CpuState& s) {
    old_ = s;
    spoken_ = words_.say(u, s);
    if (spoken_.writes) {
      store_ = {};
      store_.address = spoken_.address;
      store_.bytes = spoken_.bytes;
      read_memory(store_.before, store_.vec_before);
    }
  }

  void after(const Uop& u, const isa::CpuState& s) {
    for (Reg r : {u.dst, u.dst2})
      if (spoken_.integer_result && r < isa::kRegs) integer(r, r == u.dst ? spoken_.how : spoken_.how2, s);
    for (Reg r : spoken_.more_registers) integer(r, spoken_.how2, s);
    for (isa::VReg v : {u.dst, u.dst2})
      if (spoken_.vector_result && v < isa::kVRegs) vector(v, v == u.dst ? spoken_.how : spoken_.how2, s);
    if (spoken_.writes) memory();
    if (!spoken_.note.empty()) {
      Change c;
      c.kind = spoken_.compare ? Change::Compare : Change::Note;
      c.place = spoken_.note;
      e_.changes.push_back(std::move(c));
    }
  }

  const OpWords& words() const { return words_; }

 private:
  void read_memory(uint64_t& value, isa::Vec& vec) {
    const unsigned n = std::min(store_.bytes, 16u);
    uint8_t bytes[16] = {};
    if (!bus_.peek(store_.address, bytes, n)) return;
    std::memcpy(&value, bytes, std::min(n, 8u));
    std::memcpy(&vec.lo, bytes, 8);
    std::memcpy(&vec.hi, bytes + 8, 8);
  }
  void integer(Reg r, const Expr& how, const isa::CpuState& s) {
    if (r == isa::kZero || r == isa::kSink) return;
    if (r >= isa::kT0) return words_.name_temp(r, how);
    Change c;
    c.kind = Change::Register;
    c.reg = r;
    c.before = old_.r[r], c.after = s.r[r];
    c.place = register_name(e_.isa, r);
    c.how = how;
    e_.changes.push_back(std::move(c));
  }
  void vector(isa::VReg v, const Expr& how, const isa::CpuState& s) {
    if (v >= isa::kVT0) return words_.name_vector_temp(v, how);
    Change c;
    c.kind = Change::Vector;
    c.reg = v;
    c.vec_before = old_.v[v], c.vec_after = s.v[v];
    c.place = vector_name(e_.isa, v);
    c.how = how;
    e_.changes.push_back(std::move(c));
  }
  void memory() {
    store_.kind = Change::Memory;
    store_.place = spoken_.place;
    store_.how = spoken_.how;
    read_memory(store_.after, store_.vec_after);
    e_.changes.push_back(store_);
  }

  Prediction& e_;
  const Aside& bus_;
  OpWords words_;
  OpWords::Spoken spoken_;
  isa::CpuState old_;
  Change store_;
};

void find_flow(Prediction& e, const Uop& u, const isa::CpuState& s, const OpWords& words) {
  Flow& f = e.flow;
  switch (u.op) {
    case Op::Jump:
    case Op::JumpReg:
      f.kind = u.hint == isa::Hint::Call ? Flow::Call : u.hint == isa::Hint::Return ? Flow::Return : Flow::Jump;
      f.target = u.op == Op::Jump ? static_cast<uint64_t>(u.imm) : s.r[u.a];
      if (u.op == Op::JumpReg) f.through = words.operand(u.a, s);
      break;
    case Op::JumpCond:
    case Op::Cbz:
    case Op::Cbnz:
    case Op::Tbz:
    case Op::Tbnz:
      f.kind = Flow::Branch;
      f.target = static_cast<uint64_t>(u.imm);
      f.condition = words.condition(u, s);
      break;
    case Op::Syscall: f.kind = Flow::Syscall; break;
    default: break;
  }
}

// A function of the system itself (Os::host_call): what it does is not told, where it returns to is.
void predict_host_call(const emu::MachineState& state, Prediction& e) {
  e.flow.kind = Flow::HostCall;
  e.flow.through = state.os->host_call_name(e.pc);
  e.outcome.kind = isa::Outcome::Next;
  e.flow.target = e.before.r[isa::kX30];
  if (e.isa == isa::Isa::x86_64) {
    state.memory.peek(e.before.r[isa::kRsp], &e.flow.target, 8);
    e.after.r[isa::kRsp] += 8;
  }
  e.after.pc = e.flow.target;
}

}  // namespace

const Change* Prediction::memory_change() const {
  for (const Change& c : changes)
    if (c.kind == Change::Memory) return &c;
  return nullptr;
}

Prediction predict(const emu::MachineState& state, const isa::CpuModel& model, const Namer& names) {
  Prediction e;
  e.isa = state.isa;
  e.before = e.after = state.thread().cpu;
  e.pc = e.before.pc;
  if (state.os->is_host_call(e.pc)) {
    predict_host_call(state, e);
    return e;
  }
  Aside bus(state.memory, e.reads);
  if (!lift_at(state, e)) {
    e.flow.kind = Flow::Fault;
    e.outcome.kind = isa::Outcome::Fault;
    e.outcome.fault = e.in.fault;
    return e;
  }
  isa::CpuState& s = e.after;
  s.lazy = {s.lazy.bits(), 0, isa::FlagKind::Explicit, 3};
  uint64_t next = e.next_pc();
  Recorder recorder(e, bus, names);
  isa::fp_enter(s, e.isa);
  for (unsigned i = 0; i < e.in.count; ++i) {
    const Uop& u = e.in.uops[i];
    recorder.before(u, s);
    find_flow(e, u, s, recorder.words());
    e.outcome = isa::evaluate_one(u, s, bus, model, state.position, next);
    if (e.outcome.kind == isa::Outcome::Fault) {
      e.flow.kind = Flow::Fault;
      s = e.before;
      e.changes.clear();
      break;
    }
    recorder.after(u, s);
    if (u.rep != 0 && next == e.pc) e.flow.kind = Flow::Again;
    if (u.op == Op::Syscall) e.flow.call = state.os->requested_call(e.before);
  }
  isa::fp_leave();
  if (e.flow.kind != Flow::Fault) s.pc = next;
  if (e.flow.kind == Flow::Branch) e.flow.taken = next == e.flow.target;
  return e;
}

}  // namespace deferscope::traces
