// One listing of an event's fields serves both directions.
#include "traces/event_pack.h"

#include <cstring>
#include <string>
#include <type_traits>

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;

// Which fields an event of a kind has beside those that all have.
enum Part : uint16_t {
  kDefer = 1,
  kPush = 2,
  kRun = 4,
  kEnd = 8,
  kReturn = 16,
  kPanic = 32,
  kTarget = 64,
  kMove = 128,
  kLeft = 256
};
constexpr uint16_t kParts[] = {
    kDefer | kPush,                  // defer.push
    kDefer | kRun,                   // defer.start
    kDefer | kRun | kEnd | kReturn,  // defer.end
    kReturn,                         // deferreturn.enter
    kReturn,                         // deferreturn.leave
    kDefer | kRun | kReturn,         // jmpdefer
    kPanic,                          // panic.start
    kPanic,                          // panic.recovered
    kPanic | kLeft,                  // panic.aborted
    kPanic,                          // recover.refused
    kPanic,                          // goexit
    kPanic | kTarget,                // recovery.jump
    kMove,                           // stack.move
    kReturn | kTarget,               // transfer
    kPanic,                          // panic.fatal
    kDefer | kRun | kLeft,           // defer.left
    kPanic | kLeft,                  // exit
    kDefer,                          // defer.stale
};
static_assert(std::size(kParts) == static_cast<size_t>(EventKind::count));

// Differences are small and of either sign: the sign goes to the lowest bit, seven bits a byte, the lowest first.
uint64_t fold(uint64_t d) { return (d << 1) ^ (uint64_t{0} - (d >> 63)); }
uint64_t unfold(uint64_t z) { return (z >> 1) ^ (uint64_t{0} - (z & 1)); }

class Packer {
 public:
  static constexpr bool kReads = false;
  Packer(std::vector<uint8_t>& out, size_t used, uint64_t* before) : out_(out), p_(out.data() + used), before_(before) {
    room(0);
  }
  size_t used() const { return static_cast<size_t>(p_ - out_.data()); }

  template <class T>
  [[gnu::always_inline]] void number(T& v) {
    const uint64_t now = word(v);
    uint64_t& last = *before_++;
    plain(fold(now - last));
    last = now;
  }
  void count(size_t n) { room(10 + n), plain(n); }
  void bytes(const void* p, size_t n) { std::memcpy(p_, p, n), p_ += n; }
  template <class T>
  void exact(T& v) {  // of a list's element: no neighbour to compare with
    room(10), plain(word(v));
  }

 private:
  template <class T>
  static uint64_t word(T v) {
    if constexpr (std::is_pointer_v<T>)
      return reinterpret_cast<uintptr_t>(v);
    else
      return static_cast<uint64_t>(v);
  }
  [[gnu::always_inline]] void plain(uint64_t v) {
    while (v >= 0x80) *p_++ = static_cast<uint8_t>(v | 0x80), v >>= 7;
    *p_++ = static_cast<uint8_t>(v);
  }
  void room(size_t n) {  // for n bytes, and all numbers behind them
    n += detail::kPackedNumbers * 10;
    const size_t at = used();
    if (out_.size() - at >= n) return;
    out_.resize(2 * out_.size() + n);
    p_ = out_.data() + at;
  }

  std::vector<uint8_t>& out_;
  uint8_t* p_;
  uint64_t* before_;
};

class Unpacker {
 public:
  static constexpr bool kReads = true;
  Unpacker(const uint8_t* p, uint64_t* before) : p_(p), before_(before) {}
  const uint8_t* at() const { return p_; }

  template <class T>
  [[gnu::always_inline]] void number(T& v) {
    uint64_t& last = *before_++;
    last += unfold(plain());
    set(v, last);
  }
  size_t count() { return plain(); }
  void bytes(void* p, size_t n) { std::memcpy(p, p_, n), p_ += n; }
  template <class T>
  void exact(T& v) {
    set(v, plain());
  }

 private:
  template <class T>
  static void set(T& v, uint64_t word) {
    if constexpr (std::is_pointer_v<T>)
      v = reinterpret_cast<T>(static_cast<uintptr_t>(word));
    else
      v = static_cast<T>(word);
  }
  [[gnu::always_inline]] uint64_t plain() {
    uint64_t v = *p_++;
    if (v < 0x80) return v;
    v &= 0x7f;
    for (unsigned shift = 7;; shift += 7) {
      const uint64_t b = *p_++;
      v |= (b & 0x7f) << shift;
      if (b < 0x80) return v;
    }
  }

  const uint8_t* p_;
  uint64_t* before_;
};

// --- lists; T is const when packing ---

template <class Io, class Bytes>
void byte_run(Io& io, Bytes& v) {
  if constexpr (Io::kReads)
    v.resize(io.count());
  else
    io.count(v.size());
  if (!v.empty()) io.bytes(v.data(), v.size());
}

template <class Io, class List, class Each>
void list(Io& io, List& v, Each each) {
  if constexpr (Io::kReads)
    v.resize(io.count());
  else
    io.count(v.size());
  for (auto& x : v) each(x);
}

