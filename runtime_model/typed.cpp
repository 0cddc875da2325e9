#include "runtime_model/typed.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime_model/sources.h"

namespace deferscope::model {
namespace {

using Kind = ShapeKind;
using Bytes = std::span<const uint8_t>;

constexpr uint64_t kMaxText = 4096;   // bytes of a string
constexpr uint64_t kMaxItems = 256;   // of a slice or array
constexpr size_t kMaxWhole = 16'384;  // characters of one value
constexpr int kMaxDepth = 6;

template <class T>
T as(Bytes b, size_t at = 0) {
  T v{};
  if (at < b.size()) std::memcpy(&v, b.data() + at, std::min(sizeof v, b.size() - at));
  return v;
}

int64_t extended(Bytes b) {
  const unsigned shift = b.size() >= 8 ? 0 : 64 - 8 * static_cast<unsigned>(b.size());
  return static_cast<int64_t>(as<uint64_t>(b) << shift) >> shift;
}

std::string float_text(Bytes b, size_t at, size_t size) {
  return size == 8 ? fmt::format("{}", as<double>(b, at)) : fmt::format("{}", as<float>(b, at));
}

// Much of what is shown is such words, and places in frames.
std::string place_text(std::string_view function, uint64_t offset) {
  char number[24];
  const char* end = std::to_chars(number, number + sizeof number, offset).ptr;
  constexpr std::string_view kBetween = ".SP+";
  const std::string_view digits(number, static_cast<size_t>(end - number));
  std::string out;
  out.reserve(function.size() + kBetween.size() + digits.size());
  return out.append(function).append(kBetween).append(digits);
}

std::string word_text(const Program& p, uint64_t v) {
  if (const Function* f = v < kDecimal ? nullptr : p.function_at(v); f && f->f.entry == v) return readable(f->name());
  char text[24] = "0x";
  const bool decimal = v < kDecimal;
  const char* end = std::to_chars(text + (decimal ? 0 : 2), text + sizeof text, v, decimal ? 10 : 16).ptr;
  return std::string(static_cast<const char*>(text), end);
}

class Writer {
 public:
  Writer(const Guest& g, const StackPlaces* stack) : g_(g), stack_(stack) {}

  std::string text(const Shape& s, Bytes b, int depth = 0) {
    switch (s.kind) {
      case Kind::boolean: return as<uint8_t>(b) ? "true" : "false";
      case Kind::integer: return fmt::format("{}", extended(b.first(std::min<size_t>(s.size, b.size()))));
      case Kind::natural: return fmt::format("{}", as<uint64_t>(b.first(std::min<size_t>(s.size, b.size()))));
      case Kind::address: return fmt::format("{:#x}", as<uint64_t>(b));
      case Kind::floating: return float_text(b, 0, s.size);
      case Kind::complex: {
        const std::string im = float_text(b, s.size / 2, s.size / 2);
        return fmt::format("({}{}{}i)", float_text(b, 0, s.size / 2), im[0] == '-' ? "" : "+", im);
      }
      case Kind::string: return string(as<uint64_t>(b), as<uint64_t>(b, 8));
      case Kind::pointer: return pointer(s, as<uint64_t>(b));
      case Kind::map:
      case Kind::channel: return as<uint64_t>(b) ? fmt::format("({}) {}", s.name, address(as<uint64_t>(b))) : "nil";
      case Kind::function: return function(as<uint64_t>(b));
      case Kind::interface: return interface(s, as<uint64_t>(b), as<uint64_t>(b, 8));
      case Kind::slice: return slice(s, b, depth);
      case Kind::array: return fmt::format("[{}]", items(*s.items, s.count, b, 0, depth));
      case Kind::structure: return structure(s, b, depth);
      case Kind::unknown: break;
    }
    return words(b);
  }

  std::string word(uint64_t v) const {
    if (stack_)
      if (std::string place = stack_->text(v); !place.empty()) return place;
    return word_text(g_.program(), v);
  }

 private:
  std::string words(Bytes b) const {
    std::string out;
    for (size_t at = 0; at < b.size() && out.size() < kMaxWhole; at += 8)
      out += fmt::format("{}{}", at ? " " : "", word(as<uint64_t>(b.subspan(at))));
    return out;
  }

