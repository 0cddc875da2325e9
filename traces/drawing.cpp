// Roles with their values become words that point at each other.
#include "traces/drawing.h"

#include <fmt/format.h>

#include <algorithm>

#include "loader/printable.h"

namespace deferscope::traces {
namespace {

using model::Role;

constexpr uint64_t kNoPointer = 4096;  // nothing is mapped below

class Drawer {
 public:
  Drawer(const model::Guest& g, const model::Roles& r, const DrawOptions& o) : g_(g), p_(g.program()), r_(r), o_(o) {}

  Drawing take() {
    Drawing d;
    d.program = fmt::format("{} {}/{}", p_.go().version.text, p_.go().goos, p_.go().goarch);
    d.relative = o_.relative;
    d.sp = r_.standing.sp, d.hi = r_.stack_hi, d.sp_end = d.hi - d.sp;
    d.moments.push_back(moment());
    d.notes = r_.notes;
    for (size_t i = std::max<size_t>(r_.frames.size(), 1); i-- > 0;) {
      if (!r_.frames.empty()) d.frames.push_back(frame(i));
      for (size_t n = r_.c_frames.size(); n-- > 0;)
        if (r_.c_frames[n].frame.before == i) d.frames.push_back(c_frame(r_.c_frames[n]));
    }
    for (size_t i = 0; i < r_.objects.size(); ++i)
      if (!r_.objects[i].in_frame) d.boxes.push_back(box(r_.objects[i]));
    for (const model::RegisterRole& x : r_.registers)
      d.registers.push_back({x.reg, x.name, x.of, value(x.value, x.word, x.pointer), x.role});
    return d;
  }

 private:
  uint64_t address(uint64_t a) const { return o_.relative ? 0 : a; }

  DrawnMoment moment() const {
    DrawnMoment m;
    m.position = o_.position, m.goroutine = r_.standing.who.goid;
    const bool in_c = p_.image().uses_cgo() && p_.in_c(r_.standing.pc);
    m.place = in_c ? model::c_place(g_, r_.standing.pc).text() : p_.describe(r_.standing.pc);
    m.instruction = o_.instruction;
    const model::Location& l = p_.location(r_.standing.at_call ? r_.standing.pc - 1 : r_.standing.pc);
    if (l.line > 0) m.line = fmt::format("{}:{}", l.file.substr(l.file.find_last_of('/') + 1), l.line);
    return m;
  }

  DrawnFrame frame(size_t i) const {
    const model::FrameRoles& f = r_.frames[i];
    DrawnFrame out;
    out.function = f.frame.function ? model::readable(f.frame.function->name()) : "?";
    out.place = p_.describe(f.frame.pc);
    out.sp = address(f.frame.sp), out.size = f.frame.caller_sp - f.frame.sp;
    out.from_end = r_.stack_hi - f.frame.caller_sp;
    out.whole = f.whole, out.system = f.frame.stack != model::StackKind::goroutine;
    const auto add = [&](const model::Slot& s) { out.words.push_back(word(s, s.address - f.frame.sp)); };
    for (size_t n = f.slots.size(); n-- > 0;) add(f.slots[n]);
    if (i == 0)
      for (const model::Slot& s : r_.below) add(s);
    return out;
  }

  DrawnFrame c_frame(const model::CFrameRoles& f) const {
    DrawnFrame out;
    model::CPlace name = f.frame;
    out.place = loader::printable(name.text());
    out.library = loader::printable(name.file);
    name.file.clear();
    if (!name.function.empty()) name.offset = 0;
    out.function = loader::printable(name.text());
    out.sp = address(f.frame.sp), out.size = f.frame.caller_sp ? f.frame.caller_sp - f.frame.sp : 0;
    out.from_end = r_.stack_hi - (f.frame.caller_sp ? f.frame.caller_sp : f.frame.sp);
    out.system = out.c = true;
    for (size_t n = f.slots.size(); n-- > 0;) out.words.push_back(word(f.slots[n], f.slots[n].address - f.frame.sp));
    return out;
  }

