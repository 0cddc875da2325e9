// The system that a listing's program believes in: Linux, with the runtime's gates before it; and what a call of a gate
// gives and takes. See modelled.h.
#include "runtime_model/modelled.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <utility>

namespace deferscope::model {
namespace {

using emu::HostPort;
using emu::MachineState;

constexpr isa::Reg kAmd64Arguments[] = {isa::kRax, isa::kRbx, isa::kRcx, isa::kRdi, isa::kRsi, 8, 9, 10, 11};
constexpr unsigned kArm64Arguments = 16;

// From these versions on arguments are passed in registers (cmd/compile/abi-internal.md).
bool passes_registers(const Program& p) { return p.minor() >= (p.amd64() ? 17 : 18); }

bool names(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

const ModelledRow* row_of(std::string_view name) {
  for (const auto& rows :
       {modelled_start(), modelled_defers(), modelled_panics(), modelled_prints(), modelled_memory(), modelled_fmt()})
    for (const ModelledRow& r : rows)
      if (names(r.name, name)) return &r;
  return nullptr;
}

// All but the gates is the other system's doing.
class Modelled final : public emu::Os {
 public:
  Modelled(std::unique_ptr<emu::Os> system, std::shared_ptr<const Program> program)
      : system_(std::move(system)), program_(std::move(program)), info_(*program_->image().listing()) {}

  std::unique_ptr<emu::Os> clone() const override { return std::make_unique<Modelled>(system_->clone(), program_); }
  void boot(MachineState& m, HostPort& host, const loader::Image& image, const emu::GuestOptions& options) override {
    system_->boot(m, host, image, options);
  }
  void system_call(MachineState& m, HostPort& host) override { system_->system_call(m, host); }
  void fault(MachineState& m, HostPort& host, const isa::Outcome& outcome) override;
  void wake_due(MachineState& m, HostPort& host) override { system_->wake_due(m, host); }
  uint64_t next_due_ns(const MachineState& m) const override { return system_->next_due_ns(m); }
  uint64_t next_wake_ns(const MachineState& m) const override { return system_->next_wake_ns(m); }
  void deliver_signals(MachineState& m, HostPort& host) override { system_->deliver_signals(m, host); }
  uint64_t copy_bytes() const override { return sizeof *this + system_->copy_bytes(); }
  uint64_t shared_bytes() const override { return system_->shared_bytes(); }
  std::string describe_thread(const MachineState& m, const emu::Thread& t) const override {
    return system_->describe_thread(m, t);
  }
  void digest(uint64_t& h) const override { system_->digest(h); }
  emu::CallId requested_call(const isa::CpuState& cpu) const override { return system_->requested_call(cpu); }
  std::vector<std::string> environment(const emu::GuestOptions& options) const override {
    return system_->environment(options);
  }
  bool is_host_call(uint64_t pc) const override { return info_.gate_at(pc) || system_->is_host_call(pc); }
  void host_call(MachineState& m, HostPort& host) override;
  std::string host_call_name(uint64_t pc) const override {
    const loader::Gate* gate = info_.gate_at(pc);
    return gate ? gate->name : system_->host_call_name(pc);
  }

 private:
  std::unique_ptr<emu::Os> system_;
  std::shared_ptr<const Program> program_;
  const loader::ListingInfo& info_;
};

void Modelled::host_call(MachineState& m, HostPort& host) {
  const loader::Gate* gate = info_.gate_at(m.cpu().pc);
  if (!gate) return system_->host_call(m, host);
  const ModelledRow* row = row_of(gate->name);
  ModelledCall call(*program_, *gate, m, host);
  if (!row)
    throw emu::Unsupported(fmt::format("{} calls {}, which is neither in the listing nor modelled; the call returns",
                                       program_->describe(call.return_address() - 1), gate->name));
  row->run(call);
  call.finish();
}

// What Go makes of a fault: a panic. A data symbol that the listing does not hold is named.
void Modelled::fault(MachineState& m, HostPort& host, const isa::Outcome& outcome) {
  constexpr int kSegv = 11, kFpe = 8;
  if (outcome.fault == isa::Fault::Page)
    if (const loader::MissingData* missing = info_.missing_at(outcome.address)) {
      --m.position;
      throw emu::Unsupported(fmt::format("{} at {}, position {}, uses {}, which is neither in the listing nor modelled",
                                         program_->describe(m.cpu().pc), fmt::format("{:#x}", m.cpu().pc), m.position,
                                         missing->name));
    }
  const bool memory = outcome.fault == isa::Fault::Page || outcome.fault == isa::Fault::NonCanonical;
  const bool panics = memory || outcome.fault == isa::Fault::Divide;
  if (!panics || !program_->function_at(m.cpu().pc)) return system_->fault(m, host, outcome);
  inject_sigpanic(*program_, m, memory ? kSegv : kFpe, memory ? outcome.address : 0);
}

}  // namespace

void add_modelled_runtime(emu::Machine& machine) {
  if (!machine.image().listing()) return;
  auto& os = machine.mutable_state().os;
  os = std::make_unique<Modelled>(std::move(os), std::make_shared<const Program>(machine.image(), false));
}

ModelledCall::ModelledCall(const Program& program, const loader::Gate& gate, MachineState& m, HostPort& host)
    : p_(program),
      info_(*program.image().listing()),
      gate_(gate),
      m_(m),
      host_(host),
      guest_(program, m),
      registers_(passes_registers(program)) {
  const uint64_t top = guest_.sp();
  next_ = amd64() ? guest_.word(top) : cpu().r[isa::kX30];
  sp_ = top + (amd64() ? 8 : 0);
  const Function* stub = p_.function_at(next_ - 1);
  const int32_t below = stub ? p_.sp_delta(*stub, next_ - 1).value_or(0) : 0;
  caller_sp_ = sp_ + static_cast<uint64_t>(below) + (amd64() ? 8 : 0);
  g_ = variable(world::kG);
}

uint64_t ModelledCall::return_address() const {
  return amd64() ? guest_.word(caller_sp_ - 8) : sp_ == caller_sp_ ? m_.cpu().r[isa::kX30] : guest_.word(sp_);
}

uint64_t ModelledCall::argument(unsigned size) {
  const unsigned most = amd64() ? std::size(kAmd64Arguments) : kArm64Arguments;
  const uint64_t mask = size == 8 ? UINT64_MAX : (uint64_t{1} << 8 * size) - 1;
  if (registers_) {
    if (used_ >= most) unsupported("more arguments than registers");
    const unsigned i = used_++;
    return cpu().r[amd64() ? kAmd64Arguments[i] : static_cast<isa::Reg>(i)] & mask;
  }
  cursor_ = (cursor_ + size - 1) / size * size;
  const uint64_t at = caller_sp_ + (amd64() ? 0 : 8) + cursor_;
  cursor_ += size;
  uint64_t v = 0;
  guest_.read(at, &v, size);
  return v;
}

double ModelledCall::floating() {
  if (!registers_) return std::bit_cast<double>(word());
  return cpu().v[floats_++].lane<double>(0);
}

std::string ModelledCall::string() {
  const uint64_t at = word(), n = word();
  return bytes_at(at, n);
}

void ModelledCall::result(uint64_t v, unsigned size) {
  if (!std::exchange(results_, true)) {
    used_ = 0;
    cursor_ = (cursor_ + 7) / 8 * 8;
  }
  if (registers_) {
    const unsigned i = used_++;
    cpu().r[amd64() ? kAmd64Arguments[i] : static_cast<isa::Reg>(i)] = v;
    return;
  }
  cursor_ = (cursor_ + size - 1) / size * size;
  put(caller_sp_ + (amd64() ? 0 : 8) + cursor_, v, size);
  cursor_ += size;
}

void ModelledCall::pass(unsigned i, uint64_t v) {
  if (!registers_) return pass_on_stack(i, v);
  cpu().r[amd64() ? kAmd64Arguments[i] : static_cast<isa::Reg>(i)] = v;
}

void ModelledCall::pass_on_stack(unsigned i, uint64_t v) { put(outgoing() + 8 * i, v); }

void ModelledCall::skip() { next_ += amd64() ? 2 : 4; }

void ModelledCall::jump(uint64_t pc, uint64_t sp) {
  cpu().pc = pc;
  cpu().r[amd64() ? isa::kRsp : isa::kSp] = sp;
  gone_ = true;
}

void ModelledCall::finish() {
  if (!gone_) jump(next_, sp_);
}

void ModelledCall::put(uint64_t address, uint64_t v, unsigned size) {
  if (!m_.memory.write(address, &v, size)) unsupported(fmt::format("it cannot write to {:#x}", address));
}

void ModelledCall::put_bytes(uint64_t address, std::string_view bytes) {
  if (!bytes.empty() && !m_.memory.write(address, bytes.data(), bytes.size()))
    unsupported(fmt::format("it cannot write to {:#x}", address));
}

std::string ModelledCall::bytes_at(uint64_t address, uint64_t n) const {
  constexpr uint64_t kMost = uint64_t{64} << 20;
  if (n > kMost) unsupported(fmt::format("{} bytes at once", n));
  std::string out(n, '\0');
  if (n && !guest_.read(address, out.data(), n))
    unsupported(fmt::format("it cannot read {} bytes at {:#x}", n, address));
  return out;
}

void ModelledCall::set(uint64_t record, F f, uint64_t v) {
  if (const FieldAt at = p_.layouts()[f]) put(record + static_cast<uint64_t>(at.offset), v, std::min(at.size, 8u));
}

uint64_t ModelledCall::allocate(uint64_t n) {
  const uint64_t next = variable(world::kHeapNext);
  const uint64_t at = word_at(next) ? word_at(next) : info_.world.heap;
  if (n > info_.world.heap_end - at || n + 16 > info_.world.heap_end - at)
    unsupported(fmt::format("the modelled heap of {} MiB is full", (info_.world.heap_end - info_.world.heap) >> 20));
  put(next, (at + std::max<uint64_t>(n, 1) + 15) & ~uint64_t{15});
  return at;
}

uint64_t ModelledCall::string_of(std::string_view text) {
  const uint64_t bytes = allocate(text.size()), header = allocate(16);
  put_bytes(bytes, text);
  put(header, bytes);
  put(header + 8, text.size());
  return header;
}

void ModelledCall::write(std::string_view text, int stream) {
  host_.write_stream(m_, stream, reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

void ModelledCall::unsupported(const std::string& what) const {
  throw emu::Unsupported(fmt::format("{}: {} (called by {})", gate_.name, what, p_.describe(return_address() - 1)));
}

}  // namespace deferscope::model
