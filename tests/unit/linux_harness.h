// A Linux process without an engine: a tiny image is booted, and tests make its threads call the system directly.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "emu/host_files.h"
#include "emu/linux/linux.h"
#include "emu/machine_state.h"

namespace deferscope::emu::linux_ {

// A journal and what came out.
class FakeHost final : public HostPort {
 public:
  const JournalEntry& input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) override;
  void output(MachineState& m, const std::function<void()>& effect) override;
  void write_stream(MachineState& m, int fd, const uint8_t* bytes, size_t n) override;
  HostFiles& files() override { return *door; }
  size_t asked = 0;  // how often the real host was asked
  std::map<int, std::string> streams;
  std::unique_ptr<HostFiles> door;

 private:
  std::deque<JournalEntry> journal_;
};

struct Process {
  explicit Process(bool amd64, GuestOptions options = {});
  MachineState m;
  FakeHost host;

  static constexpr uint64_t kBuffer = 0x10000000;  // 1 MiB, readable and writable
  bool amd64() const { return m.isa == isa::Isa::x86_64; }
  // The current thread makes the call; its result register, or what is there if it blocked.
  int64_t call(const char* name, std::initializer_list<uint64_t> args = {});
  int64_t result(size_t thread) const;
  bool blocked(size_t thread) const { return m.threads[thread].status == ThreadStatus::Blocked; }
  // A second thread, made with clone; its index.
  size_t add_thread();
  uint64_t put_string(uint64_t offset, const std::string& text);
  template <class T>
  T get(uint64_t address) {
    T value{};
    if (!m.memory.read_value(address, value)) throw emu::Error("test: guest memory cannot be read");
    return value;
  }
  // Time passes; what is due happens.
  void sleep_until(uint64_t ns);
  void deliver(size_t thread);
};

}  // namespace deferscope::emu::linux_
