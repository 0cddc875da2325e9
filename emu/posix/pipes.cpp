#include "emu/posix/pipes.h"

#include <algorithm>
#include <cstring>

#include "emu/posix/files.h"
#include "emu/posix/readiness.h"

namespace deferscope::emu::posix {
namespace {

constexpr size_t kAtomic = 4096;  // PIPE_BUF: a write up to this size goes whole or not at all
constexpr size_t kSpare = 4096;

uint64_t queue_cost(size_t n) { return 2 * static_cast<uint64_t>(n); }  // a string's capacity is up to twice its size

void note_pipe_change(State& s, int pipe) {
  for (auto& [id, f] : s.files)
    if (const auto* end = f.as<PipeEnd>(); end && end->pipe == pipe) note_change(s, f);
}

}  // namespace

Result wait_for_io(Context& c, const OpenFile& f, bool nonblocking) {
  if (f.nonblocking || nonblocking) return Error::AGAIN;
  return c.block(WaitKind::Io, kNever, true);
}

bool queue_bytes(Holdings& h, std::string& queue, std::string_view bytes) {
  if (!h.take(queue_cost(bytes.size()))) return false;
  queue.append(bytes);
  return true;
}

void unqueue_bytes(Holdings& h, std::string& queue, size_t n) {
  queue.erase(0, n);
  if (queue.capacity() > 2 * queue.size() + kSpare) queue.shrink_to_fit();
  h.give_back(queue_cost(n));
}

void close_pipe_end(State& s, const PipeEnd& end) {
  Pipe& p = s.pipes.at(end.pipe);
  --(end.writes ? p.writers : p.readers);
  note_pipe_change(s, end.pipe);
  if (p.readers > 0 || p.writers > 0) return;
  s.holdings.give_back(cost::kPipe + queue_cost(p.bytes.size()));
  s.pipes.erase(end.pipe);
}

Result read_pipe(Context& c, const OpenFile& f, uint64_t address, uint64_t n) {
  const int pipe = f.as<PipeEnd>()->pipe;
  Pipe& p = c.s.pipes.at(pipe);
  if (n == 0) return 0;
  if (p.bytes.empty()) return p.writers == 0 ? kOk : wait_for_io(c, f);
  n = std::min<uint64_t>(n, p.bytes.size());
  if (!c.memory().write(address, p.bytes.data(), n)) return Error::FAULT;
  unqueue_bytes(c.s.holdings, p.bytes, n);
  note_pipe_change(c.s, pipe);
  return static_cast<int64_t>(n);
}

// Takes what fits: a write larger than the room is short, also where a kernel would wait for the rest (writers loop
// anyway).
Result write_pipe(Context& c, const OpenFile& f, const std::string& bytes) {
  const int pipe = f.as<PipeEnd>()->pipe;
  Pipe& p = c.s.pipes.at(pipe);
  if (p.readers == 0) return Error::PIPE;
  if (bytes.empty()) return 0;
  const size_t room = p.capacity - std::min(p.capacity, p.bytes.size());
  if (room == 0 || (bytes.size() <= kAtomic && room < bytes.size())) return wait_for_io(c, f);
  const size_t n = std::min(room, bytes.size());
  if (!queue_bytes(c.s.holdings, p.bytes, std::string_view(bytes).substr(0, n))) return Error::NOMEM;
  note_pipe_change(c.s, pipe);
  return static_cast<int64_t>(n);
}

Result read_counter(Context& c, OpenFile& f, uint64_t address, uint64_t n) {
  auto& e = *f.as<EventCounter>();
  if (n < 8) return Error::INVAL;
  if (e.count == 0) return wait_for_io(c, f);
  const uint64_t value = e.semaphore ? 1 : e.count;
  if (!c.put(address, value)) return Error::FAULT;
  e.count -= value;
  note_change(c.s, f);
  return 8;
}

Result write_counter(Context& c, OpenFile& f, const std::string& bytes) {
  auto& e = *f.as<EventCounter>();
  uint64_t value = 0;
  if (bytes.size() < 8) return Error::INVAL;
  std::memcpy(&value, bytes.data(), 8);
  if (value == UINT64_MAX) return Error::INVAL;
  if (value > UINT64_MAX - 1 - e.count) return wait_for_io(c, f);
  e.count += value;
  note_change(c.s, f);
  return 8;
}

Result make_pipe(Context& c, bool nonblocking, bool close_on_exec, int32_t fds[2]) {
  if (!c.s.holdings.take(cost::kPipe)) return Error::NFILE;
  const int id = c.s.next_pipe++;
  c.s.pipes[id].readers = c.s.pipes[id].writers = 1;
  OpenFile f;
  f.path = "pipe:[" + std::to_string(id) + "]";
  f.nonblocking = nonblocking;
  f.kind = PipeEnd{id, false};
  const Result read_file = new_file(c.s, f);
  f.kind = PipeEnd{id, true};
  f.access = Access::Write;
  const Result write_file = new_file(c.s, f);
  const Result r = new_fd(c.s, read_file, close_on_exec);
  const Result w = new_fd(c.s, write_file, close_on_exec);
  fds[0] = static_cast<int32_t>(r.value());
  fds[1] = static_cast<int32_t>(w.value());
  if (r && w) return 0;
  if (r) drop_fd(c.s, fds[0]);
  if (w) drop_fd(c.s, fds[1]);
  return !read_file || !write_file ? Error::NFILE : Error::MFILE;
}

}  // namespace deferscope::emu::posix
