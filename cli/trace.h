// What `run` and `trace` write about a run: the flags, and the session that writes while the machine runs.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "cli/event_filter.h"
#include "emu/machine.h"
#include "traces/event_text.h"

namespace deferscope::cli {

class Verb;

struct TraceFlags {
  std::string events;          // "": none; "-": text to stderr; FILE, whose name says its format (trace_file.h)
  int pipe = -1;               // JSON Lines to this open descriptor instead, which it closes
  std::string snapshots;       // FILE
  std::string scope;           // "": not given, which is the user's
  bool scope_chooses = false;  // what JSON Lines has, too
  bool calls = false;          // level call
  bool instructions = false;   // level insn, to `events`: an InsnSession
  FilterFlags filter;
  uint64_t max_trace_mib = 4096;
  bool wanted() const { return !events.empty() || pipe >= 0 || !snapshots.empty(); }
};

traces::Scope scope_of(const std::string& word);  // of --scope

void add_trace_flags(Verb& verb, TraceFlags& flags);

// Attached to a machine before it runs, and before the process is confined. Throws if the guest is no Go program or a
// file cannot be written. At --max-trace the run ends by an emu::Error; the files hold whole lines up to there.
class TraceSession {
 public:
  TraceSession(emu::Machine& machine, const TraceFlags& flags);
  ~TraceSession();
  // Writes what is left, and the trace's end; `why`: what ended the run if the guest did not end. Throws if a file
  // could not be written whole.
  void finish(const std::string& why = "");
  // The same where what ended the run is about to be said: throws nothing.
  void cut_short(const std::string& why);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace deferscope::cli
