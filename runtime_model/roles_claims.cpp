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

// A part of a value that is at most a word.
struct Part {
  std::string name;
  uint64_t at = 0, size = 0;     // in the value
  const Shape* shape = nullptr;  // its own; nullptr: of a word that is part of something else
  const Shape* of = nullptr;     // the string, slice or interface whose nth word it is
  unsigned nth = 0;
};

class Parts {
 public:
  using Leaf = std::function<void(const Part&)>;
  explicit Parts(const Leaf& leaf) : leaf_(leaf) {}

  void visit(const Shape& s, const std::string& name, uint64_t at, int depth = 0) {
    if (left_ == 0) return;
    const auto words = [&](std::initializer_list<const char*> names) {
      unsigned nth = 0;
      for (const char* n : names) one({name + n, at + nth * kWord, kWord, nullptr, &s, nth}), ++nth;
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
    if (s.size <= kWord) return one({name, at, s.size, &s});
    for (uint64_t n = 0; n < s.size; n += kWord)
      one({fmt::format("{}+{}", name, n), at + n, std::min(kWord, s.size - n)});
  }

 private:
  void one(const Part& p) {
    if (p.size == 0 || left_ == 0) return;
    --left_;
    leaf_(p);
  }
  const Leaf& leaf_;
  size_t left_ = kMaxWords;
};

// A descriptor of a type, or what has one as its second word.
bool describes_type(const Shape& s) {
  return s.kind == Kind::pointer && (s.element == "runtime._type" || s.element == "internal/abi.Type");
}
bool is_itab(const Shape& s) {
  return s.kind == Kind::pointer && (s.element == "runtime.itab" || s.element == "internal/abi.ITab");
}

// The text of each word of a value whose bytes `read` gives by distance from its begin; empty: nothing but the word is
// known. Of an interface the first word is a type, the second one the value; what a pointer points at is its value.
class PartText {
 public:
  using Read = std::function<bool(uint64_t at, void* out, uint64_t n)>;
  PartText(const Guest& g, const StackPlaces& places, const Read& read) : g_(g), places_(places), read_(read) {}

  std::string of(const Part& p) const {
    if (!p.of) return plain(p);
    uint64_t words[3] = {};
    const size_t size = (p.of->kind == Kind::slice ? 3 : 2) * kWord;
    if (!read_(p.at - p.nth * kWord, words, size)) return {};
    if (p.of->kind == Kind::interface) return p.nth == 0 ? type(words[0], p.of->methods) : data(*p.of, words);
    if (p.nth > 0) return std::to_string(words[p.nth]);
    std::string whole = shown(g_, *p.of, bytes_of(words, size), &places_);
    // "len 2 cap 4 [1, 2]": its items.
    if (p.of->kind == Kind::slice) {
      const size_t items = whole.find('[');
      whole = !words[0] ? "nil" : items == std::string::npos ? std::string() : whole.substr(items);
    }
    return whole;
  }

 private:
  static std::span<const uint8_t> bytes_of(const uint64_t* words, size_t n) {
    return std::span(reinterpret_cast<const uint8_t*>(words), n);
  }

  std::string type(uint64_t word, bool itab) const {
    return word ? type_name(g_, itab ? g_.word(word + kWord) : word) : std::string("nil");
  }

  std::string data(const Shape& s, const uint64_t* words) const {
    return words[0] ? shown(g_, s, bytes_of(words, 2 * kWord), &places_) : std::string();
  }

  std::string plain(const Part& p) const {
    uint64_t word = 0;
    if (!p.shape || p.shape->kind == Kind::unknown || !read_(p.at, &word, p.size)) return {};
    if (word && (describes_type(*p.shape) || is_itab(*p.shape)))
      if (std::string name = type(word, is_itab(*p.shape)); !name.empty()) return name;
    return shown(g_, *p.shape, bytes_of(&word, p.size), &places_);
  }

