// Results and variables are found once per pc and read at the start and end of a deferred call.
#include "runtime_model/effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime_model/located.h"
#include "runtime_model/typed.h"

namespace deferscope::model {
namespace {

constexpr size_t kMaxVariables = 32;
constexpr uint64_t kMaxSize = 64;
constexpr uint64_t kWord = 8;
constexpr uint64_t kNoPointer = 4096;  // nothing is mapped below

uint64_t address_of(const Guest& g, const Watched& w, uint64_t sp, uint64_t hi) {
  const auto offset = static_cast<uint64_t>(w.offset);
  switch (w.base) {
    case Watched::Base::frame: return w.indirect ? g.word(sp + offset) + static_cast<uint64_t>(w.behind) : sp + offset;
    case Watched::Base::stack: return hi - offset;
    case Watched::Base::memory: break;
  }
  return offset;
}

// The value behind a byte that says whether it could be read.
void read(const Guest& g, const Watched& w, uint64_t sp, uint64_t hi, std::vector<uint8_t>& out) {
  const size_t at = out.size();
  out.resize(at + 1 + w.size);
  out[at] = g.read(address_of(g, w, sp, hi), out.data() + at + 1, w.size);
}

bool overlaps(const Watched& a, const Watched& b) {
  return a.base == Watched::Base::frame && !a.indirect && !b.indirect && a.offset <= b.offset &&
         b.offset < a.offset + static_cast<int64_t>(a.size);
}

Watched watched(EffectKind kind, const Source& from, uint64_t size, const Shape* shape) {
  Watched w;
  w.kind = kind, w.size = size, w.shape = shape, w.offset = from.offset;
  w.indirect = from.kind == Source::behind, w.behind = from.at;
  return w;
}

std::string_view target_type(std::string_view pointer) {
  return pointer.starts_with('*') ? pointer.substr(1) : std::string_view();
}

}  // namespace

std::string_view Effects::keep(std::string s) { return texts_.emplace_back(std::move(s)); }

// --- what the owner has ---

void Effects::find(Owner& out, const FrameId& owner) {
  const auto delta = p_.sp_delta(*owner.function, owner.pc - 1);
  if (!delta) return;
  out.arguments = *delta + (p_.amd64() ? 8 : 0) + arguments_above(p_.amd64());
  out.reach = static_cast<uint64_t>(out.arguments + std::max(0, owner.function->f.args));
  add_results(out, owner);
  add_variables(out, owner);
}

void Effects::add_results(Owner& out, const FrameId& owner) {
  const Function& f = *owner.function;
  const ResultPlaces places = result_places(p_, f);
  const Signature& s = p_.signature(f);
  const bool agree = !p_.register_abi() || (s.integers == places.integers.size() && s.floats == places.floats.size());
  if (!places.read || !s.whole || !agree) return add_unnamed_results(out, f, places);
  out.results_known = true;
  for (const Parameter& x : s.all)
    if (x.result && x.shape->size && !add_declared_result(out, x, places)) out.results_known = false;
}

// The parts of one value lie together: the first says where.
bool Effects::add_declared_result(Owner& out, const Parameter& x, const ResultPlaces& places) {
  Source from;
  if (x.place.parts.empty()) {
    const int64_t at = out.arguments + static_cast<int64_t>(x.place.stack);
    const auto copied = places.stack.find(at);
    from = copied == places.stack.end() ? Source{Source::frame, 8, at, 0} : copied->second;
  } else {
    const AbiPart& first = x.place.parts.front();
    from = (first.floating ? places.floats : places.integers)[first.index];
    (from.kind == Source::behind ? from.at : from.offset) -= static_cast<int64_t>(first.offset);
  }
  for (const AbiPart& part : x.place.parts) {
    const Source& s = (part.floating ? places.floats : places.integers)[part.index];
    const bool behind = s.kind == Source::behind;
    const int64_t at = (behind ? s.at : s.offset) - static_cast<int64_t>(part.offset);
    if (s.kind != from.kind || at != (behind ? from.at : from.offset)) return false;
  }
  Watched w = watched(EffectKind::result, from, x.shape->size, x.shape);
  w.name = x.name;
  out.watched.push_back(w);
  return true;
}

// Without DWARF: words, named by where they are returned.
void Effects::add_unnamed_results(Owner& out, const Function& f, const ResultPlaces& places) {
  const bool amd64 = p_.amd64();
  const auto add = [&](const Source& from, std::string_view name) {
    Watched w = watched(EffectKind::result, from, from.width, nullptr);
    w.name = name;
    out.watched.push_back(w);
  };
  const auto of_stack = [&](int64_t at) { return keep(fmt::format("FP+{}", at - out.arguments)); };
  for (size_t i = 0; i < places.integers.size(); ++i)
    add(places.integers[i], abi_register_name(amd64, false, static_cast<unsigned>(i)));
  for (size_t i = 0; i < places.floats.size(); ++i)
    add(places.floats[i], abi_register_name(amd64, true, static_cast<unsigned>(i)));
  for (const auto& [at, from] : places.stack)
    if (at >= out.arguments && at < static_cast<int64_t>(out.reach)) add(from, of_stack(at));
  const std::map<int64_t, uint8_t> zeroed = zeroed_results(p_, f);
  for (const auto& [at, size] : zeroed)
    if (!places.stack.count(at)) add({Source::frame, size, at, 0}, of_stack(at));
  const bool any_on_stack = f.f.args > 0 && zeroed.empty() && !p_.register_abi();
  out.results_known = places.read && !any_on_stack;
}

// Locals and parameters, and results that the code did not tell.
void Effects::add_variables(Owner& out, const FrameId& owner) {
  loader::Dwarf* dwarf = p_.dwarf();
  if (!dwarf) return;
  const uint64_t pc = owner.pc - 1;
  try {
    const auto info = dwarf->function_at(pc);
    const auto delta = p_.sp_delta(*owner.function, pc);
    if (!info || !delta) return;
    const int64_t cfa = *delta + (p_.amd64() ? 8 : 0);  // from SP
    loader::FrameAccess frame;
    frame.cfa = uint64_t{1} << 40;  // any value: the offset is what counts
    frame.reg = [](unsigned) { return std::nullopt; };
    frame.read = [](uint64_t, std::span<uint8_t>) { return false; };
    for (const loader::Variable& v : info->variables) {
      if (out.watched.size() >= kMaxVariables || !v.inlined_from.empty() || !v.visible_at(pc) || v.name.empty() ||
          v.name[0] == '.')
        continue;
      const loader::Location at = located(p_, *dwarf, *owner.function, v, owner.pc, true, frame);
      if (at.pieces.empty() || at.pieces[0].kind != loader::Piece::Kind::memory || at.pieces.size() > 2) continue;
      const bool indirect = v.name[0] == '&';
      const std::string_view type = indirect ? target_type(v.type) : std::string_view(v.type);
      Watched w;
      w.kind = v.role == loader::VariableRole::result ? EffectKind::result : EffectKind::variable;
      w.indirect = indirect;
      w.offset = static_cast<int64_t>(at.pieces[0].value - frame.cfa) + cfa;
      w.shape = &p_.shape(type);
      w.size = w.shape->size;
      const auto same = [&](const Watched& x) {
        return x.name == v.name.substr(indirect) && x.kind == EffectKind::result;
      };
      const auto there = [&](const Watched& x) {
        return overlaps(x, w) || (x.indirect && w.indirect && x.offset == w.offset);
      };
      if (w.size == 0 || w.size > kMaxSize || std::any_of(out.watched.begin(), out.watched.end(), there)) continue;
      if (w.kind == EffectKind::result && std::any_of(out.watched.begin(), out.watched.end(), same)) continue;
      w.name = keep(v.name.substr(indirect));
      out.watched.push_back(w);
    }
  } catch (const loader::Error&) {  // this function's DWARF is damaged: no effects on its variables
  }
}

// --- what the deferred function captured ---

void Effects::add_pointed(EffectProbe& probe, const Guest& g, const FrameId& owner, const Owner& known, Watched w,
                          uint64_t value, std::string_view name, const Shape* type) const {
  if (value < kNoPointer) return;
  const uint64_t hi = owner.sp + owner.depth;
  const bool variable = name.starts_with('&');
  const bool on_stack = value >= g.sp() && value < hi;
  const bool in_frame = on_stack && value >= owner.sp && value - owner.sp < known.reach;
  // A pointer that is captured as such leads to nobody's variable; without names it cannot be told from one.
  if (!on_stack && !variable && (!name.empty() || p_.dwarf())) return;
  w.base = in_frame ? Watched::Base::frame : on_stack ? Watched::Base::stack : Watched::Base::memory;
  w.offset = static_cast<int64_t>(in_frame ? value - owner.sp : on_stack ? hi - value : value);
  w.kind = variable || in_frame ? EffectKind::variable : EffectKind::captured;
  if (type && type->kind == ShapeKind::pointer) w.shape = &p_.shape(type->element);
  w.size = w.shape && w.shape->size ? std::min(w.shape->size, kMaxSize) : kWord;
  if (w.shape && w.size < w.shape->size) w.shape = nullptr;
  if (variable) w.name = name.substr(1);
  for (const Watched& x : known.watched)
    if (x.indirect ? address_of(g, x, owner.sp, hi) == value : in_frame && overlaps(x, w)) return;
  for (size_t i = 0; i < probe.pointed_count; ++i)
    if (probe.pointed[i].base == w.base && probe.pointed[i].offset == w.offset) return;
  if (probe.pointed_count < probe.pointed.size())
    probe.pointed[probe.pointed_count++] = w;
  else
    probe.known = false;
}

EffectProbe Effects::before(const Guest& g, const FrameId& owner, const Deferred& d,
                            std::span<const uint8_t> arguments) {
  EffectProbe probe;
  if (!owner.function || !owner.pc || !owner.sp) return probe;
  const auto [kept, fresh] = by_pc_.at(owner.pc);
  if (fresh) try {
      find(*kept, owner);
    } catch (const loader::Error&) {  // the function's tables are damaged
      *kept = {};
    }
  probe.owned = &kept->watched;
  probe.known = kept->results_known && d.captured_complete && d.function;
  for (const Deferred::Captured& c : d.captured) {
    Watched w;
    w.word = c.offset;
    if (c.size == kWord && !c.address) add_pointed(probe, g, owner, *kept, w, c.value, c.name, c.type);
  }
  for (size_t at = 0; at + kWord <= arguments.size(); at += kWord) {
    Watched w;
    w.word = static_cast<uint32_t>(at), w.argument = true;
    uint64_t value = 0;
    std::memcpy(&value, arguments.data() + at, kWord);
    std::string_view name;
    const Shape* type = nullptr;
    if (d.function && p_.signature(*d.function).whole)
      for (const Parameter& x : p_.signature(*d.function).all)
        if (!x.result && x.place.stack == at) name = x.name, type = x.shape;
    add_pointed(probe, g, owner, *kept, w, value, name, type);
  }
  const uint64_t hi = owner.sp + owner.depth;
  for (const Watched& w : *probe.owned) read(g, w, owner.sp, hi, probe.before);
  for (size_t i = 0; i < probe.pointed_count; ++i) read(g, probe.pointed[i], owner.sp, hi, probe.before);
  return probe;
}

// --- comparing ---

namespace {

std::string name_of(const Watched& w) {
  if (!w.name.empty()) return std::string(w.name);
  std::string out = w.base == Watched::Base::frame ? "SP+" : w.argument ? "argument +" : "captured +";
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits,
                                   w.base == Watched::Base::frame ? static_cast<uint64_t>(w.offset) : w.word)
                         .ptr);
  return out;
}

}  // namespace

