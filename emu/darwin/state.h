// The state of the emulated Darwin process: what Unix systems share (emu/posix/state.h) and what only Darwin has. Plain
// values, copied with the machine, all of it in the digest.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emu/darwin/abi.h"
#include "emu/posix/state.h"

namespace deferscope::emu::darwin {

using namespace posix;  // Darwin is written with the shared operations
using posix::Error;

struct AltStack {
  uint64_t sp = 0, size = 0;
  int32_t flags = 4;  // SS_DISABLE
};

// Of a thread, beside posix::ThreadInfo.
struct ThreadExtra {
  uint64_t block = 0;                      // its pthread_t
  uint64_t mapping = 0, mapping_size = 0;  // guard page, stack and block, unmapped when it is gone; 0: the first thread
  bool detached = false;
  int rounds = 0;          // of destructors, at its end
  uint64_t in_cond = 0;    // the condition it waits at, until it has the mutex again; a handler may run meanwhile
  uint64_t variables = 0;  // its copy of the variables that each thread has its own of; 0: not asked for yet
  AltStack altstack;
  uint64_t trapno = 0, error_code = 0, fault_address = 0;  // of the last fault, for the frames of signals
};

// A joinable thread that ended, until somebody joins it.
struct EndedThread {
  uint64_t mapping = 0, mapping_size = 0, value = 0;
};

// How a thread's copy of those variables begins: the bytes that the program gives, then zeros.
struct ThreadVariables {
  uint64_t size = 0;
  std::vector<uint8_t> bytes;
};

// A function that is called before the process ends.
struct AtExit {
  uint64_t function = 0, argument = 0;
};

// What the first thread runs: initialisers, then main. Follows from the image and the options.
struct Start {
  uint64_t entry = 0, sp = 0, argc = 0, argv = 0, envp = 0, apple = 0;
  bool unixthread = false;  // the entry finds argc at sp, and is not called
  std::vector<uint64_t> initialisers;
};

// A place in the area of host calls: an import and what it stands for.
struct ImportSlot {
  std::string name;     // as the program has it, "_write"
  std::string library;  // where from; empty: any
  int row = -1;         // of the table of imports; -1: not modelled
};
using ImportSlots = std::vector<ImportSlot>;

extern const SignalRules kSignalRules;  // signals.cpp
extern const System kSystem;            // darwin.cpp

inline constexpr uint64_t kHeapBase = 0x600000000000, kHeapLimit = uint64_t{1} << 32;

// What a search for a free place has found: from `from` up to `at` there is none of `length` bytes or more.
struct FreeSearch {
  uint64_t from = 0, length = 0, at = 0;
};

struct State : posix::State {
  State() { system = &kSystem; }

  isa::Isa isa = isa::Isa::x86_64;
  std::shared_ptr<const ImportSlots> imports;  // follows from the image
  std::shared_ptr<const Start> start;
  std::shared_ptr<const ThreadVariables> thread_variables;
  size_t initialised = 0;                 // initialisers that were begun
  std::map<int, ThreadExtra> extras;      // by tid, beside `threads`
  std::map<uint64_t, EndedThread> ended;  // by pthread_t
  std::map<uint64_t, uint64_t> keys;      // of thread-specific data: their destructors
  FreeSearch searched;                    // the last one; follows from the mappings, and is forgotten when one goes
  uint64_t mmap_base = 0;                 // where a search for a free place begins
  std::map<uint64_t, uint64_t> heap;      // libSystem's own: sizes by address
  uint64_t heap_end = 0;
  uint64_t zone = 0;                  // the malloc zone that programs are shown
  uint64_t heap_full_to = kHeapBase;  // no free place below: where a search begins. Follows from the heap.
  bool watches_signals = false;       // some kqueue has an EVFILT_SIGNAL, or had
  std::vector<AtExit> at_exit;
  int exit_status = 0;                          // once it ends, while those are called
  std::map<std::string, uint64_t> texts;        // in the heap, for good
  uint64_t program_words = 0;                   // where ProgramWords lie
  uint64_t environment = 0;                     // the array that setenv made for environ; 0: none yet
  std::array<RLimit, rlimit::kCount> limits{};  // but of open files, which the shared state has

  bool amd64() const { return isa == isa::Isa::x86_64; }
  uint64_t page() const { return amd64() ? 4096 : 16384; }
  uint64_t page_of(uint64_t a) const { return a & ~(page() - 1); }
  uint64_t page_up(uint64_t a) const { return (a + page() - 1) & ~(page() - 1); }
  RLimit& limit_of(size_t resource) { return resource == rlimit::NOFILE ? open_files : limits[resource]; }
};

// Places in the address space. The first thread's stack ends where Darwin's does without randomisation; the area of
// host calls lies where Darwin has its shared cache of libraries.
struct Layout {
  uint64_t stack_top, calls, calls_end, highest;
};
inline constexpr Layout kLayouts[2] = {
    {0x7ff7c0000000, 0x7ff800000000, 0x7ff840000000, 0x7fffffe00000},  // amd64
    {0x170000000, 0x180000000, 0x280000000, 0x7ffffe000000},           // arm64
};
inline const Layout& layout_of(const State& s) { return kLayouts[s.amd64() ? 0 : 1]; }
inline constexpr uint64_t kCallSize = 16;

}  // namespace deferscope::emu::darwin
