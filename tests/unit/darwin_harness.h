// A Darwin process without an engine: a tiny image that imports every modelled function is booted, and tests make its
// threads call libSystem directly.
#pragma once
#include <initializer_list>
#include <map>
#include <string>

#include "emu/darwin/darwin.h"
#include "linux_harness.h"

namespace deferscope::emu::darwin {

struct Process {
  // `initialisers`: two functions at kReturn + 16 and + 32 run before main.
  explicit Process(bool amd64, GuestOptions options = {}, bool initialisers = false);
  MachineState m;
  linux_::FakeHost host;
  std::map<std::string, uint64_t> imports;  // where the program calls them

  static constexpr uint64_t kBuffer = 0x10000000;      // 1 MiB, readable and writable
  static constexpr uint64_t kVariables = 0x100005fc0;  // 8 bytes that begin each thread's copy, which has 24
  static constexpr uint64_t kReturn = 0x100000810;     // where calls come back to
  bool amd64() const { return m.isa == isa::Isa::x86_64; }
  // The current thread calls the import; its result register, or what is there if it blocked. `stack`: arguments that
  // arm64 passes on the stack.
  int64_t call(const char* name, std::initializer_list<uint64_t> args = {}, std::initializer_list<uint64_t> stack = {});
  int64_t result(size_t thread) const;
  int error(size_t thread);  // its errno
  bool blocked(size_t thread) const { return m.threads[thread].status == ThreadStatus::Blocked; }
  size_t add_thread();  // made with pthread_create; its index
  uint64_t put_string(uint64_t offset, const std::string& text);
  template <class T>
  T get(uint64_t address) {
    T value{};
    if (!m.memory.read_value(address, value)) throw emu::Error("test: guest memory cannot be read");
    return value;
  }
  template <class T>
  void put(uint64_t address, const T& value) {
    if (!m.memory.write_value(address, value)) throw emu::Error("test: guest memory cannot be written");
  }
  void sleep_until(uint64_t ns);
};

}  // namespace deferscope::emu::darwin
