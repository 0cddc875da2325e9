// The owner's variables, found once per pc and read at the start and end of a deferred call.
#include "runtime_model/effects.h"

#include <fmt/format.h>

#include <cstring>

namespace deferscope::model {
namespace {

constexpr size_t kMaxVariables = 32;
constexpr uint64_t kMaxSize = 16;
constexpr uint64_t kMaxText = 64;

template <class T>
T as(const std::vector<uint8_t>& b) {
  T v{};
  std::memcpy(&v, b.data(), std::min(sizeof v, b.size()));
  return v;
}

std::string text_of(const Guest& g, const std::vector<uint8_t>& b) {
  const uint64_t at = as<uint64_t>(b), n = b.size() >= 16 ? as<uint64_t>({b.begin() + 8, b.end()}) : 0;
  std::string s(std::min(n, kMaxText), '\0');
  if (n && !g.read(at, s.data(), s.size())) return "(unreadable)";
  return fmt::format("\"{}{}\"", s, n > kMaxText ? "…" : "");
}

// error and other interfaces with methods: the itab's type; interface{}: the type itself.
std::string interface_of(const Guest& g, const std::string& type, const std::vector<uint8_t>& b) {
  const uint64_t tab = as<uint64_t>(b), data = b.size() >= 16 ? as<uint64_t>({b.begin() + 8, b.end()}) : 0;
  if (!tab) return "nil";
  const bool empty = type == "interface {}" || type == "any";
  return panic_value(g, empty ? tab : g.word(tab + 8), data);
}

std::string shown(const Guest& g, const std::string& type, const std::vector<uint8_t>& b) {
  if (type == "bool") return as<uint8_t>(b) ? "true" : "false";
  if (type == "string") return text_of(g, b);
  if (type == "error" || type == "any" || type.rfind("interface {", 0) == 0) return interface_of(g, type, b);
  if (type == "float64") return fmt::format("{}", as<double>(b));
  if (type == "float32") return fmt::format("{}", as<float>(b));
  if (type.rfind("int", 0) == 0) {
    const int shift = 64 - 8 * static_cast<int>(std::min<size_t>(8, b.size()));
    return fmt::format("{}", static_cast<int64_t>(as<uint64_t>(b) << shift) >> shift);
  }
  if (type.rfind("uint", 0) == 0 && type != "uintptr") return fmt::format("{}", as<uint64_t>(b));
  if (b.size() <= 8) return fmt::format("{:#x}", as<uint64_t>(b));
  return fmt::format("{:#x} {:#x}", as<uint64_t>(b), as<uint64_t>({b.begin() + 8, b.end()}));
}

}  // namespace

Effects::Slots Effects::find(const FrameId& owner) const {
  Slots out;
  loader::Dwarf* dwarf = owner.function ? p_.dwarf() : nullptr;
  if (!dwarf) return out;
  const uint64_t pc = owner.pc - 1;
  try {
    const auto info = dwarf->function_at(pc);
    const auto delta = p_.go().funcs.sp_delta(owner.function->f, pc);
    if (!info || !delta) return out;
    const int64_t cfa = *delta + (p_.amd64() ? 8 : 0);  // from SP
    loader::FrameAccess frame;
    frame.cfa = uint64_t{1} << 40;  // any value: the offset is what counts
    frame.reg = [](unsigned) { return std::nullopt; };
    frame.read = [](uint64_t, std::span<uint8_t>) { return false; };
    for (const loader::Variable& v : info->variables) {
      const bool indirect = !v.name.empty() && v.name[0] == '&';
      const uint64_t size = v.size;
      if (out.size() >= kMaxVariables || size == 0 || size > kMaxSize || !v.inlined_from.empty() || !v.visible_at(pc))
        continue;
      const loader::Location at = dwarf->locate_in_caller(v, owner.pc, frame);
      if (at.pieces.empty() || at.pieces[0].kind != loader::Piece::Kind::memory || at.pieces.size() > 2) continue;
      Slot s;
      s.name = indirect ? v.name.substr(1) : v.name;
      s.type = indirect && !v.type.empty() && v.type[0] == '*' ? v.type.substr(1) : v.type;
      s.result = v.role == loader::VariableRole::result;
      s.indirect = indirect;
      s.offset = static_cast<int64_t>(at.pieces[0].value - frame.cfa) + cfa;
      s.size = indirect ? dwarf->type_size(s.type).value_or(0) : size;
      if (s.size && s.size <= kMaxSize) out.push_back(std::move(s));
    }
  } catch (const loader::Error&) {  // this function's DWARF is damaged: no effects
  }
  return out;
}

std::vector<uint8_t> Effects::read(const Guest& g, const Slot& s, uint64_t sp) {
  std::vector<uint8_t> out(s.size);
  uint64_t at = sp + static_cast<uint64_t>(s.offset);
  if (s.indirect) at = g.word(at);
  if (!g.read(at, out.data(), out.size())) out.clear();
  return out;
}

EffectProbe Effects::before(const Guest& guest, const FrameId& owner) {
  EffectProbe probe;
  if (!owner.function || !owner.pc) return probe;
  const auto [slots, fresh] = by_pc_.at(owner.pc);
  if (fresh) *slots = find(owner);
  if (slots->empty()) return probe;
  probe.variables = slots;
  for (const Slot& s : *slots) probe.before.push_back(read(guest, s, owner.sp));
  return probe;
}

void Effects::after(const Guest& guest, const EffectProbe& probe, uint64_t sp, std::vector<Effect>& changed,
                    std::vector<std::string>& unchanged_results) const {
  if (!probe.variables) return;
  const Slots& slots = *static_cast<const Slots*>(probe.variables);
  for (size_t i = 0; i < slots.size() && i < probe.before.size(); ++i) {
    const std::vector<uint8_t> now = read(guest, slots[i], sp);
    if (probe.before[i].empty() || now.empty()) continue;
    const bool same = now == probe.before[i];
    if (same && !slots[i].result) continue;
    const std::string is = shown(guest, slots[i].type, now);
    if (same)
      unchanged_results.push_back(fmt::format("{} = {}", slots[i].name, is));
    else
      changed.push_back(
          {slots[i].name, slots[i].type, shown(guest, slots[i].type, probe.before[i]), is, slots[i].result});
  }
}

}  // namespace deferscope::model
