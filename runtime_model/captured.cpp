// Names of the variables that a closure captured. Go 1.23+ says in DWARF where each lies in the closure; before, the
// code at the closure's entry says it: a word that is loaded through the context register goes to the register or the
// frame slot that DWARF gives for a variable.
#include <fmt/format.h>

#include "runtime_model/located.h"
#include "runtime_model/program.h"
#include "runtime_model/sources.h"

namespace deferscope::model {
namespace {

constexpr int kFollowed = 40;                 // instructions behind the load
constexpr uint64_t kCfa = uint64_t{1} << 40;  // any value: only offsets from it count

// DWARF's numbers of the general registers (System V ABI, figure 3.36; AADWARF64 §4.1: the same as ours).
constexpr isa::Reg kAmd64Registers[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx,
                                        isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};

isa::Reg register_of(uint64_t dwarf, bool amd64) {
  return static_cast<isa::Reg>(amd64 && dwarf < std::size(kAmd64Registers) ? kAmd64Registers[dwarf] : dwarf);
}

// Where one value stands at a pc: in a register, and in a frame slot if it was stored.
struct Held {
  uint64_t pc = 0;
  isa::Reg reg = isa::kZero;
  std::optional<uint64_t> slot;  // address, with kCfa as the frame's CFA
};

class Namer {
 public:
  Namer(const Program& p, const Function& f, loader::Dwarf& dwarf) : p_(p), f_(f), dwarf_(dwarf) {
    if (auto info = dwarf.function_at(f.f.entry)) variables_ = std::move(info->variables);
    std::erase_if(variables_, [](const loader::Variable& v) {
      return !v.inlined_from.empty() || v.role != loader::VariableRole::local;
    });
    access_.cfa = kCfa;
    access_.reg = [](unsigned) { return std::nullopt; };
    access_.read = [](uint64_t, std::span<uint8_t>) { return false; };
  }

  void name(ContextWords::Word& w) {
    if (variables_.empty() || by_offset(w) || w.address || w.into >= isa::kT0) return;
    Held held{w.next, w.into, {}};
    bool found = false;
    int budget = kFollowed;
    each_instruction(p_.image(), w.next, f_.f.end, [&](const Insn& i) {
      held.pc = i.pc;
      found = at(held, w);
      if (found || as_call(i) || is_return(i) || --budget == 0) return false;
      for (const FrameStore& s : frame_stores(i, w.size))
        if (!s.constant && s.from == held.reg) held.slot = slot_address(i.pc, s);
      for (unsigned n = 0; n < i.in->count; ++n)
        if (i.in->uops[n].dst == held.reg || i.in->uops[n].dst2 == held.reg) held.reg = isa::kZero;
      return held.reg != isa::kZero || held.slot.has_value();
    });
  }

 private:
  // The word is the variable's part at that offset.
  bool is(ContextWords::Word& w, const loader::Variable& v, uint64_t part) const {
    w.name = part ? fmt::format("{}+{}", v.name, part) : v.name;
    if (!part) w.type = &p_.shape(v.type);
    return true;
  }

  bool by_offset(ContextWords::Word& w) const {
    for (const loader::Variable& v : variables_)
      if (v.closure_offset && w.offset >= *v.closure_offset &&
          w.offset < *v.closure_offset + std::max<uint64_t>(8, v.size))
        return is(w, v, w.offset - *v.closure_offset);
    return false;
  }

  std::optional<uint64_t> slot_address(uint64_t pc, const FrameStore& s) const {
    const auto delta = p_.go().funcs.sp_delta(f_.f, pc);
    if (!delta) return std::nullopt;
    return kCfa - static_cast<uint64_t>(*delta + (p_.amd64() ? 8 : 0)) + static_cast<uint64_t>(s.offset);
  }

  bool at(const Held& held, ContextWords::Word& w) const {
    for (const loader::Variable& v : variables_) {
      const loader::Location where = located(p_, dwarf_, f_, v, held.pc, false, access_);
      for (const loader::Piece& piece : where.pieces)
        if (const auto part = part_of(v, piece, held)) return is(w, v, *part);
    }
    return false;
  }

  // Which byte of the variable the value is, if it is part of it at all.
  std::optional<uint64_t> part_of(const loader::Variable& v, const loader::Piece& piece, const Held& held) const {
    using Kind = loader::Piece::Kind;
    if (piece.kind == Kind::reg && held.reg != isa::kZero && register_of(piece.value, p_.amd64()) == held.reg)
      return piece.offset;
    const uint64_t size = piece.size ? piece.size : v.size;
    if (piece.kind == Kind::memory && held.slot && *held.slot >= piece.value && *held.slot - piece.value < size)
      return piece.offset + (*held.slot - piece.value);
    return std::nullopt;
  }

  const Program& p_;
  const Function& f_;
  loader::Dwarf& dwarf_;
  std::vector<loader::Variable> variables_;
  loader::FrameAccess access_;
};

// Whether the closure holds the whole argument as it lies in memory: its parts in the registers come from there.
bool adjacent(const Parameter& x, const Sources& sources, const Source& first, bool amd64) {
  for (const AbiPart& part : x.place.parts) {
    const Source s = part.floating ? sources.of_vector(part.index) : sources.of(abi_register(amd64, part.index));
    if (s.kind != Source::captured || s.offset != first.offset + static_cast<int64_t>(part.offset)) return false;
  }
  return true;
}

// `defer f(x)` from 1.17 on: the wrapper's words are f's arguments; which, says the code: what it captured stands in
// the argument registers at the call of f.
void name_passed(const Program& p, const Function& f, ContextWords& words) {
  const Wrapped& w = p.wrapped(f);
  if (w.function.empty()) return;
  Sources sources(p.amd64(), context_register(p.isa()));
  each_instruction(p.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    sources.see(i);
    const auto c = as_call(i);
    if (!c) return true;
    const Function* target = c->target ? p.function_at(c->target) : nullptr;
    if (!target || target->name() != w.function) return sources.called(), true;
    for (const Parameter& x : p.signature(*target).all)
      for (const AbiPart& part : x.place.parts) {
        const Source s =
            part.floating ? sources.of_vector(part.index) : sources.of(abi_register(p.amd64(), part.index));
        if (x.result || s.kind != Source::captured) continue;
        for (ContextWords::Word& word : words.words) {
          if (word.offset != s.offset || !word.name.empty()) continue;
          word.name = part.offset ? fmt::format("{}+{}", x.name, part.offset) : x.name;
          if (!part.offset && adjacent(x, sources, s, p.amd64())) word.type = x.shape;
        }
      }
    return false;
  });
}

}  // namespace

void Program::name_words(const Function& f, ContextWords& words) const {
  loader::Dwarf* dwarf = words.words.empty() ? nullptr : this->dwarf();
  if (!dwarf) return;
  try {
    Namer namer(*this, f, *dwarf);
    for (ContextWords::Word& w : words.words) namer.name(w);
    if (f.wrapper) name_passed(*this, f, words);
  } catch (const loader::Error&) {  // this function's DWARF is damaged: no names
  }
}

}  // namespace deferscope::model