void Effects::after(const Guest& g, const EffectProbe& probe, const FrameId& owner, DeferEnd& end) const {
  end.effects.known = end.unchanged_results.known = false;
  if (!probe.owned) return;
  const uint64_t sp = owner.sp, hi = owner.sp + owner.depth;
  const StackPlaces places(g, g.sp(), hi, owner);
  end.effects_complete = probe.known;
  std::vector<uint8_t> now;
  size_t at = 0;
  const auto text = [&](const Watched& w, const uint8_t* bytes) {
    const std::span<const uint8_t> value(bytes, w.size);
    uint64_t word = 0;
    std::memcpy(&word, bytes, std::min<size_t>(w.size, kWord));
    return w.shape ? shown(g, *w.shape, value, &places) : shown_word(g, word, &places);
  };
  const auto compare = [&](const Watched& w) {
    now.clear();
    read(g, w, sp, hi, now);
    const uint8_t* before = probe.before.data() + at;
    at += 1 + w.size;
    if (!before[0] || !now[0]) {
      end.effects_complete = end.effects_complete && w.kind != EffectKind::result;
      return;
    }
    const bool same = std::memcmp(before, now.data(), now.size()) == 0, result = w.kind == EffectKind::result;
    if (same && !result) return;
    std::string type = w.shape ? w.shape->name : std::string();
    if (same)
      end.unchanged_results.push_back({name_of(w), std::move(type), text(w, now.data() + 1)});
    else
      end.effects.push_back({w.kind, name_of(w), std::move(type), text(w, before + 1), text(w, now.data() + 1)});
  };
  for (const Watched& w : *probe.owned) compare(w);
  for (size_t i = 0; i < probe.pointed_count; ++i) compare(probe.pointed[i]);
  end.effects.known = end.unchanged_results.known = end.effects_complete || !end.effects.empty();
}

}  // namespace deferscope::model
