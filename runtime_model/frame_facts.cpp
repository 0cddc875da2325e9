#include "runtime_model/frame_facts.h"

#include <algorithm>
#include <map>
#include <set>

#include "isa/op_traits.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kPrologue = 160;              // bytes
constexpr uint64_t kMaxCode = 1 << 20;           // bytes of a function that are looked at
constexpr size_t kMaxCalls = 64;                 // behind which variables are looked for
constexpr uint64_t kSomeSp = uint64_t{1} << 40;  // places are told by distances: any caller's SP will do
constexpr uint64_t kWord = 8;

constexpr const char* kX86Names[] = {"AX", "CX", "DX",  "BX",  "SP",  "BP",  "SI",  "DI",
                                     "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"};

bool too_long(const Function& f) { return f.f.end - f.f.entry > kMaxCode; }

// What the code does with the words of a frame, by distance from the caller's SP.
class FrameUse {
 public:
  FrameUse(const Program& p, const Function& f) : p_(p), f_(f), sp_(p.amd64() ? isa::kRsp : isa::kSp) {}

  void see(const Insn& i) {
    const auto delta = p_.sp_delta(f_, i.pc);
    if (i.joined) zero_.fill(false);
    for (unsigned n = 0; delta && n < i.in->count; ++n) see(i, i.in->uops[n], *delta + (p_.amd64() ? 8 : 0));
  }

  std::vector<FrameFacts::Spill> spills() const {
    std::vector<FrameFacts::Spill> out;
    for (const auto& [at, word] : words_)
      if (word.stored.size() == 1 && !word.other && word.loaded && at < 0) out.push_back({at, *word.stored.begin()});
    return out;
  }

 private:
  struct Word {
    std::set<std::string> stored;
    bool loaded = false, other = false;
  };

  // nullptr: not in the frame, or one cannot tell.
  std::optional<int64_t> place(const Insn& i, const isa::Mem& m, int64_t delta) const {
    if (m.index != isa::kZero || m.seg != isa::kZero) return std::nullopt;
    if (m.base == sp_) return m.disp - delta;
    if (m.base < isa::kRegs)
      if (const auto from_sp = i.known->from_sp[m.base]) return *from_sp + m.disp - delta;
    return std::nullopt;
  }

  template <class Do>
  void each_word(int64_t at, unsigned size, Do act) {
    for (int64_t w = at & ~int64_t{7}; w < at + static_cast<int64_t>(size); w += 8) act(words_[w]);
  }

  void store(const Insn& i, int64_t at, unsigned size, isa::Reg r) {
    const bool plain = size == 8 && r < isa::kZero && r != sp_ && !i.known->constant[r] && !i.known->from_sp[r];
    each_word(at, size,
              [&](Word& w) { plain ? void(w.stored.insert(register_name(r, p_.amd64()))) : void(w.other = true); });
  }
  void store_vector(int64_t at, unsigned size, isa::VReg v) {
    const bool zero = v >= zero_.size() || zero_[v] || (p_.amd64() && p_.register_abi() && v == 15);
    each_word(at, size, [&](Word& w) {
      if (zero || size < 8) return void(w.other = true);
      w.stored.insert((p_.amd64() ? "X" : "V") + std::to_string(v));
    });
  }
  void load(int64_t at, unsigned size) {
    each_word(at, size, [&](Word& w) { w.loaded = true; });
  }

  void see(const Insn& i, const isa::Uop& u, int64_t delta) {
    using isa::Op;
    const auto at = isa::traits(u.op).touch == isa::Touch::None ? std::nullopt : place(i, u.mem, delta);
    const unsigned w = u.width;
    switch (u.op) {
      case Op::Store: return at ? store(i, *at, w, u.b_imm ? isa::kZero : u.b) : void();
      case Op::StorePair: return at ? (store(i, *at, w, u.a), store(i, *at + w, w, u.b)) : void();
      case Op::StoreV: return at ? store_vector(*at, w, static_cast<isa::VReg>(u.a)) : void();
      case Op::StoreVPair:
        return at ? (store_vector(*at, w, static_cast<isa::VReg>(u.a)),
                     store_vector(*at + w, w, static_cast<isa::VReg>(u.b)))
                  : void();
      case Op::Load: return at ? load(*at, w) : void();
      case Op::LoadPair: return at ? load(*at, 2 * w) : void();
      case Op::LoadV:
      case Op::LoadVPair:
        if (at) load(*at, u.op == Op::LoadV ? w : 2 * w);
        zero_.fill(false);
        return;
      case Op::VecOp:
        zero_.fill(false);
        if (u.a == u.b && u.a == u.dst && u.dst < zero_.size() && u.helper) {
          const std::string_view name = u.helper->name;
          zero_[u.dst] = name.find("xor") != name.npos || name.find("eor") != name.npos;
        }
        return;
      default:
        if (at) each_word(*at, w, [](Word& x) { x.other = true; });
    }
  }

  const Program& p_;
  const Function& f_;
  isa::Reg sp_;
  std::array<bool, 32> zero_{};  // vectors
  std::map<int64_t, Word> words_;
};

}  // namespace

std::string register_name(isa::Reg r, bool amd64) {
  if (amd64) return r < std::size(kX86Names) ? kX86Names[r] : "?";
  return r == isa::kX30 ? "LR" : "R" + std::to_string(r);
}

