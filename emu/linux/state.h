// The state of the emulated Linux process: what Unix systems share (emu/posix/state.h) and what only Linux has. Plain
// values, copied with the machine, all of it in the digest.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "emu/libraries.h"
#include "emu/linux/abi.h"
#include "emu/posix/state.h"

namespace deferscope::emu::linux_ {

using namespace posix;  // Linux is written with the shared operations
using posix::Error;

struct AltStack {
  uint64_t sp = 0;
  uint32_t flags = sig::kSsDisable;
  uint64_t size = 0;
};

// Of a thread, beside posix::ThreadInfo.
struct ThreadExtra {
  AltStack altstack;
  uint64_t clear_tid = 0, robust_list = 0, robust_size = 0;
  uint64_t trapno = 0, error_code = 0, fault_address = 0;  // of the last fault; stays, as in the kernel's thread struct
  bool keep_caps = false;  // PR_SET_KEEPCAPS: no meaning here, but it is per thread and read back
};

// What the shared operations ask of Linux.
extern const SignalRules kSignalRules;  // signals.cpp
extern const System kSystem;            // linux.cpp

struct State : posix::State {
  State() { system = &kSystem; }

  isa::Isa isa = isa::Isa::x86_64;
  std::map<int, ThreadExtra> extras;  // by tid, beside `threads`
  uint64_t trampoline = 0;            // arm64: rt_sigreturn for handlers without restorer
  uint64_t brk_start = 0, brk_end = 0, mmap_top = 0, stack_low = 0, stack_high = 0;
  std::shared_ptr<const std::vector<Library>> libraries;     // of a program that an interpreter starts; else nullptr
  std::vector<std::shared_ptr<const LoadedLibrary>> loaded;  // since
  std::string auxv, cmdline, environ;                        // as /proc/self shows them
  std::array<RLimit, 16> other_limits{};                     // of those that the shared state does not have (limit_of)

  bool amd64() const { return isa == isa::Isa::x86_64; }
  int column() const { return amd64() ? 0 : 1; }
  RLimit& limit_of(size_t resource) {
    return resource == rlimit::NoFile       ? open_files
           : resource == rlimit::SigPending ? pending_signals
                                            : other_limits[resource];
  }
};

}  // namespace deferscope::emu::linux_
