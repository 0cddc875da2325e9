// What a run leaves behind so that it can be gone through again: the journal of everything that came from the host, and
// the horizon up to which effects on the host have happened (law 3).
#pragma once
#include <cstdio>
#include <utility>

#include "emu/host_files.h"
#include "emu/journal.h"
#include "emu/machine_state.h"

namespace deferscope::emu {

class Recording final : public HostPort {
 public:
  // Where the guest's stdout and stderr go: nullptr throws the bytes away. Called once a byte, in order.
  using Sink = std::function<void(int fd, const uint8_t* bytes, size_t n)>;
  // Opens what the guest's flags grant. Throws emu::Error.
  explicit Recording(const GuestOptions& options) : max_output_(options.max_output), files_(options) {}
  void set_sink(Sink sink) { sink_ = std::move(sink); }

  const JournalEntry& input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) override;
  void output(MachineState& m, const std::function<void()>& effect) override;
  void write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) override;
  HostFiles& files() override { return files_; }
  void work(uint64_t n) override;

  // A system call or wake-up begins. `allowed` is the work that may be done in it; more throws CallEnded.
  void begin_call(uint64_t allowed) { work_ = 0, allowed_ = allowed; }
  // Asked now and then inside calls that take long: true ends the run there. For what the host's clock or a signal
  // says. Returns who was asked before.
  std::function<bool()> set_end_asked(std::function<bool()> ask) { return std::exchange(end_asked_, std::move(ask)); }

  // What lay ahead is dropped: the entries from `cursor` on are asked for again, outputs from `outputs` on happen
  // again.
  void forget(uint64_t cursor, uint64_t outputs);

  // Whether input is kept, from the machine's next entry on: a run that nobody goes back in keeps nothing of it.
  void set_keep(bool keep, uint64_t cursor);
  Journal& journal() { return journal_; }
  uint64_t bytes() const { return journal_.bytes() + files_.bytes(); }  // of memory that a recording takes here

 private:
  Journal journal_;
  JournalEntry last_;  // valid until the next
  bool keep_ = false;
  uint64_t performed_ = 0;  // outputs that happened
  uint64_t written_ = 0;    // bytes to stdout and stderr
  uint64_t max_output_;
  Sink sink_;
  HostFiles files_;
  uint64_t work_ = 0, allowed_ = kNever, looked_ = 0;
  static constexpr uint64_t kBetweenLooks = 1 << 16;  // steps of work: some milliseconds
  std::function<bool()> end_asked_;
};

}  // namespace deferscope::emu
