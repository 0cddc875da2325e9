#include "emu/posix/process.h"

#include <fmt/format.h>

#include <algorithm>

#include "emu/posix/file_maps.h"
#include "emu/posix/host_files.h"
#include "emu/posix/timers.h"

namespace deferscope::emu::posix {

uint64_t shared_bytes(const State& s) {
  uint64_t n = s.scratch.used / Contents::kPiece * Contents::kPieceCost;
  for (const MappedFile& f : s.mapped_files) n += f.bytes->size();
  return n;
}

void wake_due(State& s, MachineState& m, HostPort& host) {
  const Budget budget(s, m);
  host.work(m.threads.size() + s.timers.size());
  account(s, m);
  wake_sleepers(s, m, host);
  fire_timers(s, m);
  if (s.io_changed) retry_io(s, m, host);
}

uint64_t next_ns(const State& s, const MachineState& m, bool only_wakers) {
  return std::min(next_timer_ns(s, m, only_wakers), next_deadline(m));
}

void settle_call(Context& c) {
  if (!c.s.closed.empty()) host_close(c);
  if (c.s.io_changed) retry_io(c.s, c.m, c.host);
}

void write_back_all(State& s, MachineState& m, HostPort& host) {
  if (!m.memory.any_stored_page()) return;
  Context c{s, m, host, m.current};
  write_back(c);
}

std::string describe_thread(const State& s, const Thread& t, const std::string& call) {
  if (t.status == ThreadStatus::Exited) return fmt::format("thread {} has ended", t.tid);
  if (t.status == ThreadStatus::Runnable) return fmt::format("thread {} is runnable", t.tid);
  const Wait& w = s.threads.at(t.tid).wait;
  if (w.kind == WaitKind::Key) return fmt::format("thread {} waits in {}({:#x})", t.tid, call, w.key);
  if (w.kind == WaitKind::Io)
    return fmt::format("thread {} waits in {}({})", t.tid, call, static_cast<int>(w.op.args[0]));
  return fmt::format("thread {} waits in {}", t.tid, call);
}

size_t live_threads(const MachineState& m) {
  return static_cast<size_t>(std::count_if(m.threads.begin(), m.threads.end(),
                                           [](const Thread& t) { return t.status != ThreadStatus::Exited; }));
}

size_t place_thread(MachineState& m, const Thread& thread) {
  const auto it = std::find_if(m.threads.begin(), m.threads.end(),
                               [](const Thread& t) { return t.status == ThreadStatus::Exited; });
  if (it != m.threads.end()) {
    *it = thread;
    return static_cast<size_t>(it - m.threads.begin());
  }
  m.threads.push_back(thread);
  return m.threads.size() - 1;
}

}  // namespace deferscope::emu::posix
