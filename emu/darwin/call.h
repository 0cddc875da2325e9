// What an import's function gets: the value it works on and its arguments, by the ABI of the instruction set. What it
// gives is neutral; its row says how a caller of libSystem learns of an error, and answer() puts it there.
#pragma once
#include <cstdint>
#include <string>

#include "emu/darwin/boot.h"
#include "emu/darwin/state.h"
#include "emu/posix/context.h"

namespace deferscope::emu::darwin {

struct Call : posix::Context {
  Call(State& state, const posix::Context& c) : Context(c), s(state) {}
  Call(const Call&) = delete;

  State& s;                              // the same value, with what is Darwin's own
  std::array<uint64_t, 6>& a = op.args;  // the first six; variadic ones too, wherever the ABI has them

  isa::CpuState& cpu() { return thread().cpu; }
  ThreadExtra& extra() { return s.extras.at(thread().tid); }
  // Callers leave the upper half of an int open.
  int i32(int i = 0) const { return static_cast<int>(a[i]); }
  uint32_t u32(int i = 0) const { return static_cast<uint32_t>(a[i]); }
  uint64_t seventh();              // an argument behind the six
  Result give(uint64_t whatever);  // answers now, with any 64 bits
  Result back();                   // answers now; the result is where the caller looks for it
  // The guest's memory did not let a function in that is not a system call: a fault of its instruction, at the import.
  Result fault(isa::Access access);
  // A path argument: FAULT or NAMETOOLONG.
  Result get_path(uint64_t address, std::string& out);
  // The same, complete: relative to a directory's descriptor.
  Result get_path(int dirfd, uint64_t address, HostPath& out);
};

using Handler = Result (*)(Call&);

// How a call's error is told.
enum class Tells : uint8_t {
  Errno,  // −1, and the thread's errno
  Null,   // 0, and the thread's errno
  Number  // the error's number
};

struct ImportRow {
  const char* name;  // without the underscore that C puts in front
  Tells tells;
  Handler handler;
  int fixed = 6;         // so many parameters are not variadic; arm64 passes the others on the stack
  const char* isa = "";  // "amd64", "arm64": only there
  int bsd = -1;          // the number of the system call of the same name that programs make directly
};

// Where a call's answer goes.
void answer_errno(posix::State& s, MachineState& m, size_t index, Result result);
void answer_null(posix::State& s, MachineState& m, size_t index, Result result);
void answer_number(posix::State& s, MachineState& m, size_t index, Result result);
void answer_bsd(posix::State& s, MachineState& m, size_t index, Result result);  // the carry flag
posix::Operation::Answer answer_of(Tells tells);
Result resume_call(posix::Context& c);
// The name of what the operation came from: an import's or a system call's.
std::string operation_name(const State& s, const Operation& op);

// --- shared between the subjects ---

// memory.cpp: a free place of so many bytes (whole pages), at or above `hint` if there is one; 0: none.
uint64_t choose_place(State& s, const Memory& memory, uint64_t hint, uint64_t length);
void unmap_place(State& s, Memory& memory, uint64_t address, uint64_t length);

// heap.cpp: what libSystem allocates for its callers; 0: no memory.
uint64_t heap_allocate(State& s, Memory& memory, uint64_t size, HostPort* host = nullptr);
bool heap_free(State& s, uint64_t address);
void heap_clear(Memory& memory, uint64_t at, uint64_t n);

// names.cpp: a text in libSystem's own memory, once however often it is asked for; NOMEM.
Result constant_text(Call& c, const std::string& text);

// kqueue.cpp: a signal was sent.
void note_sent(posix::State& s, int signo);

// threads.cpp
void set_up_block(State& s, MachineState& m, isa::CpuState& cpu, ThreadExtra& extra, uint64_t block);
void end_thread(Call& c, uint64_t value);  // its start routine returned
// The thread goes on at a function of the program's with one argument, on its stack as it is.
void start_at(const State& s, MachineState& m, isa::CpuState& cpu, uint64_t routine, uint64_t argument,
              SpecialCall returns_to);
uint64_t errno_address(const State& s, int tid);
int thread_of(const State& s, uint64_t pthread);  // its tid; 0: none (any more)

// signals.cpp
void return_from_signal(State& s, MachineState& m);  // a handler returned
// faults.cpp
void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome);

// system.cpp
Result imp_abort(Call& c);
void end_program(Call& c, int status);  // exit: what was registered for it is called first

// once.cpp
Result finish_once(Call& c);  // the function of a pthread_once returned

// paths.cpp
int directory_of(int dirfd);

// system.cpp: files that exist without a host.
std::optional<std::string> synthetic_file(const posix::State& s, const MachineState& m, int tid,
                                          const std::string& path);

// environment.cpp: a variable's value, empty if there is none; NoResult: a fault.
Result variable(Call& c, const std::string& name, std::string& value);

// clock.cpp
TimeVal timeval_of(uint64_t ns);
bool valid(const TimeSpec& t);
uint64_t ns_of(const TimeSpec& t);  // saturates
// A relative time-out at `address` (0: none) as a deadline: FAULT, INVAL.
Result relative_deadline(Call& c, uint64_t address, uint64_t& deadline);

}  // namespace deferscope::emu::darwin