  DrawnBox box(const model::Object& o) const {
    DrawnBox out;
    out.title = o.title, out.state = o.state, out.address = address(o.address), out.at = o.address;
    for (const model::Slot& s : o.fields) out.fields.push_back(word(s, s.address - o.address));
    return out;
  }

  DrawnWord word(const model::Slot& s, uint64_t offset) const {
    DrawnWord w;
    w.address = address(s.address), w.offset = static_cast<int64_t>(offset), w.size = s.size, w.role = s.role;
    w.name = s.name, w.of = s.of, w.type = s.type, w.stale = s.stale, w.live = s.live, w.c = s.c;
    w.value = loader::printable(value(s.value, s.word, s.pointer));
    w.from_end = r_.stack_hi - s.address, w.word = s.word;
    if (s.pointer && s.word >= kNoPointer) w.points = s.word;
    if (s.object >= 0) w.object = r_.objects[static_cast<size_t>(s.object)].title;
    if (s.address <= r_.standing.sp && r_.standing.sp < s.end()) w.marks.emplace_back("SP");
    if (s.address <= r_.standing.fp && r_.standing.fp < s.end() && s.size == 8)
      w.marks.emplace_back(p_.amd64() ? "BP" : "FP");
    return w;
  }

  // What stands at the end of an arrow.
  std::string pointed_at(uint64_t a) const {
    for (const model::Object& o : r_.objects)
      if (a >= o.address && a < o.address + o.size)
        return a == o.address ? o.title : fmt::format("{}+{}", o.title, a - o.address);
    for (const model::FrameRoles& f : r_.frames) {
      if (a < f.lo || a > f.hi) continue;
      const model::Slot* s = r_.at(a);
      if (a == f.hi && s) continue;
      const std::string place =
          fmt::format("{}+{}", f.frame.function ? model::readable(f.frame.function->name()) : "?", a - f.frame.sp);
      const bool named = s && s->address == a && !s->name.empty() && s->role != Role::saved_fp &&
                         s->role != Role::return_address && s->role != Role::padding;
      if (!o_.relative) return named ? s->name : std::string();
      return named ? fmt::format("{} ({})", place, s->name) : place;
    }
    for (const model::CFrameRoles& f : r_.c_frames)
      if (o_.relative && a >= f.frame.sp && a < f.frame.caller_sp)
        return fmt::format("{}+{}", f.frame.function.empty() ? "C" : f.frame.function, a - f.frame.sp);
    return {};
  }

  std::string value(const std::string& text, uint64_t word, bool pointer) const {
    if (!pointer || word < kNoPointer) return text;
    const std::string name = pointed_at(word);
    const bool on_stack = r_.stack_hi && g_.on_stack(r_.standing.who.g, word);
    const bool number = text.starts_with("0x") || text.find(") 0x") != std::string::npos;
    const bool place = text.find(".SP+") != std::string::npos || text.starts_with("stack.hi-");
    // The programs of arm64 lie low: such an address looks like a count.
    const bool count = text.find_first_not_of("0123456789") == std::string::npos;
    if (const std::string f = count && name.empty() ? funcval_at(word) : std::string(); !f.empty()) return f;
    if (name.empty() && !number && !place) return text;
    if (name.empty() && !on_stack) return elsewhere(text, word);
    if (o_.relative) return "→ " + (name.empty() ? text : name);
    const std::string what = !number && !place && text != name ? text : name;
    return fmt::format("→ {:x}{}", word, what.empty() ? "" : fmt::format(" ({})", what));
  }

  std::string funcval_at(uint64_t a) const {
    uint64_t code = 0;
    if (!g_.read(a, &code, 8)) return {};
    const model::Location& l = p_.location(code);
    return l.function && l.offset == 0 ? model::readable(l.function->name()) + "·f" : std::string();
  }

