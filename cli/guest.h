// What every verb that runs a guest shares: its flags, booting, running to the end, exit status.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emu/machine.h"

namespace deferscope::cli {

inline constexpr const char* kOutOfMemory =
    "out of memory: the host has less than --memory and --snapshots let the run take; lower them";

class Option;
class Verb;

struct GuestFlags {
  std::vector<std::string> command;  // BIN and its arguments
  std::vector<std::string> allow_read, allow_write, env;
  std::string cwd, stdin_path, cpu;
  unsigned cpus = 2;
  uint64_t seed = 0;
  uint64_t clock = emu::GuestOptions{}.clock_start;  // seconds since 1970
  uint64_t memory_mib = 4096, max_threads = 1000, max_output_mib = 1024;
  uint64_t max_instructions = 0;  // 0: no limit
  unsigned block = 64;
};

// Adds the sandbox's and the world's flags and BIN [ARGS…]. With `own_stdin` the guest reads our standard input unless
// --stdin names a file. Returns BIN, which is required.
Option add_guest_flags(Verb& verb, GuestFlags& flags, bool own_stdin = true);

emu::GuestOptions guest_options(const GuestFlags& flags, const loader::Image& image);

// Loads and boots BIN; the guest's stdout and stderr go to ours.
std::unique_ptr<emu::Machine> boot(const GuestFlags& flags);

// Writes all bytes to our stdout (1) or stderr (2); throws emu::Error if they cannot be written.
void write_host(int fd, const uint8_t* bytes, size_t n);

// Runs until the guest ends; its exit status. A deadlock or a limit throws.
int run_to_end(emu::Machine& m);

// Runs f; what it throws becomes one line on stderr and status 125.
int own_failures_are_125(const std::function<int()>& f);

}  // namespace deferscope::cli