const std::vector<FrameFacts::Spill>& FrameFacts::spills(const Function& f) {
  auto& known = of(f).spills;
  if (!known) known = find_spills(f);
  return *known;
}

std::vector<FrameFacts::Spill> FrameFacts::find_spills(const Function& f) const {
  if (too_long(f)) return {};
  FrameUse use(p_, f);
  each_instruction(p_.image(), f.f.entry, f.f.end, [&](const Insn& i) { return use.see(i), true; });
  return use.spills();
}

uint64_t FrameFacts::saves_frame_pointer(const Function& f) {
  auto& known = of(f).saves_frame_pointer;
  if (!known) known = find_frame_pointer(f);
  return *known;
}

const std::vector<int64_t>& FrameFacts::stack_records(const Function& f) {
  auto& known = of(f).stack_records;
  if (!known) known = find_stack_records(f);
  return *known;
}

uint64_t FrameFacts::space_for_calls(const Function& f) {
  auto& known = of(f).space_for_calls;
  if (!known) known = find_space(f);
  return *known;
}

const loader::FunctionInfo* FrameFacts::variables(const Function& f) {
  Facts& facts = of(f);
  if (!facts.has_variables) {
    if (loader::Dwarf* dwarf = p_.dwarf()) facts.variables = dwarf->function_at(f.f.entry);
    facts.has_variables = true;
  }
  return facts.variables ? &*facts.variables : nullptr;
}

const std::vector<FrameFacts::Place>& FrameFacts::places(const Function& f) {
  auto& known = of(f).places;
  if (!known) known = find_places(f);
  return *known;
}

uint64_t FrameFacts::find_frame_pointer(const Function& f) const {
  const bool amd64 = p_.amd64();
  const isa::Reg fp = amd64 ? isa::kRbp : isa::Reg{29};
  int32_t whole = 0;
  for (const auto& [end, delta] : p_.go().funcs.sp_runs(f.f)) whole = std::max(whole, delta);
  const int64_t wanted = amd64 ? -16 : -int64_t{whole} - 8;  // from the caller's SP
  uint64_t found = 0;
  each_instruction(p_.image(), f.f.entry, std::min(f.f.end, f.f.entry + kPrologue), [&](const Insn& i) {
    const auto delta = p_.sp_delta(f, i.pc);
    for (const FrameStore& s : frame_stores(i, kWord))
      if (!s.constant && s.from == fp && delta && s.offset - *delta - (amd64 ? 8 : 0) == wanted) found = i.next();
    return !found;
  });
  return found;
}

std::vector<int64_t> FrameFacts::find_stack_records(const Function& f) const {
  std::vector<int64_t> out;
  const ArgPlace place = p_.place(Arg::deferprocStack_d);
  const Function* callee = p_.function_named("runtime.deferprocStack");
  if (!place || !callee || !f.f.deferreturn || too_long(f)) return out;
  std::optional<int64_t> stored;
  const int64_t argument = place.offset - (p_.amd64() ? 8 : 0);  // from SP before the CALL
  each_instruction(p_.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    for (const FrameStore& s : frame_stores(i, kWord))
      if (place.kind == ArgPlace::stack && s.offset == argument)
        stored = s.constant || s.from >= isa::kRegs ? std::nullopt : i.known->from_sp[s.from];
    const auto call = as_call(i);
    if (!call) return true;
    const auto at = place.kind == ArgPlace::reg ? i.known->from_sp[place.number] : stored;
    if (call->target == callee->f.entry && at && std::find(out.begin(), out.end(), *at) == out.end())
      out.push_back(*at);
    stored.reset();
    return true;
  });
  return out;
}

uint64_t FrameFacts::find_space(const Function& f) const {
  uint64_t most = 0;
  if (too_long(f)) return most;
  for (const Call& c : p_.calls_in(f)) {
    const Function* to = c.target ? p_.function_at(c.target) : nullptr;
    if (to && to->f.entry == c.target) most = std::max(most, static_cast<uint64_t>(std::max(0, to->f.args)));
  }
  return most;
}

std::vector<FrameFacts::Place> FrameFacts::find_places(const Function& f) {
  std::vector<Place> out;
  const loader::FunctionInfo* info = too_long(f) ? nullptr : variables(f);
  if (!info) return out;
  loader::FrameAccess access;
  access.cfa = kSomeSp;
  access.reg = [](unsigned) { return std::nullopt; };
  access.read = [](uint64_t, std::span<uint8_t>) { return false; };
  std::set<std::pair<const loader::Variable*, int64_t>> seen;
  std::vector<Call> calls = p_.calls_in(f);
  if (calls.size() > kMaxCalls) calls.resize(kMaxCalls);
  for (const Call& c : calls)
    for (const loader::Variable& v : info->variables) {
      if (v.name.empty() || !v.inlined_from.empty()) continue;
      const loader::Location where = p_.dwarf()->locate(v, c.next, access);
      if (where.pieces.size() != 1 || where.pieces[0].kind != loader::Piece::Kind::memory) continue;
      const auto at = static_cast<int64_t>(where.pieces[0].value - kSomeSp);
      if (seen.emplace(&v, at).second) out.push_back({&v, at});
    }
  return out;
}

}  // namespace deferscope::model
