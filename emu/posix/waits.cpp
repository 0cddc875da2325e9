// Threads that wait, what ends their waits, and what they have used of the CPU.
#include <algorithm>
#include <utility>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

Result Context::block(WaitKind kind, uint64_t deadline, bool restart) {
  if (retry) return kBlocked;
  Wait& w = info().wait;
  w = Wait{};
  w.kind = kind;
  w.op = op;
  w.restart = restart;
  w.deadline = deadline = std::min(deadline, resume_by);
  w.order = ++s.wait_order;
  thread().status = ThreadStatus::Blocked;
  thread().wake_at = deadline;
  return kBlocked;
}

Result sleep_on(Context& c) { return c.timed_out ? kOk : kBlocked; }

void replace_mask(Context& c, uint64_t mask) {
  ThreadInfo& t = c.info();
  t.saved_mask = t.mask;
  t.mask = mask & ~c.s.system->signals.unblockable;
}

void restore_mask(Context& c) {
  const auto it = c.s.threads.find(c.thread().tid);
  if (it == c.s.threads.end() || !it->second.saved_mask) return;
  it->second.mask = *std::exchange(it->second.saved_mask, std::nullopt);
}

size_t thread_index(const MachineState& m, int tid) {
  size_t i = 0;
  while (i < m.threads.size() && (m.threads[i].tid != tid || m.threads[i].status == ThreadStatus::Exited)) ++i;
  return i;
}

void end_process(MachineState& m, int status, int kill_signal) {
  m.exited = true;
  m.kill_signal = kill_signal;
  m.exit_status = kill_signal ? 128 + kill_signal : status & 0xff;
}

void account(State& s, const MachineState& m) {
  if (const auto it = s.threads.find(s.running); it != s.threads.end())
    it->second.cpu_ns += m.position - s.accounted_to;
  s.accounted_to = m.position;
}

Result go_on(State& s, MachineState& m, HostPort& host, size_t index, bool timed_out) {
  const Operation op = s.threads.at(m.threads[index].tid).wait.op;
  Context c{s, m, host, index, op, true, timed_out};
  return op.resume(c);
}

void finish_wait(State& s, MachineState& m, size_t index, Result result) {
  Thread& t = m.threads[index];
  ThreadInfo& info = s.threads.at(t.tid);
  const Operation op = info.wait.op;
  t.status = ThreadStatus::Runnable;
  t.wake_at = kNever;
  info.wait = Wait{};
  if (info.saved_mask) info.mask = *std::exchange(info.saved_mask, std::nullopt);
  op.answer(s, m, index, result);
}

void wake_sleepers(State& s, MachineState& m, HostPort& host) {
  const uint64_t time = m.now_ns();
  std::vector<size_t> due;
  for (size_t i = 0; i < m.threads.size(); ++i)
    if (m.threads[i].status == ThreadStatus::Blocked && m.threads[i].wake_at <= time) due.push_back(i);
  std::stable_sort(due.begin(), due.end(),
                   [&](size_t a, size_t b) { return m.threads[a].wake_at < m.threads[b].wake_at; });
  for (size_t i : due) {
    if (m.threads[i].status != ThreadStatus::Blocked) continue;
    const Result result = go_on(s, m, host, i, true);
    if (result != kBlocked) finish_wait(s, m, i, result);
  }
}

uint64_t next_deadline(const MachineState& m) {
  uint64_t next = kNever;
  for (const Thread& t : m.threads)
    if (t.status == ThreadStatus::Blocked) next = std::min(next, t.wake_at);
  return next;
}

namespace {

// Threads whose wait fits, the longest waiting first.
template <class Fits>
std::vector<size_t> waiting(const State& s, const MachineState& m, Fits fits) {
  std::vector<std::pair<uint64_t, size_t>> found;
  for (size_t i = 0; i < m.threads.size(); ++i) {
    if (m.threads[i].status != ThreadStatus::Blocked) continue;
    const Wait& w = s.threads.at(m.threads[i].tid).wait;
    if (fits(w)) found.emplace_back(w.order, i);
  }
  std::sort(found.begin(), found.end());
  std::vector<size_t> out;
  for (const auto& [order, i] : found) out.push_back(i);
  return out;
}

std::vector<size_t> waiting_at(const State& s, const MachineState& m, uint64_t key, uint64_t bits) {
  return waiting(s, m, [&](const Wait& w) { return w.kind == WaitKind::Key && w.key == key && (w.bits & bits); });
}

}  // namespace

void retry_io(State& s, MachineState& m, HostPort& host) {
  constexpr uint64_t kRetry = 16;  // the work of one
  // A retry may change something for another; each pass ends at least one wait or is the last.
  for (bool again = true; again;) {
    again = false;
    s.io_changed = false;
    for (size_t i : waiting(s, m, [](const Wait& w) { return w.kind == WaitKind::Io; })) {
      if (m.threads[i].status != ThreadStatus::Blocked) continue;
      host.work(kRetry);
      const Result result = go_on(s, m, host, i, false);
      if (result == kBlocked) continue;
      finish_wait(s, m, i, result);
      again = again || s.io_changed;
    }
  }
}

std::optional<size_t> first_waiting(const State& s, const MachineState& m, uint64_t key) {
  const std::vector<size_t> all = waiting_at(s, m, key, UINT64_MAX);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

int64_t wake_key(State& s, MachineState& m, uint64_t key, int64_t count, uint64_t bits) {
  int64_t woken = 0;
  for (size_t i : waiting_at(s, m, key, bits)) {
    if (woken >= count) break;
    finish_wait(s, m, i, kOk);
    ++woken;
  }
  return woken;
}

int64_t move_key(State& s, MachineState& m, uint64_t key, uint64_t to, int64_t count) {
  int64_t moved = 0;
  for (size_t i : waiting_at(s, m, key, UINT64_MAX)) {
    if (moved >= count) break;
    Wait& w = s.threads.at(m.threads[i].tid).wait;
    w.key = to;
    w.order = ++s.wait_order;
    ++moved;
  }
  return moved;
}

}  // namespace deferscope::emu::posix
