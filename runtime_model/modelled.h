// The modelled runtime: what a listing's program calls and does not hold (loader/listing.h) is done by a function here,
// in the manner of the listing's Go version. Its calls arrive at gates, through the machine's one mechanism for that
// (emu::Os::host_call). What it keeps lies in the guest's memory alone: records, a goroutine, a heap.
//
//     auto machine = std::make_unique<emu::Machine>(image, options);
//     model::add_modelled_runtime(*machine);      // nothing happens where the image is no listing
//
// A function more is a row of a table (modelled_*.cpp) and the function itself. Its name may end in * for all names
// that begin so.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine.h"
#include "loader/listing.h"
#include "runtime_model/guest.h"

namespace deferscope::model {

void add_modelled_runtime(emu::Machine& machine);

// What --call's function returned, once it did: a line for a reader; empty: it has not, or there is no such.
std::string called_result(const Program& program, const emu::MachineState& state);

// One call of a gate. SP is the stub's own; what was given to the stub is read in the order of its signature, then its
// results are written.
class ModelledCall {
 public:
  ModelledCall(const Program& program, const loader::Gate& gate, emu::MachineState& m, emu::HostPort& host);

  // --- arguments and results, by the version's convention ---
  uint64_t word() { return argument(8); }
  uint32_t half() { return static_cast<uint32_t>(argument(4)); }
  uint16_t quarter() { return static_cast<uint16_t>(argument(2)); }
  uint8_t byte() { return static_cast<uint8_t>(argument(1)); }
  double floating();
  std::string string();  // two words
  void result(uint64_t v, unsigned size = 8);
  // What the stub gives to a function that it calls next: word i of its arguments.
  void pass(unsigned i, uint64_t v);
  void pass_on_stack(unsigned i, uint64_t v);  // whatever the version

  // --- going on ---
  // Behind the jump that follows the call in the stub: there is more to do.
  void skip();
  // Elsewhere altogether.
  void jump(uint64_t pc, uint64_t sp);
  void finish();  // by who called the function

  // --- the guest ---
  const Program& program() const { return p_; }
  const loader::ListingInfo& info() const { return info_; }
  const Guest& guest() const { return guest_; }
  emu::MachineState& machine() { return m_; }
  isa::CpuState& cpu() { return m_.cpu(); }
  bool amd64() const { return p_.amd64(); }
  bool by_registers() const { return registers_; }
  int minor() const { return p_.minor(); }
  const std::string& name() const { return gate_.name; }
  uint64_t word_at(uint64_t address) const { return guest_.word(address); }
  void put(uint64_t address, uint64_t v, unsigned size = 8);
  void put_bytes(uint64_t address, std::string_view bytes);
  std::string bytes_at(uint64_t address, uint64_t n) const;
  uint64_t field(uint64_t record, F f) const { return guest_.field(record, f); }
  void set(uint64_t record, F f, uint64_t v);  // nothing where the version has no such field
  uint64_t allocate(uint64_t n);               // zeros; throws Unsupported if the heap is full
  uint64_t string_of(std::string_view text);   // a string's header, on the heap
  uint64_t g() const { return g_; }
  uint64_t sp() const { return sp_; }                // of the stub
  uint64_t caller_sp() const { return caller_sp_; }  // of who called it, at the call
  uint64_t return_address() const;                   // in that one
  uint64_t here() const { return next_; }            // behind the gate's call
  // Outgoing arguments of the stub's next call begin there.
  uint64_t outgoing() const { return sp_ + (amd64() ? 0 : 8); }
  uint64_t variable(unsigned offset) const { return info_.world.data + offset; }
  void set_closure(uint64_t funcval) { cpu().r[amd64() ? isa::kRdx : isa::Reg{26}] = funcval; }
  void write(std::string_view text, int stream = 2);
  [[noreturn]] void unsupported(const std::string& what) const;

 private:
  uint64_t argument(unsigned size);

  const Program& p_;
  const loader::ListingInfo& info_;
  const loader::Gate& gate_;
  emu::MachineState& m_;
  emu::HostPort& host_;
  Guest guest_;
  bool registers_ = false, gone_ = false;
  uint64_t sp_ = 0, caller_sp_ = 0, next_ = 0, g_ = 0;
  uint64_t cursor_ = 0;             // on the stack, from the first argument
  unsigned used_ = 0, floats_ = 0;  // registers
  bool results_ = false;
};

struct ModelledRow {
  std::string_view name;
  void (*run)(ModelledCall&);
};
std::span<const ModelledRow> modelled_start();
std::span<const ModelledRow> modelled_defers();
std::span<const ModelledRow> modelled_panics();
std::span<const ModelledRow> modelled_prints();
std::span<const ModelledRow> modelled_memory();
std::span<const ModelledRow> modelled_fmt();

// The runtime's variables, by their distance from the start of its data.
namespace world {
inline constexpr unsigned kHeapNext = 0x00, kStep = 0x08, kReturned = 0x10, kResults = 0x20, kClosure = 0x100,
                          kTls = 0x400, kG0 = 0x1000, kG = 0x2000, kM = 0x3000, kSystemStack = 0x8000,
                          kSystemStackEnd = 0x28000;
}

// modelled_panic.cpp: a memory or arithmetic fault of the guest at pc becomes a call of sigpanic.
void inject_sigpanic(const Program& program, emu::MachineState& m, int signal, uint64_t address);

}  // namespace deferscope::model
