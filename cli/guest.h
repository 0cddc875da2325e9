// What every verb that runs a guest shares: its flags, booting, running to the end, exit status.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/confine.h"
#include "cli/go_source.h"
#include "emu/machine.h"

namespace deferscope::cli {

inline constexpr const char* kOutOfMemory =
    "out of memory: the host has less than --memory and --snapshots let the run take; lower them";

class Option;
class Verb;

struct GuestFlags {
  std::vector<std::string> command;  // BIN and its arguments
  std::vector<std::string> allow_read, allow_write, env;
  std::string sysroot;     // "": the host's own where its instruction set is BIN's
  std::string argv0;       // "": as BIN was given
  SourceFlags source;      // of a BIN that is Go source
  std::string source_dir;  // where it lies, if it was built
  std::string cwd, stdin_path, cpu;
  unsigned cpus = 2;
  uint64_t seed = 0;
  uint64_t clock = emu::GuestOptions{}.clock_start;  // seconds since 1970
  uint64_t memory_mib = 4096, max_threads = 1000, max_output_mib = 1024, max_file_output_mib = 1024;
  uint64_t max_instructions = 0;  // 0: no limit
  uint64_t timeout = 0;           // seconds; 0: no limit
  bool no_confine = false;
  unsigned block = 64;
  bool self_check = false;
  std::string engine;  // "": auto, or as DEFERSCOPE_ENGINE says
};

// Adds the sandbox's and the world's flags. With `own_stdin` the guest reads our standard input unless --stdin names a
// file.
void add_world_flags(Verb& verb, GuestFlags& flags, bool own_stdin = true);

// Adds these, those of Go source, and BIN [ARGS…]. Returns BIN, which is required.
Option add_guest_flags(Verb& verb, GuestFlags& flags, bool own_stdin = true);

// A BIN that is Go source becomes the program built from it. Before anything else that reads `flags`.
void build_source(GuestFlags& flags);

emu::GuestOptions guest_options(const GuestFlags& flags, const loader::Image& image);

// The image booted as the flags say, with `options` for the guest.
std::unique_ptr<emu::Machine> make_machine(const loader::Image& image, const GuestFlags& flags,
                                           const emu::GuestOptions& options);

// Loads and boots BIN; the guest's stdout and stderr go to ours.
std::unique_ptr<emu::Machine> boot(const GuestFlags& flags);

// Writes what the guest writes to our stdout and stderr. Throws emu::Error if it cannot be written.
emu::Recording::Sink to_host(const emu::Machine& m);

// What the flags let the guest reach: those that `machine` was made with.
Grants grants_of(const GuestFlags& flags, const emu::Machine& machine);
void grant_libraries(Grants& grants, const emu::Machine& machine);  // of a further one

// Where a program's libraries come from: `told` (--sysroot), else the host's own folders if it needs any and is of the
// host's instruction set; "": from nowhere.
std::string sysroot_of(const std::string& told, const loader::Image& image);

// Confines the process to `grants` unless --no-confine. A kernel that lacks what it takes gets a line if the guest may
// reach host files at all.
Walls confine_unless_told(const GuestFlags& flags, const Grants& grants);

// Runs until the guest ends; its exit status, or 128 + the signal that ended the run (Ending::die). A deadlock or a
// limit throws.
int run_to_end(emu::Machine& m);

// Runs f; what it throws becomes one line on stderr and status 125.
int own_failures_are_125(const std::function<int()>& f);

}  // namespace deferscope::cli
