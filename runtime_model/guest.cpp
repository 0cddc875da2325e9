// Goroutines: where g is, what it says, and how all of them are found.
#include "runtime_model/guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include "loader/printable.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxListed = 1 << 20;  // words of runtime.allgs that are looked at

}  // namespace

Guest::Linked Guest::linked(uint64_t owner, F head, F link, size_t limit) const {
  Linked out;
  std::unordered_set<uint64_t> seen;
  for (uint64_t at = field(owner, head); at; at = field(at, link)) {
    if (!seen.insert(at).second) return out.torn = "has a loop", out;
    if (out.records.size() >= limit) return out.torn = "is endless", out;
    if (!try_word(at)) return out.torn = "leaves memory", out;
    out.records.push_back(at);
  }
  return out;
}

uint64_t Guest::argument(Arg a) const {
  const ArgPlace at = p_.place(a);
  if (at.kind == ArgPlace::reg) return cpu().r[at.number];
  if (at.kind == ArgPlace::stack) return word(sp() + static_cast<uint64_t>(at.offset));
  return 0;
}

uint64_t Guest::g_of(const emu::Thread& t) const {
  const GPlace& at = p_.g_place();
  if (at.kind == GPlace::reg && !(at.in_c && p_.in_c(t.cpu.pc))) return t.cpu.r[28];
  if (at.kind == GPlace::reg) return word(t.cpu.r[isa::kTpidr] + static_cast<uint64_t>(*at.in_c));
  const uint64_t base = t.cpu.r[p_.image().os() == loader::Os::darwin ? isa::kGsBase : isa::kFsBase];
  return base && at.kind == GPlace::thread_local_ ? word(base + static_cast<uint64_t>(at.offset)) : 0;
}

Who Guest::who(const emu::Thread& t) const {
  Who w;
  w.tid = t.tid;
  const uint64_t g = g_of(t), m = field(g, F::g_m);
  if (!m) return w;
  w.goid = goid(g);
  w.system = w.goid == 0;  // g0 and gsignal have no number
  w.g = w.system ? field(m, F::m_curg) : g;
  if (w.system && w.g) w.goid = goid(w.g);
  // A thread that was just cloned has its maker's g, until it has set its own.
  const uint64_t sp = t.cpu.r[p_.amd64() ? isa::kRsp : isa::kSp];
  if (!on_stack(g, sp) && !on_stack(field(m, F::m_g0), sp) && !on_stack(w.g, sp) &&
      !on_stack(field(m, F::m_gsignal), sp))
    return {0, 0, t.tid, true};
  return w;
}

uint64_t Guest::depth(const Who& w, uint64_t at) const {
  if (!w.system) return stack_hi(w.g) - at;
  if (on_stack(w.g, at)) return stack_hi(w.g) - at;
  return kSystemDepth + (stack_hi(g_of(s_.thread())) - at);
}

bool Guest::ended(const Who& w) const {
  return w.goid && (goid(w.g) != w.goid || status_name(static_cast<uint32_t>(field(w.g, F::g_atomicstatus))) == "dead");
}

uint64_t Guest::recovery_pc(uint64_t g) const {  // sigcode1 to 1.21, then the panic's retpc
  return p_.layouts()[F::panic_retpc] ? field(field(g, F::g_panic), F::panic_retpc) : field(g, F::g_sigcode1);
}

uint64_t Guest::recovered_type() const { return argument(Arg::gorecover_result); }

std::optional<Goroutine> Guest::goroutine(uint64_t g) const {
  if (!g || g % 8) return std::nullopt;
  const FieldAt id = p_.layouts()[F::g_goid];
  if (!id || !try_word(g + static_cast<uint64_t>(id.offset))) return std::nullopt;
  Goroutine out;
  out.g = g;
  out.id = goid(g);
  out.lo = word(address_of(g, F::g_stack));
  out.hi = word(address_of(g, F::g_stack) + 8);
  if (out.lo > out.hi) return std::nullopt;
  out.parent = field(g, F::g_parentGoid);
  out.status = static_cast<uint32_t>(field(g, F::g_atomicstatus));
  out.wait_reason = static_cast<uint8_t>(field(g, F::g_waitreason));
  out.defer = field(g, F::g_defer);
  out.panic = field(g, F::g_panic);
  out.m = field(g, F::g_m);
  out.go_pc = field(g, F::g_gopc);
  out.start_pc = field(g, F::g_startpc);
  for (size_t i = 0; i < s_.threads.size(); ++i)
    if (s_.threads[i].status != emu::ThreadStatus::Exited && who(s_.threads[i]).g == g)
      out.thread = static_cast<int>(i);
  return out;
}

std::vector<Goroutine> Guest::goroutines(bool* more) const {
  static const GlobalSpec kAllgs{"runtime.allgs", {"runtime.allgadd", "runtime.checkdead", "runtime.forEachG"}};
  std::vector<Goroutine> out;
  std::set<uint64_t> seen;
  const auto add = [&](uint64_t g) {
    if (!seen.insert(g).second) return;
    if (out.size() >= kMaxGoroutines) {
      if (more) *more = true;
      return;
    }
    const auto r = goroutine(g);
    const bool dead = r && status_name(r->status) == "dead";
    if (r && r->id && r->hi && !dead) out.push_back(*r);
  };
  // A slice header whose elements all look like goroutines, the first of them number 1.
  const auto is_list = [&](uint64_t a) {
    const uint64_t array = word(a), n = word(a + 8), cap = word(a + 16);
    if (!array || n == 0 || n > cap) return false;
    const auto first = goroutine(word(array));
    return first && first->id == 1;
  };
  for (uint64_t a : p_.global(kAllgs)) {
    if (!is_list(a)) continue;
    const uint64_t array = word(a), n = word(a + 8);
    for (uint64_t i = 0; i < std::min(n, kMaxListed); ++i) add(word(array + 8 * i));
    if (more && n > kMaxListed) *more = true;
    break;
  }
  for (const emu::Thread& t : s_.threads)
    if (t.status != emu::ThreadStatus::Exited) add(who(t).g);
  std::sort(out.begin(), out.end(), [](const Goroutine& a, const Goroutine& b) { return a.id < b.id; });
  return out;
}

std::string Guest::wait_reason(const Goroutine& g) const {
  static const GlobalSpec kStrings{"runtime.waitReasonStrings", {"runtime.waitReason.String"}};
  if (status_name(g.status) != "waiting") return {};
  for (uint64_t a : p_.global(kStrings)) {
    const uint64_t at = a + 16 * uint64_t{g.wait_reason}, text = word(at), n = word(at + 8);
    if (!text || n == 0 || n > 64) continue;
    std::string s(n, '\0');
    if (read(text, s.data(), n)) return loader::printable(s);
  }
  return fmt::format("reason {}", g.wait_reason);
}

}  // namespace deferscope::model
