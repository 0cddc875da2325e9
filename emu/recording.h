// What a run leaves behind so that it can be gone through again: the journal of everything that came from the host, and
// the horizon up to which effects on the host have happened.
#pragma once
#include <atomic>
#include <cstdio>

#include "emu/host_files.h"
#include "emu/journal.h"
#include "emu/machine_state.h"

namespace deferscope::emu {

class Recording final : public HostPort {
 public:
  // Where the guest's stdout and stderr go: nullptr throws the bytes away. Called once a byte, in order. It throws
  // Interrupted with the number of bytes that are written already.
  using Sink = std::function<void(int fd, const uint8_t* bytes, size_t n)>;
  // Opens what the guest's flags grant. Throws emu::Error.
  explicit Recording(const GuestOptions& options)
      : max_output_(options.max_output), max_file_output_(options.max_file_output), files_(options) {}
  void set_sink(Sink sink) { sink_ = std::move(sink); }
  // Hears of the same bytes, once a call, however often it is gone through.
  void set_listener(Sink listener) { listener_ = std::move(listener); }
  // The same of what is refused; and all of it that happened up to the horizon.
  using RefusalListener = std::function<void(Refused what, const std::string& name)>;
  void set_refusal_listener(RefusalListener listener) { refusal_listener_ = std::move(listener); }
  using LoadListener = std::function<void(const LoadedLibrary&)>;
  void set_load_listener(LoadListener listener) { load_listener_ = std::move(listener); }
  const Refusals& refusals() const { return refusals_; }

  const JournalEntry& input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) override;
  void output(MachineState& m, const std::function<void()>& effect) override;
  void write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) override;
  HostFiles& files() override { return files_; }
  void refused(MachineState& m, Refused what, const std::string& name) override;
  void loaded(const LoadedLibrary& library) override {
    if (load_listener_) load_listener_(library);
  }
  int64_t write_file(MachineState& m, uint64_t n, const std::function<int64_t(uint64_t)>& write) override;
  void work(uint64_t n) override;

  // A system call or wake-up begins. `allowed` is the work that may be done in it; more throws CallEnded.
  void begin_call(uint64_t allowed) { work_ = 0, allowed_ = allowed; }

  // See Machine::interrupt. A call that takes long is ended in its middle too: CallEnded. While they are held back
  // nothing is interrupted.
  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }
  bool interrupted() const override { return interrupted_.load(std::memory_order_relaxed) && !held_back_; }
  bool take_interrupt() { return interrupted_.exchange(false, std::memory_order_relaxed); }
  void hold_back_interrupts(bool yes) { held_back_ = yes; }

  // What lay ahead is dropped: the entries from `cursor` on will be asked for again, the outputs from `outputs` on will
  // happen again.
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
  uint64_t in_files_ = 0;   // bytes to files of the host
  size_t begun_ = 0;        // bytes of the next output: an interrupted write wrote them
  uint64_t max_output_, max_file_output_;
  Sink sink_, listener_;
  RefusalListener refusal_listener_;
  LoadListener load_listener_;
  Refusals refusals_;
  uint64_t refused_to_ = 0;  // the position up to which they are counted
  HostFiles files_;
  uint64_t work_ = 0, allowed_ = kNever, looked_ = 0;
  static constexpr uint64_t kBetweenLooks = 1 << 16;  // steps of work: some milliseconds
  bool held_back_ = false;
  std::atomic<bool> interrupted_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);  // signal handlers set it
};

}  // namespace deferscope::emu
