// The words of values, and who has them.
#include "runtime_model/roles_claims.h"

#include <fmt/format.h>

#include <algorithm>

namespace deferscope::model {
namespace {

using Kind = ShapeKind;

constexpr size_t kMaxWords = 4096;  // of one value
constexpr uint64_t kWord = 8;

bool points(Kind k) {
  return k == Kind::unknown || k == Kind::pointer || k == Kind::address || k == Kind::function || k == Kind::map ||
         k == Kind::channel;
}

// Calls leaf(name, offset, size, shape or nullptr) for each part that is at most a word.
class Parts {
 public:
  using Leaf = std::function<void(const std::string&, uint64_t, uint64_t, const Shape*)>;
  explicit Parts(const Leaf& leaf) : leaf_(leaf) {}

  void visit(const Shape& s, const std::string& name, uint64_t at, int depth = 0) {
    if (left_ == 0) return;
    const auto words = [&](std::initializer_list<const char*> names) {
      for (const char* n : names) one(name + n, at, kWord, nullptr), at += kWord;
    };
    switch (s.kind) {
      case Kind::string: return words({".ptr", ".len"});
      case Kind::slice: return words({".ptr", ".len", ".cap"});
      case Kind::interface: return words({s.methods ? ".tab" : ".type", ".data"});
      case Kind::array:
        for (uint64_t i = 0; i < s.count && s.items->size && left_ && depth < 8; ++i)
          visit(*s.items, fmt::format("{}[{}]", name, i), at + i * s.items->size, depth + 1);
        return;
      case Kind::structure:
        for (const Shape::Field& f : s.fields)
          if (depth < 8) visit(*f.shape, fmt::format("{}.{}", name, f.name), at + f.offset, depth + 1);
        return;
      default: break;
    }
    if (s.size <= kWord) return one(name, at, s.size, &s);
    for (uint64_t n = 0; n < s.size; n += kWord)
      one(fmt::format("{}+{}", name, n), at + n, std::min(kWord, s.size - n), nullptr);
  }

 private:
  void one(const std::string& name, uint64_t at, uint64_t size, const Shape* shape) {
    if (size == 0 || left_ == 0) return;
    --left_;
    leaf_(name, at, size, shape);
  }
  const Leaf& leaf_;
  size_t left_ = kMaxWords;
};

}  // namespace

bool Claims::taken(uint64_t address) const {
  const OfFrame* f = frame_of(address, 1);
  return f && f->taken[address - f->lo];
}

bool Claims::claim(Slot s) {
  OfFrame* f = s.size ? frame_of(s.address, s.size) : nullptr;
  if (!f) return false;
  const auto begin = f->taken.begin() + static_cast<ptrdiff_t>(s.address - f->lo), end = begin + s.size;
  if (std::find(begin, end, true) != end) return false;
  std::fill(begin, end, true);
  fill(s);
  f->slots.push_back(std::move(s));
  return true;
}

void Claims::fill(Slot& s) const {
  s.word = 0;
  s.readable = g_.read(s.address, &s.word, s.size);
  if (!s.readable)
    s.value = "not readable";
  else if (s.value.empty())
    s.value = shown_word(g_, s.word, &places_);
}

std::vector<Slot> Claims::words_of(uint64_t at, const Shape& shape, Role role, const std::string& name) const {
  std::vector<Slot> out;
  Parts([&](const std::string& part, uint64_t offset, uint64_t size, const Shape* s) {
    Slot w;
    w.address = at + offset, w.size = static_cast<uint32_t>(size), w.role = role, w.name = part;
    w.type = s ? s->name : std::string();
    w.pointer = size == kWord && (!s || points(s->kind));
    uint8_t bytes[kWord] = {};
    if (s && s->kind != Kind::unknown && g_.read(w.address, bytes, size))
      w.value = shown(g_, *s, std::span(bytes).first(size), &places_);
    fill(w);
    out.push_back(std::move(w));
  }).visit(shape, name, 0);
  // What the words are together stands at the first.
  if (out.size() > 1 && (shape.kind == Kind::string || shape.kind == Kind::interface || shape.kind == Kind::slice)) {
    std::vector<uint8_t> bytes(shape.size);
    if (g_.read(at, bytes.data(), bytes.size())) out[0].value = shown(g_, shape, bytes, &places_);
    out[0].type = shape.name;
  }
  return out;
}

void Claims::claim_value(uint64_t at, const Shape& shape, Role role, const std::string& name) {
  for (Slot& s : words_of(at, shape, role, name)) claim(std::move(s));
}

void Claims::claim_rest(uint64_t lo, uint64_t hi, Role role, const std::function<std::string(uint64_t)>& name) {
  for (uint64_t at = lo; at < hi;) {
    const OfFrame* f = frame_of(at, 1);
    if (!f) {
      at = at / kWord * kWord + kWord;
      continue;
    }
    if (f->taken[at - f->lo]) {
      ++at;
      continue;
    }
    uint64_t end = at + 1;
    const uint64_t most = std::min({hi, f->hi, at / kWord * kWord + kWord});
    while (end < most && !f->taken[end - f->lo]) ++end;
    Slot s;
    s.address = at, s.size = static_cast<uint32_t>(end - at), s.role = role, s.name = name(at - lo);
    s.pointer = s.size == kWord;
    claim(std::move(s));
    at = end;
  }
}

std::vector<Slot> Claims::take(size_t n) {
  std::vector<Slot>& slots = frames_.at(n).slots;
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.address < b.address; });
  return std::move(slots);
}

}  // namespace deferscope::model