  const Guest& g_;
  const StackPlaces& places_;
  const Read& read_;
};

Slot slot_of(const Part& p, uint64_t at, Role role) {
  Slot w;
  w.address = at + p.at, w.size = static_cast<uint32_t>(p.size), w.role = role, w.name = p.name;
  if (p.shape) w.type = p.shape->name;
  if (p.of && p.nth == 0) w.type = p.of->name;
  w.pointer =
      p.size == kWord && (p.of ? p.nth == 0 || p.of->kind == Kind::interface : !p.shape || points(p.shape->kind));
  return w;
}

}  // namespace

bool Claims::taken(uint64_t address) const {
  const Range* f = range_of(address, 1);
  return f && f->taken[address - f->lo];
}

bool Claims::claim(Slot s) {
  Range* f = s.size ? range_of(s.address, s.size) : nullptr;
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

bool Claims::is_free(uint64_t at, uint64_t size) const {
  const Range* f = range_of(at, size);
  if (!f) return false;
  const auto begin = f->taken.begin() + static_cast<ptrdiff_t>(at - f->lo);
  return std::find(begin, begin + static_cast<ptrdiff_t>(size), true) == begin + static_cast<ptrdiff_t>(size);
}

std::vector<Slot> Claims::words_of(uint64_t at, const Shape& shape, Role role, const std::string& name,
                                   bool free) const {
  std::vector<Slot> out;
  const PartText::Read read = [&](uint64_t offset, void* to, uint64_t n) { return g_.read(at + offset, to, n); };
  const PartText text(g_, places_, read);
  Parts([&](const Part& p) {
    if (free && !is_free(at + p.at, p.size)) return;
    Slot w = slot_of(p, at, role);
    w.value = text.of(p);
    fill(w);
    out.push_back(std::move(w));
  }).visit(shape, name, 0);
  return out;
}

std::vector<Slot> Claims::words_in(std::span<const uint8_t> bytes, const Shape& shape, const std::string& name) const {
  std::vector<Slot> out;
  const PartText::Read read = [&](uint64_t offset, void* to, uint64_t n) {
    if (offset > bytes.size() || n > bytes.size() - offset) return false;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), n, static_cast<uint8_t*>(to));
    return true;
  };
  const PartText text(g_, places_, read);
  Parts([&](const Part& p) {
    Slot w = slot_of(p, 0, Role::unknown);
    w.value = text.of(p);
    out.push_back(std::move(w));
  }).visit(shape, name, 0);
  return out;
}

void Claims::claim_value(uint64_t at, const Shape& shape, Role role, const std::string& name) {
  for (Slot& s : free_words_of(at, shape, role, name)) claim(std::move(s));
}

uint64_t Claims::next_held(uint64_t address) const {
  uint64_t next = UINT64_MAX;
  for (const Range& r : ranges_)
    if (address < r.hi) next = std::min(next, std::max(address, r.lo));
  return next;
}

void Claims::claim_rest(uint64_t lo, uint64_t hi, Role role, const std::function<std::string(uint64_t)>& name) {
  for (uint64_t at = next_held(lo); at < hi; at = next_held(at)) {
    const Range& r = *range_of(at, 1);
    if (r.taken[at - r.lo]) {
      ++at;
      continue;
    }
    uint64_t end = at + 1;
    const uint64_t most = std::min({hi, r.hi, at / kWord * kWord + kWord});
    while (end < most && !r.taken[end - r.lo]) ++end;
    Slot s;
    s.address = at, s.size = static_cast<uint32_t>(end - at), s.role = role, s.name = name(at - lo);
    s.pointer = s.size == kWord;
    claim(std::move(s));
    at = end;
  }
}

std::vector<Slot> Claims::take(size_t frame) {
  std::vector<Slot> slots;
  for (Range& r : ranges_)
    if (r.frame == frame) std::move(r.slots.begin(), r.slots.end(), std::back_inserter(slots));
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.address < b.address; });
  return slots;
}

}  // namespace deferscope::model
