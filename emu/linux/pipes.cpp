// Pipes and eventfds. Their bytes and counts are part of the value; a call that cannot go on makes its thread wait and
// is tried again.
#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr size_t kAtomic = 4096;  // PIPE_BUF: a write up to this size goes whole or not at all

// EAGAIN for a non-blocking file, else wait.
Result wait_for(Call& c, const OpenFile& f) {
  if (f.flags & open_flag::NONBLOCK) return Error::AGAIN;
  return c.block(WaitKind::Io, kNever, true);
}

}  // namespace

namespace {
constexpr size_t kSpare = 4096;
uint64_t queue_cost(size_t n) { return 2 * static_cast<uint64_t>(n); }  // a string's capacity is up to twice its size
}  // namespace

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

void note_change(State& s, OpenFile& f) {
  ++f.changes;
  s.io_changed = true;
}

void note_pipe_change(State& s, int pipe) {
  for (auto& [id, f] : s.files)
    if ((f.kind == FileKind::PipeRead || f.kind == FileKind::PipeWrite) && f.pipe == pipe) note_change(s, f);
}

void close_pipe_end(State& s, const OpenFile& f) {
  if (f.kind != FileKind::PipeRead && f.kind != FileKind::PipeWrite) return;
  Pipe& p = s.pipes.at(f.pipe);
  --(f.kind == FileKind::PipeRead ? p.readers : p.writers);
  note_pipe_change(s, f.pipe);
  if (p.readers > 0 || p.writers > 0) return;
  s.holdings.give_back(cost::kPipe + queue_cost(p.bytes.size()));
  s.pipes.erase(f.pipe);
}

Result pipe_read(Call& c, OpenFile& f, uint64_t address, uint64_t n) {
  Pipe& p = c.s.pipes.at(f.pipe);
  if (n == 0) return 0;
  if (p.bytes.empty()) return p.writers == 0 ? 0 : wait_for(c, f);
  n = std::min<uint64_t>(n, p.bytes.size());
  if (!c.memory().write(address, p.bytes.data(), n)) return Error::FAULT;
  unqueue_bytes(c.s.holdings, p.bytes, n);
  note_pipe_change(c.s, f.pipe);
  return static_cast<int64_t>(n);
}

// Takes what fits: a write larger than the room is short, also where Linux would wait for the rest (writers loop
// anyway).
Result pipe_write(Call& c, OpenFile& f, const std::string& bytes) {
  Pipe& p = c.s.pipes.at(f.pipe);
  if (p.readers == 0) return Error::PIPE;
  if (bytes.empty()) return 0;
  const size_t room = p.capacity - std::min(p.capacity, p.bytes.size());
  if (room == 0 || (bytes.size() <= kAtomic && room < bytes.size())) return wait_for(c, f);
  const size_t n = std::min(room, bytes.size());
  if (!queue_bytes(c.s.holdings, p.bytes, std::string_view(bytes).substr(0, n))) return Error::NOMEM;
  note_pipe_change(c.s, f.pipe);
  return static_cast<int64_t>(n);
}

Result event_read(Call& c, OpenFile& f, uint64_t address, uint64_t n) {
  if (n < 8) return Error::INVAL;
  if (f.count == 0) return wait_for(c, f);
  const uint64_t value = f.semaphore ? 1 : f.count;
  if (!c.put(address, value)) return Error::FAULT;
  f.count -= value;
  note_change(c.s, f);
  return 8;
}

Result event_write(Call& c, OpenFile& f, const std::string& bytes) {
  uint64_t value = 0;
  if (bytes.size() < 8) return Error::INVAL;
  std::memcpy(&value, bytes.data(), 8);
  if (value == UINT64_MAX) return Error::INVAL;
  if (value > UINT64_MAX - 1 - f.count) return wait_for(c, f);
  f.count += value;
  note_change(c.s, f);
  return 8;
}

namespace {

Result make_pipe(Call& c, uint32_t flags) {
  if (flags & ~(open_flag::CLOEXEC | open_flag::NONBLOCK | 0x4000 | 0x10000)) return Error::INVAL;
  if (!c.s.holdings.take(cost::kPipe)) return Error::NFILE;
  const int id = c.s.next_pipe++;
  c.s.pipes[id] = Pipe{};
  c.s.pipes[id].readers = c.s.pipes[id].writers = 1;
  OpenFile f;
  f.pipe = id;
  f.path = "pipe:[" + std::to_string(id) + "]";
  f.flags = flags & open_flag::NONBLOCK;
  f.kind = FileKind::PipeRead;
  const Result read_file = new_file(c.s, f);
  f.kind = FileKind::PipeWrite;
  f.flags |= open_flag::WRONLY;
  const Result write_file = new_file(c.s, f);
  const bool cloexec = flags & open_flag::CLOEXEC;
  const Result r = new_fd(c.s, read_file, cloexec);
  const Result w = new_fd(c.s, write_file, cloexec);
  const int32_t fds[2] = {static_cast<int32_t>(r.value()), static_cast<int32_t>(w.value())};
  const bool ok = r && w;
  if (ok && c.memory().write(c.a[0], fds, sizeof fds)) return 0;
  if (r) drop_fd(c.s, fds[0]);
  if (w) drop_fd(c.s, fds[1]);
  return ok ? Error::FAULT : !read_file || !write_file ? Error::NFILE : Error::MFILE;
}

Result make_eventfd(Call& c, uint32_t flags) {
  constexpr uint32_t kSemaphore = 1;
  if (flags & ~(open_flag::CLOEXEC | open_flag::NONBLOCK | kSemaphore)) return Error::INVAL;
  OpenFile f;
  f.kind = FileKind::Event;
  f.count = static_cast<uint32_t>(c.a[0]);
  f.semaphore = flags & kSemaphore;
  f.flags = open_flag::RDWR | (flags & open_flag::NONBLOCK);
  f.path = "anon_inode:[eventfd]";
  return new_fd(c.s, new_file(c.s, f), flags & open_flag::CLOEXEC);
}

}  // namespace

Result sys_pipe(Call& c) { return make_pipe(c, 0); }
Result sys_pipe2(Call& c) { return make_pipe(c, static_cast<uint32_t>(c.a[1])); }
Result sys_eventfd(Call& c) { return make_eventfd(c, 0); }
Result sys_eventfd2(Call& c) { return make_eventfd(c, static_cast<uint32_t>(c.a[1])); }

}  // namespace deferscope::emu::linux_
