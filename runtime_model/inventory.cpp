// Which functions defer, how, and where they leave: found by reading their calls and stores.
#include "runtime_model/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>

namespace deferscope::model {
namespace {

struct Registrar {
  std::string_view function;
  Storage storage;
};
constexpr Registrar kRegistrars[] = {{"runtime.deferproc", Storage::heap},
                                     {"runtime.deferprocStack", Storage::stack},
                                     {"runtime.deferprocat", Storage::rangefunc},
                                     {"runtime.deferrangefunc", Storage::rangefunc}};

using Targets = std::map<uint64_t, const Registrar*>;  // nullptr: deferreturn

Targets targets_of(const Program& p) {
  Targets out;
  for (const Registrar& r : kRegistrars)
    for (const loader::Func& f : p.go().funcs.find(r.function)) out[f.entry] = &r;
  for (const loader::Func& f : p.go().funcs.find("runtime.deferreturn")) out[f.entry] = nullptr;
  return out;
}

// The funcval that the code put at hand last before a registration: a read-only word that points at a function.
std::string funcval_target(const Program& p, uint64_t address) {
  const loader::Segment* s = p.image().memory().segment_at(address);
  if (!s || address % 8) return {};
  const auto entry = p.image().read_u64(address);
  const Function* f = entry ? p.function_at(*entry) : nullptr;
  return f && f->f.entry == *entry ? std::string(f->name()) : std::string{};
}

// Remembers the last funcval address that an instruction computed.
struct Funcvals {
  const Program& p;
  std::string last;
  void see(const Insn& i) {
    for (unsigned n = 0; n < i.in->count; ++n) {
      const isa::Uop& u = i.in->uops[n];
      uint64_t a = 0;
      if (u.op == isa::Op::Lea && u.mem.base == isa::kZero && u.mem.index == isa::kZero)
        a = static_cast<uint64_t>(u.mem.disp);
      else if (u.op == isa::Op::Mov && u.b_imm && !is_page(u))
        a = static_cast<uint64_t>(u.imm);
      else if (u.op == isa::Op::Mov && u.dst == u.b && u.b < isa::kRegs && i.known->constant[u.b])  // ADD $0
        a = *i.known->constant[u.b];
      else if (u.op == isa::Op::Add && u.b_imm && u.a < isa::kRegs && i.known->constant[u.a])
        a = *i.known->constant[u.a] + static_cast<uint64_t>(u.imm);
      if (!a) continue;
      std::string name = funcval_target(p, a);
      if (name.empty() && (u.op != isa::Op::Mov || !u.b_imm)) name = code_target(a);
      if (!name.empty()) last = std::move(name);
    }
  }
  // ADRP: half an address, whose other half an ADD brings. What lies at the page's start says nothing.
  bool is_page(const isa::Uop& u) const { return !p.amd64() && u.imm % 4096 == 0; }
  // A closure built in the frame stores the function's entry itself.
  std::string code_target(uint64_t a) const {
    const Function* f = p.function_at(a);
    return f && f->f.entry == a ? std::string(f->name()) : std::string{};
  }
};

std::string wraps(const Program& p, const std::string& function) {
  const Function* f = function.empty() ? nullptr : p.function_named(function);
  return f ? p.stands_for(*f) : std::string{};
}

struct BackwardJump {
  uint64_t from, to;
};

std::optional<BackwardJump> as_backward_jump(const Insn& i, const Function& f) {
  const isa::Uop* u = i.in->count ? &i.in->uops[i.in->count - 1] : nullptr;
  if (!u || (u->op != isa::Op::Jump && u->op != isa::Op::JumpCond) || u->hint != isa::Hint::None) return std::nullopt;
  const auto to = static_cast<uint64_t>(u->imm);
  return to <= i.pc && to > f.f.entry ? std::optional<BackwardJump>({i.pc, to}) : std::nullopt;
}

bool in_loop(const std::vector<BackwardJump>& jumps, uint64_t pc) {
  return std::any_of(jumps.begin(), jumps.end(), [pc](const BackwardJump& j) { return j.from >= pc && j.to <= pc; });
}

std::string reason_for(const Program& p, const FunctionDefers& d, const std::vector<BackwardJump>& jumps) {
  if (p.mech().open == OpenEncoding::none || d.open || d.sites.empty()) return {};
  const auto is = [&](Storage s) { return [s](const DeferSite& x) { return x.storage == s; }; };
  if (std::any_of(d.sites.begin(), d.sites.end(), is(Storage::rangefunc))) return "a defer in a range-over-func body";
  if (std::any_of(d.sites.begin(), d.sites.end(), is(Storage::heap))) {
    for (const DeferSite& s : d.sites)
      if (s.storage == Storage::heap && in_loop(jumps, s.pc)) return "a defer in a loop";
    return {};
  }
  const size_t exits = d.exits.size();
  if (d.sites.size() > 8) return fmt::format("{} defers, at most 8 fit into deferBits", d.sites.size());
  if (d.sites.size() * exits > 15 && exits > 1)
    return fmt::format("{} defers × {} returns or more: the compiler's limit is 15", d.sites.size(), exits);
  return {};
}

// The bits that each store registers: what a constant sets anew, and what code ORs into a computed value less what
// other stores set (the compiler folds `x|8|16` though 8 was set before). Two bits at once: it dropped the store in
// between.
std::map<uint64_t, uint8_t> registered_bits(const OpenCoded& o, uint8_t seen) {
  std::map<uint64_t, uint8_t> out;
  uint8_t single = seen;
  for (const BitStore& b : o.stores) {
    if (b.initial || b.starts >= 0) continue;
    const auto bits = static_cast<uint8_t>(b.store.constant ? b.store.value & ~uint64_t{seen} : b.sets);
    if (b.store.constant) seen |= static_cast<uint8_t>(b.store.value);
    if (bits) out[b.pc] = bits;
    if (b.store.constant || std::has_single_bit(bits)) single |= bits;
  }
  for (const BitStore& b : o.stores) {
    const auto it = out.find(b.pc);
    if (it == out.end() || b.store.constant || std::has_single_bit(it->second)) continue;
    const auto rest = static_cast<uint8_t>(it->second & ~single);
    it->second = rest ? rest : std::bit_floor(it->second);
  }
  return out;
}

void add_bit_sites(const Program& p, FunctionDefers& d, std::map<uint64_t, std::string>& funcval_before) {
  const auto add_slot = [&](const SlotStore& x) {
    const std::string& f = funcval_before[x.pc];
    d.sites.push_back(
        {x.at, Storage::open_coded, fmt::format("slot {} (no deferBits)", x.slot), f, wraps(p, f), x.slot});
  };
  uint8_t covered = 0;
  for (const SlotStore& x : d.open->dropped) {
    covered |= static_cast<uint8_t>(1 << x.slot);
    add_slot(x);
  }
  const std::map<uint64_t, uint8_t> fresh = registered_bits(*d.open, covered);
  for (const auto& [pc, bits] : fresh) covered |= bits;
  for (const BitStore& b : d.open->stores) {
    if (b.initial || b.starts >= 0) continue;
    const auto bits = fresh.find(b.pc);
    for (int slot = 0; bits != fresh.end() && slot < 8; ++slot) {
      if (!(bits->second >> slot & 1)) continue;
      const std::string f = std::has_single_bit(bits->second) ? funcval_before[b.pc] : std::string();
      const uint64_t stated = std::has_single_bit(bits->second) ? 0 : b.stated[static_cast<size_t>(slot)];
      d.sites.push_back(
          {b.pc, Storage::open_coded, fmt::format("deferBits |= 1<<{}", slot), f, wraps(p, f), slot, stated});
    }
    for (const SlotStore& x : b.pending) {
      if ((covered | b.sets) >> x.slot & 1) continue;
      covered |= static_cast<uint8_t>(1 << x.slot);
      add_slot(x);
    }
    if (!b.store.constant && bits == fresh.end() && !b.call.pc)  // only running tells which bit
      d.sites.push_back({b.pc, Storage::open_coded, "deferBits (computed)", {}, {}, -1});
  }
}

bool at_site(const OpenCoded& o, uint64_t pc) {
  const auto here = [pc](const auto& x) { return x.pc == pc; };
  const auto pending = [&](const BitStore& b) { return std::any_of(b.pending.begin(), b.pending.end(), here); };
  return std::any_of(o.stores.begin(), o.stores.end(), here) || std::any_of(o.dropped.begin(), o.dropped.end(), here) ||
         std::any_of(o.stores.begin(), o.stores.end(), pending);
}

FunctionDefers read(const Program& p, const Function& f, const Targets& targets) {
  FunctionDefers d;
  d.function = &f;
  d.deferreturn_offset = f.f.deferreturn;
  d.open = p.open_coded(f);
  std::map<uint64_t, std::string> funcval_before;
  Funcvals funcvals{p, {}};
  std::vector<BackwardJump> jumps;
  each_instruction(p.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    if (const auto j = as_backward_jump(i, f)) jumps.push_back(*j);
    if (d.open && at_site(*d.open, i.pc)) funcval_before[i.pc] = std::exchange(funcvals.last, {});
    funcvals.see(i);
    if (is_return(i)) d.exits.push_back(i.pc);
    const auto c = as_call(i);
    const auto t = c && c->target ? targets.find(c->target) : targets.end();
    if (t == targets.end()) return true;
    if (!t->second) {
      d.deferreturns.push_back(i.pc);
      return true;
    }
    const bool opens_list = t->second->function == "runtime.deferrangefunc";
    const std::string fn = opens_list ? std::string{} : std::exchange(funcvals.last, {});
    d.sites.push_back({i.pc, t->second->storage, std::string(t->second->function), fn, wraps(p, fn), -1});
    return true;
  });
  if (d.open) add_bit_sites(p, d, funcval_before);
  std::sort(d.sites.begin(), d.sites.end(), [](const DeferSite& a, const DeferSite& b) { return a.pc < b.pc; });
  d.reason = reason_for(p, d, jumps);
  return d;
}

// A function that only calls deferprocat (the body of a range-over-func) has no deferreturn and no mark in pclntab.
bool may_defer(const Program& p, const loader::Func& f) {
  if (f.deferreturn) return true;
  return p.mech().on_return == ReturnMechanism::machine && f.name.find("-range") != std::string_view::npos;
}

}  // namespace

const char* to_string(Storage s) {
  switch (s) {
    case Storage::heap: return "heap";
    case Storage::stack: return "stack";
    case Storage::open_coded: return "open-coded";
    case Storage::rangefunc: return "rangefunc";
  }
  return "?";
}

std::vector<FunctionDefers> inventory(const Program& p, std::string_view only) {
  std::vector<FunctionDefers> out;
  const Targets targets = targets_of(p);
  std::set<const Function*> seen;  // entries that are not apart, in a damaged table, are all the same function
  for (size_t i = 0; i < p.go().funcs.size(); ++i) {
    const loader::Func f = p.go().funcs.func(i);
    if (!may_defer(p, f) || (!only.empty() && readable(f.name).find(only) == std::string::npos)) continue;
    const Function* known = p.function_at(f.entry);
    if (!known || !seen.insert(known).second) continue;
    FunctionDefers d = read(p, *known, targets);
    if (!d.sites.empty() || !d.deferreturns.empty()) out.push_back(std::move(d));
  }
  return out;
}

}  // namespace deferscope::model