  // A stack address never stands alone.
  std::string address(uint64_t v) const {
    std::string place = stack_ ? stack_->text(v) : std::string();
    return place.empty() ? fmt::format("{:#x}", v) : place;
  }

  std::string pointer(const Shape& s, uint64_t v) const {
    if (!v) return "nil";
    if (stack_)
      if (std::string place = stack_->text(v); !place.empty()) return place;
    return fmt::format("({}) {:#x}", s.name, v);
  }

  std::string string(uint64_t at, uint64_t n) const {
    std::string s(std::min(n, kMaxText), '\0');
    if (n && !g_.read(at, s.data(), s.size())) return fmt::format("(string of {} bytes, not readable)", n);
    return fmt::format("\"{}{}\"", s, n > kMaxText ? "…" : "");
  }

  // A func value points at the code's address.
  std::string function(uint64_t v) const {
    if (!v) return "nil";
    const Location& l = g_.program().location(g_.word(v));
    return l.function && l.offset == 0 ? fmt::format("func {}", readable(l.function->name()))
                                       : fmt::format("func at {}", address(v));
  }

  // With methods, the itab's second word is the type.
  std::string interface(const Shape& s, uint64_t tab, uint64_t data) const {
    if (!tab) return "nil";
    const uint64_t type = s.methods ? g_.word(tab + 8) : tab;
    return panic_value(g_, type, data);
  }

  std::string items(const Shape& of, uint64_t n, Bytes b, uint64_t address, int depth) {
    if (depth >= kMaxDepth) return "…";
    std::string out;
    uint64_t i = 0;
    std::vector<uint8_t> one(std::min<uint64_t>(of.size, kMaxWhole));
    for (; i < n && i < kMaxItems && out.size() < kMaxWhole; ++i) {
      if (address) {
        if (!g_.read(address + i * of.size, one.data(), one.size()))
          return out + (i ? ", (not readable)" : "(not readable)");
      } else {
        if ((i + 1) * of.size > b.size()) break;
        std::copy_n(b.begin() + static_cast<ptrdiff_t>(i * of.size), one.size(), one.begin());
      }
      out += fmt::format("{}{}", i ? ", " : "", text(of, one, depth + 1));
    }
    return i < n ? out + fmt::format("{}… {} more", i ? ", " : "", n - i) : out;
  }

  std::string slice(const Shape& s, Bytes b, int depth) {
    const uint64_t at = as<uint64_t>(b), n = as<uint64_t>(b, 8), cap = as<uint64_t>(b, 16);
    if (!at && !n && !cap) return "nil";
    const std::string head = fmt::format("len {} cap {}", n, cap);
    return n && s.items && s.items->size ? fmt::format("{} [{}]", head, items(*s.items, n, {}, at, depth)) : head;
  }

  std::string structure(const Shape& s, Bytes b, int depth) {
    if (depth >= kMaxDepth) return "{…}";
    std::string out;
    for (const Shape::Field& f : s.fields) {
      if (f.name == "_" || f.offset + f.shape->size > b.size()) continue;
      if (out.size() > kMaxWhole) return fmt::format("{{{}, …}}", out);
      out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", f.name,
                         text(*f.shape, b.subspan(f.offset, f.shape->size), depth + 1));
    }
    return fmt::format("{{{}}}", out);
  }

  const Guest& g_;
  const StackPlaces* stack_;
};

}  // namespace

// --- places ---

// What a frame holds: to its caller's SP, of the owner its arguments and results too.
StackPlaces::FrameOffset StackPlaces::find(uint64_t v) const {
  const Program& p = g_.program();
  const bool above = owner_.function && owner_.pc && v >= owner_.sp;
  if (above) {
    const auto delta = p.sp_delta(*owner_.function, owner_.pc - 1);
    const int args = std::max(0, owner_.function->f.args);
    const int64_t reach = delta ? *delta + (p.amd64() ? 8 : 0) + arguments_above(p.amd64()) + args : 0;
    if (v - owner_.sp < static_cast<uint64_t>(reach)) return {owner_.function, v - owner_.sp};
  }
  const auto in = [&](const Unwound& u) {
    for (const Frame& f : u.frames)
      if (f.function && v >= f.sp && v < f.caller_sp) return FrameOffset{f.function, v - f.sp};
    return FrameOffset{};
  };
  if (given_) return in(*given_);
  for (const size_t most : {size_t{2}, size_t{200}}) {  // mostly it is the owner's caller
    if (unwound_ < most) {
      frames_ = above ? g_.unwind(owner_.pc, owner_.sp, 0, true, hi_, most)
                      : g_.unwind(g_.pc(), g_.sp(), g_.cpu().r[isa::kX30], false, hi_, most);
      unwound_ = most;
    }
    if (const FrameOffset found = in(*frames_); found.function) return found;
  }
  return {};
}