  // What is not drawn: code, function values, data, the heap.
  std::string elsewhere(const std::string& text, uint64_t a) const {
    if (const model::Location& l = p_.location(a); l.function) return p_.describe(a);
    uint64_t code = 0;
    if (!g_.read(a, &code, 8)) return text;
    if (const std::string f = funcval_at(a); !f.empty()) return f;
    const auto s = p_.image().symbol_at(a, loader::SymbolSource::symtab);
    if (s && s->size && a - s->address < s->size)
      return fmt::format("→ {}{}", s->name, a == s->address ? "" : fmt::format("+{}", a - s->address));
    return o_.relative ? "→ elsewhere" : fmt::format("→ {:x}", a);
  }

  const model::Guest& g_;
  const model::Program& p_;
  const model::Roles& r_;
  const DrawOptions& o_;
};

}  // namespace

Drawing draw(const model::Guest& guest, const model::Roles& roles, const DrawOptions& options) {
  Drawing d = Drawer(guest, roles, options).take();
  name_and_point(d);
  return d;
}

void name_and_point(Drawing& d) {
  for (size_t i = 0; i < d.frames.size(); ++i) {
    d.frames[i].id = fmt::format("f{}", i);
    for (DrawnWord& w : d.frames[i].words) w.id = fmt::format("f{}{:+}", i, w.offset);
  }
  for (size_t i = 0; i < d.boxes.size(); ++i) {
    d.boxes[i].id = fmt::format("b{}", i);
    for (DrawnWord& w : d.boxes[i].fields) w.id = fmt::format("b{}{:+}", i, w.offset);
  }
  const auto holder = [&](uint64_t a) -> std::string {
    for (const DrawnBox& b : d.boxes)
      for (const DrawnWord& w : b.fields)
        if (a - b.at - static_cast<uint64_t>(w.offset) < w.size) return w.id;
    for (const DrawnFrame& f : d.frames)
      for (const DrawnWord& w : f.words)
        if (w.after && a - (d.hi - w.from_end) < w.size) return w.id;
    return {};
  };
  const auto point = [&](DrawnWord& w) {
    w.target = w.points && !w.stale && w.after ? holder(w.points) : std::string();
    if (w.target == w.id) w.target.clear();
  };
  for (DrawnFrame& f : d.frames)
    for (DrawnWord& w : f.words) point(w);
  for (DrawnBox& b : d.boxes)
    for (DrawnWord& w : b.fields) point(w);
}

std::string heading_of(const DrawnFrame& f) {
  return !f.c ? f.function : f.library.empty() ? f.function + "  C" : fmt::format("{}  C of {}", f.function, f.library);
}

std::string extent_of(const DrawnFrame& f) {
  const std::string size = !f.whole         ? "what it passes"
                           : f.c && !f.size ? "frame, its end is not known"
                                            : fmt::format("frame {} bytes", f.size);
  return f.system ? size + ", another stack" : size;
}

std::string words_for(const DrawnWord& w) {
  const std::string of = w.of.empty() ? "" : " of " + w.of;
  if (!w.object.empty()) return fmt::format("{}.{}", w.object, w.name);
  // "argument +8", where no name is known.
  if (w.name.starts_with("argument ")) return w.name + of;
  switch (w.role) {
    case Role::return_address:
    case Role::saved_fp:
    case Role::defer_bits: return w.name;
    case Role::closure_slot: return fmt::format("{} of open-coded defers", w.name);
    case Role::outgoing: return w.name.empty() ? "space for calls" : fmt::format("{}  argument{}", w.name, of);
    case Role::spill: return w.name.empty() ? "spill place" + of : fmt::format("{}  spill place{}", w.name, of);
    case Role::unknown: return !w.name.empty() ? w.name : w.c ? "unknown C data" : "spilled or temporary";
    default: break;
  }
  return fmt::format("{}  {}{}", w.name, model::to_string(w.role), of);
}

std::string words_with_old(const DrawnWord& w) {
  const std::string now = words_for(w);
  return w.was_name.empty() ? now : fmt::format("{} → {}", w.was_name.substr(0, w.was_name.find("  ")), now);
}

std::string words_for(const model::Slot& s, const model::Roles& roles) {
  DrawnWord w;
  w.role = s.role, w.name = s.name, w.of = s.of, w.c = s.c;
  if (s.object >= 0) w.object = roles.objects[static_cast<size_t>(s.object)].title;
  return words_for(w);
}

std::string words_alone(const model::Slot& s, const model::Roles& roles) {
  if (s.role == Role::padding || (s.name.empty() && s.role != Role::return_address)) return {};
  std::string out = words_for(s, roles);
  if (const size_t gap = out.find("  "); gap != std::string::npos) out.replace(gap, 2, ": ");
  const bool own = s.of.empty() && s.object < 0;
  const bool says = s.role == Role::return_address || s.role == Role::local || s.role == Role::autotmp ||
                    s.role == Role::argument || s.role == Role::result;
  for (const model::FrameRoles& f : roles.frames)
    if (own && says && f.frame.function && s.address >= f.lo && s.address < f.hi)
      out += " of " + model::readable(f.frame.function->name());
  return out;
}

bool says_little(const DrawnWord& w) {
  return (w.role == Role::unknown || w.role == Role::outgoing || w.role == Role::spill || w.role == Role::padding) &&
         (w.name.empty() || w.role == Role::padding) && w.marks.empty() && w.was_marks.empty() && w.was_value.empty();
}

namespace {

// The array that it is an element of, or of whose elements it is a part: "buf" of "buf[3].x"; empty: none.
std::string_view array_of(const DrawnWord& w) {
  const size_t at = w.name.find('[');
  return at == std::string::npos ? std::string_view() : std::string_view(w.name).substr(0, at);
}

// An element of an array of which nothing has changed, and at which no register points.
bool plain_element(const DrawnWord& w) {
  return !array_of(w).empty() && w.object.empty() && w.marks.empty() && w.was_marks.empty() && w.was_value.empty() &&
         w.was_name.empty();
}

// Whether a row goes on with what another one is: words of which little is known, or elements of one array.
bool goes_on(const DrawnRow& a, const DrawnRow& b) {
  const DrawnWord &x = *a.words[0], &y = *b.words[0];
  const auto all = [](const DrawnRow& r, auto is) {
    return std::all_of(r.words.begin(), r.words.end(), [&](const DrawnWord* w) { return is(*w); });
  };
  if (all(a, says_little) && all(b, says_little)) return x.role == y.role;
  const auto mine = [&](const DrawnWord& w) {
    return plain_element(w) && array_of(w) == array_of(x) && w.role == x.role && w.of == x.of && w.stale == x.stale &&
           w.live == x.live;
  };
  return all(a, mine) && all(b, mine);
}

// "buf[0] … buf[63]  local", of rows that begin with these.
std::string run_of(const DrawnRow& highest, const DrawnRow& lowest) {
  const DrawnWord &first = *lowest.words.front(), &last = *highest.words.back();
  if (says_little(first)) return words_for(first);
  std::string out = first.name + " … " + words_for(last);
  if (first.stale) out += first.live ? "  (not written yet)" : "  (not written)";
  return out;
}

}  // namespace

std::vector<DrawnRow> rows_of(const std::vector<DrawnWord>& words) {
  constexpr size_t kRun = 4, kElements = 17;  // so many of a kind are one row
  std::vector<DrawnRow> all, out;
  for (const DrawnWord& w : words) {
    const auto row_of = [](const DrawnWord& x) { return x.offset < 0 ? (x.offset - 7) / 8 : x.offset / 8; };
    if (all.empty() || row_of(*all.back().words.front()) != row_of(w)) all.emplace_back();
    all.back().words.insert(all.back().words.begin(), &w);
  }
  for (size_t i = 0; i < all.size();) {
    size_t end = i + 1;
    while (end < all.size() && goes_on(all[i], all[end])) ++end;
    if (end - i >= (says_little(*all[i].words[0]) ? kRun : kElements)) {
      std::string what = run_of(all[i], all[end - 1]);
      out.push_back(std::move(all[i]));
      out.back().hidden = end - i - 1, out.back().all = std::move(what);
      i = end;
    } else {
      out.push_back(std::move(all[i++]));
    }
  }
  return out;
}

}  // namespace deferscope::traces
