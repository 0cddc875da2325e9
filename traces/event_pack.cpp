// One visitor of an event's fields serves both directions. An event is its kind, eight bytes that say which numbers are
// others than the last one's of that kind, and those.
#include "traces/event_pack.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "runtime_model/event_visit.h"

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;

// Differences are small and of either sign: the sign goes to the lowest bit, seven bits a byte, the lowest first.
uint64_t fold(uint64_t d) { return (d << 1) ^ (uint64_t{0} - (d >> 63)); }
uint64_t unfold(uint64_t z) { return (z >> 1) ^ (uint64_t{0} - (z & 1)); }

class Packer {
 public:
  static constexpr bool kReads = false;
  Packer(std::vector<uint8_t>& out, size_t used, uint64_t* before)
      : out_(out), p_(out.data() + used), end_(out.data() + out.size()), before_(before) {
    room(1 + sizeof changed_);
  }
  void begin(uint8_t kind) {
    *p_++ = kind;
    changed_at_ = used();
    p_ += sizeof changed_;
  }
  // How much of the buffer is used.
  size_t end() {
    std::memcpy(out_.data() + changed_at_, &changed_, sizeof changed_);
    return used();
  }

  template <class T>
  [[gnu::always_inline]] void number(T& v) {
    const uint64_t now = word(v);
    uint64_t& last = *before_++;
    if (now != last) {
      changed_ |= bit_;
      plain(fold(now - last));
      last = now;
    }
    bit_ <<= 1;
  }
  [[gnu::always_inline]] void count(size_t n) { room(10 + n), plain(n); }
  [[gnu::always_inline]] void bytes(const void* p, size_t n) { std::memcpy(p_, p, n), p_ += n; }
  // Of a list's element: no neighbour to compare with.
  template <class T>
  [[gnu::always_inline]] void exact(T& v) {
    room(10), plain(word(v));
  }

 private:
  template <class T>
  static uint64_t word(const T& v) {
    if constexpr (std::is_base_of_v<model::Name, T>)
      return v.id();
    else
      return static_cast<uint64_t>(v);
  }
  [[gnu::always_inline]] void plain(uint64_t v) {
    while (v >= 0x80) *p_++ = static_cast<uint8_t>(v | 0x80), v >>= 7;
    *p_++ = static_cast<uint8_t>(v);
  }
  // For n bytes, and all numbers behind them.
  [[gnu::always_inline]] void room(size_t n) {
    n += detail::kPackedNumbers * 10;
    if (__builtin_expect(static_cast<size_t>(end_ - p_) < n, 0))
      p_ = grow(out_, used(), n), end_ = out_.data() + out_.size();
  }
  [[gnu::noinline]] static uint8_t* grow(std::vector<uint8_t>& out, size_t used, size_t n) {
    out.resize(2 * out.size() + n);
    return out.data() + used;
  }

  size_t used() const { return static_cast<size_t>(p_ - out_.data()); }

  std::vector<uint8_t>& out_;
  uint8_t* p_;
  uint8_t* end_;
  uint64_t* before_;
  uint64_t changed_ = 0, bit_ = 1;
  size_t changed_at_ = 0;
};

class Unpacker {
 public:
  static constexpr bool kReads = true;
  Unpacker(const uint8_t* p, uint64_t* before) : p_(p), before_(before) { bytes(&changed_, sizeof changed_); }
  const uint8_t* at() const { return p_; }

  template <class T>
  [[gnu::always_inline]] void number(T& v) {
    uint64_t& last = *before_++;
    if (changed_ & 1) last += unfold(plain());
    changed_ >>= 1;
    set(v, last);
  }
  [[gnu::always_inline]] size_t count() { return plain(); }
  [[gnu::always_inline]] void bytes(void* p, size_t n) { std::memcpy(p, p_, n), p_ += n; }
  template <class T>
  [[gnu::always_inline]] void exact(T& v) {
    set(v, plain());
  }

 private:
  template <class T>
  static void set(T& v, uint64_t word) {
    if constexpr (std::is_base_of_v<model::Name, T>)
      v = model::Name::from_id(word);
    else if constexpr (std::is_same_v<T, model::Index>)
      v = static_cast<int>(word);
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
  uint64_t changed_;
};

// Packs or unpacks the fields that it visits; they are const when packing.
template <class Io>
class Fields {
 public:
  Fields(Io& io, EventKind kind) : io_(io), kind_(kind) {}

  template <class Row, class T>
  [[gnu::always_inline]] void operator()(Row, T& field) {
    if (applies(Row::info.when, kind_)) value(field, false);
  }

 private:
  // Of a list's element there is no neighbour to compare with.
  struct Element {
    Fields& fields;
    template <class Row, class T>
    [[gnu::always_inline]] void operator()(Row, T& field) {
      fields.value(field, true);
    }
  };

  template <class T>
  [[gnu::always_inline]] void value(T& v, bool in_list) {
    using Type = std::remove_const_t<T>;
    if constexpr (model::EventPart<Type>) {
      if (in_list)
        for_each_field(v, Element{*this});
      else
        for_each_field(v, *this);
    } else if constexpr (std::is_convertible_v<T&, const std::string&> || std::is_same_v<Type, model::BytesOrNull>) {
      size(v);
      if (!v.empty()) io_.bytes(v.data(), v.size());
    } else if constexpr (model::kIsList<Type> || model::kIsListOrNull<Type>) {
      if constexpr (model::kIsListOrNull<Type>) value(v.known, in_list);
      size(v);
      for (auto& x : v) value(x, true);
    } else if constexpr (!std::is_empty_v<Type>) {
      in_list ? io_.exact(v) : io_.number(v);
    }
  }

  template <class List>
  [[gnu::always_inline]] void size(List& v) {
    if constexpr (Io::kReads)
      v.resize(io_.count());
    else
      io_.count(v.size());
  }

  Io& io_;
  EventKind kind_;
};

}  // namespace

void EventPacker::append(std::vector<uint8_t>& out, size_t& used, const Event& e) {
  const auto kind = static_cast<uint8_t>(e.kind());
  __builtin_prefetch(out.data() + used + 1024, 1);  // the reader's processor had these lines last
  Packer io(out, used, before_[kind].data());
  io.begin(kind);
  for_each_event_field(e, Fields<Packer>(io, e.kind()));
  used = io.end();
}

EventUnpacker::EventUnpacker() {
  for (size_t kind = 0; kind < events_.size(); ++kind) events_[kind].body = event_body(static_cast<EventKind>(kind));
}

const Event& EventUnpacker::next(const uint8_t*& p) {
  Event& e = events_[*p];
  Unpacker io(p + 1, before_[*p].data());
  for_each_event_field(e, Fields<Unpacker>(io, e.kind()));
  p = io.at();
  return e;
}

}  // namespace deferscope::traces