std::string StackPlaces::text(uint64_t v) const {
  if (!holds(v)) return {};
  const FrameOffset at = find(v);
  return at.function ? fmt::format("{}.SP+{}", readable(at.function->name()), at.offset)
                     : fmt::format("stack.hi-{}", hi_ - v);
}

// --- values ---

std::string shown(const Guest& g, const Shape& s, std::span<const uint8_t> b, const StackPlaces* stack) {
  return Writer(g, stack).text(s, b);
}

std::string shown_word(const Guest& g, uint64_t v, const StackPlaces* stack) { return Writer(g, stack).word(v); }

namespace {

// The word itself is the value.
bool is_scalar(ShapeKind k) {
  return k == Kind::boolean || k == Kind::integer || k == Kind::natural || k == Kind::address || k == Kind::floating ||
         k == Kind::pointer || k == Kind::map || k == Kind::channel;
}

}  // namespace

void describe_captured(const Guest& g, Deferred& d, const StackPlaces& stack) {
  for (Deferred::Captured& c : d.captured) {
    if (c.size == 8 && stack.holds(c.value) && !c.part() && (!c.type || is_scalar(c.type->kind))) {
      const StackPlaces::FrameOffset at = stack.find(c.value);
      c.frame = at.function, c.frame_offset = at.offset;
      if (!c.frame) d.texts.emplace_back(c.offset, stack.text(c.value));
      continue;
    }
    if (!c.type || is_scalar(c.type->kind)) continue;
    std::vector<uint8_t> whole(std::min<uint64_t>(c.type->size, 1 << 16));
    if (g.read(d.funcval + c.offset, whole.data(), whole.size()))
      d.texts.emplace_back(c.offset, shown(g, *c.type, whole, &stack));
  }
}

std::string captured_text(const Program& p, const Captured& c) {
  if (!c.type && c.name) return {};
  if (c.frame) return place_text(c.frame.text(), c.frame_offset);
  if (!c.shown.empty()) return c.shown;
  const auto kind = static_cast<ShapeKind>(c.shape);
  if (!c.type || !is_scalar(kind)) return word_text(p, c.value);
  const Bytes b(reinterpret_cast<const uint8_t*>(&c.value.value), c.width);
  switch (kind) {
    case Kind::boolean: return c.value & 0xff ? "true" : "false";
    case Kind::address: return fmt::format("{:#x}", c.value.value);
    case Kind::integer: return fmt::format("{}", extended(b));
    case Kind::natural: return fmt::format("{}", as<uint64_t>(b));
    case Kind::floating: return float_text(b, 0, b.size());
    default: return c.value ? fmt::format("({}) {:#x}", c.type.text(), c.value.value) : "nil";
  }
}

std::vector<TypedValue> typed_arguments(const Guest& g, const Function* f, std::span<const uint8_t> bytes,
                                        const StackPlaces& stack) {
  const Program& p = g.program();
  std::vector<TypedValue> out;
  uint64_t at = 0;
  if (f && p.signature(*f).whole)
    for (const Parameter& x : p.signature(*f).all) {
      const Shape& s = *x.shape;
      if (x.result || !x.place.parts.empty() || x.place.stack + s.size > bytes.size()) break;
      out.push_back({x.name, x.type, shown(g, s, bytes.subspan(x.place.stack, s.size), &stack)});
      at = (x.place.stack + s.size + 7) / 8 * 8;
    }
  for (; at < bytes.size(); at += 8) {  // what DWARF does not name
    const size_t n = std::min<size_t>(8, bytes.size() - at);
    out.push_back({fmt::format("+{}", at), {}, shown_word(g, as<uint64_t>(bytes.subspan(at, n)), &stack)});
  }
  return out;
}

}  // namespace deferscope::model
