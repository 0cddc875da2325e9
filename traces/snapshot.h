// The state of all defers at a position as JSON, `deferscope.snapshot/1` (traces/schema/snapshot.json).
#pragma once
#include <string>

#include "emu/machine.h"
#include "runtime_model/guest.h"
#include "runtime_model/tracker.h"
#include "traces/names.h"

namespace deferscope::traces {

struct SnapshotOptions {
  bool raw = false;           // the bytes of each record
  bool only_current = false;  // of the current thread's goroutine only, which costs nothing for the others
  size_t frames = 1000;       // at most, a goroutine
  size_t words = 0;           // of so many frames of the current goroutine: each word with its role and name
};

// Names the binary; made once for many snapshots.
struct BinaryId {
  std::string sha256, go, goos, goarch;
  bool stripped = false;
  static BinaryId of(const model::Program& program);
};

// Appends one line, '\n' included. `names` may be a stream's. `tracker` may be nullptr: then nothing is said of running
// defers. `event`: the event that it belongs to, kNoEvent if none.
void append_snapshot_json(std::string& out, ProgramNames& names, const emu::MachineState& state,
                          const model::Tracker* tracker, const BinaryId& id, const SnapshotOptions& options = {},
                          uint64_t event = model::kNoEvent);

}  // namespace deferscope::traces