template <class Io, class View>
void view(Io& io, View& v) {  // the text itself stays where it is
  const char* p = v.data();
  size_t n = v.size();
  io.exact(p), io.exact(n);
  if constexpr (Io::kReads) v = {p, n};
}

// --- the fields ---

template <class Io, class E>
void common(Io& io, E& e) {
  io.number(e.id), io.number(e.origin), io.number(e.position), io.number(e.goid), io.number(e.tid);
  io.number(e.pc), io.number(e.sp), io.number(e.at.position), io.number(e.at.pc), io.number(e.at.function);
  io.number(e.frame.function), io.number(e.frame.sp), io.number(e.frame.depth), io.number(e.frame.pc);
}

template <class Io, class E>
void defer(Io& io, E& e) {
  io.number(e.storage), io.number(e.record), io.number(e.slot), io.number(e.site), io.number(e.stale);
  io.number(e.bits_address), io.number(e.bits_before), io.number(e.bits_after);
  auto& d = e.deferred;
  io.number(d.funcval), io.number(d.entry), io.number(d.function), io.number(d.target), io.number(d.captured_complete);
  list(io, d.captured, [&](auto& c) {
    io.exact(c.offset), io.exact(c.size), io.exact(c.value), io.exact(c.address), view(io, c.name), io.exact(c.type);
    io.exact(c.frame), io.exact(c.frame_offset);
  });
  list(io, d.texts, [&](auto& t) { io.exact(t.first), byte_run(io, t.second); });
}

template <class Io, class List>
void values(Io& io, List& v) {
  list(io, v, [&](auto& x) { byte_run(io, x.name), byte_run(io, x.type), byte_run(io, x.value); });
}

template <class Io, class E>
void push(Io& io, E& e) {
  io.number(e.call), io.number(e.link), io.number(e.arguments_known);
  byte_run(io, e.argument_bytes);
  values(io, e.arguments);
}

template <class Io, class E>
void run(Io& io, E& e) {
  io.number(e.push), io.number(e.by), io.number(e.panic);
}

template <class Io, class E>
void end(Io& io, E& e) {
  io.number(e.start), io.number(e.effects_known);
  list(io, e.effects, [&](auto& f) {
    io.exact(f.kind), byte_run(io, f.name), byte_run(io, f.type), byte_run(io, f.before), byte_run(io, f.after);
  });
  values(io, e.unchanged);
}

template <class Io, class E>
void returning(Io& io, E& e) {
  io.number(e.return_address), io.number(e.return_after), io.number(e.sp_after);
  list(io, e.steps, [&](auto& s) {
    io.exact(s.position), io.exact(s.pc), io.exact(s.sp), io.exact(s.frame_pointer), io.exact(s.link),
        io.exact(s.scratch);
    io.exact(s.return_word);
  });
}

template <class Io, class E>
void panic(Io& io, E& e) {
  io.number(e.panic), io.number(e.nested_in), io.number(e.panic_number), io.number(e.nested_number);
  io.number(e.decided_by);
  byte_run(io, e.value);
  list(io, e.callers, [&](auto& c) {
    byte_run(io, c.function), io.exact(c.wrapper), io.exact(c.inlined), io.exact(c.runs_defers), io.exact(c.sp);
  });
}

template <class Io, class E>
void target(Io& io, E& e) {
  io.number(e.to_pc), io.number(e.to_sp), io.number(e.returns_one), io.number(e.resumes), io.number(e.discarded_count),
      io.number(e.what);
  list(io, e.discarded, [&](auto& s) { byte_run(io, s); });
}

template <class Io, class E>
void move(Io& io, E& e) {
  io.number(e.old_lo), io.number(e.old_hi), io.number(e.new_lo), io.number(e.new_hi);
  list(io, e.moved, [&](auto& m) { io.exact(m.before), io.exact(m.after); });
}

template <class Io, class E>
void left(Io& io, E& e) {
  io.number(e.started), io.number(e.why), io.number(e.status), io.number(e.start);
  byte_run(io, e.value);
}

template <class Io, class E>
void fields(Io& io, E& e, uint16_t parts) {
  common(io, e);
  if (parts & kDefer) defer(io, e);
  if (parts & kPush) push(io, e);
  if (parts & kRun) run(io, e);
  if (parts & kEnd) end(io, e);
  if (parts & kReturn) returning(io, e);
  if (parts & kPanic) panic(io, e);
  if (parts & kTarget) target(io, e);
  if (parts & kMove) move(io, e);
  if (parts & kLeft) left(io, e);
}

}  // namespace

void EventPacker::append(std::vector<uint8_t>& out, size_t& used, const Event& e) {
  const auto kind = static_cast<uint8_t>(e.kind);
  Packer io(out, used, before_[kind].data());
  io.bytes(&kind, 1);
  fields(io, e, kParts[kind]);
  used = io.used();
}

const Event& EventUnpacker::next(const uint8_t*& p) {
  const uint8_t kind = *p;
  Event& e = events_[kind];
  e.kind = static_cast<EventKind>(kind);
  Unpacker io(p + 1, before_[kind].data());
  fields(io, e, kParts[kind]);
  p = io.at();
  return e;
}

}  // namespace deferscope::traces
