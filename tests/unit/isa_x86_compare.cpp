// The comparison of isa_x86_compare.h.
#include "isa_x86_compare.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "isa/fp_env.h"
#include "isa/x86_64/lift.h"

namespace deferscope::isa::test {
namespace {

// The highest level as this host's Linux sets one up.
const CpuModel& host_model() {
  static const CpuModel model = [] {
    CpuModel m = *find_cpu_model(Isa::x86_64, "v3");
    m.cs = 0x33, m.ss = 0x2b;
    return m;
  }();
  return model;
}

const char* const kKinds[] = {"next", "page fault", "protection", "undefined", "divide", "other"};

constexpr const char* kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

// One thing compared; formatted only if a case fails.
struct StateWord {
  enum Kind : uint8_t { End, Word, Vector } kind;
  const char* name;
  int number;  // of XMM registers, -1
  Vec before, native, emulated;
  bool same;
};

std::string hex(uint64_t x) {
  char b[20];
  std::snprintf(b, sizeof b, "%016llx", static_cast<unsigned long long>(x));
  return b;
}
std::string text(StateWord::Kind kind, const Vec& v) {
  if (kind == StateWord::End) return kKinds[v.lo];
  return kind == StateWord::Vector ? hex(v.hi) + "_" + hex(v.lo) : hex(v.lo);
}

bool close_enough(const Vec& a, const Vec& b) {
  for (unsigned i = 0; i < 4; ++i) {
    const float x = a.lane<float>(i), y = b.lane<float>(i);
    if (a.lane<uint32_t>(i) == b.lane<uint32_t>(i) || (std::isnan(x) && std::isnan(y))) continue;
    if (std::abs(x - y) > 0x1.8p-11f * std::abs(x) + 0x1p-125f) return false;
  }
  return true;
}

template <class T>
bool equal_but_for_nans(const Vec& a, const Vec& b) {
  for (unsigned i = 0; i < sizeof(Vec) / sizeof(T); ++i) {
    const T x = a.lane<T>(i), y = b.lane<T>(i);
    if (std::memcmp(&x, &y, sizeof x) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}
bool same_vector(const Vec& a, const Vec& b, Vectors how) {
  if (a == b) return true;
  if (how == Vectors::Estimate) return close_enough(a, b);
  return how == Vectors::AnyNan && (equal_but_for_nans<float>(a, b) || equal_but_for_nans<double>(a, b));
}

using Lines = std::array<StateWord, 37 + 16 + 8 + 3>;

// Neighbouring numbers of 80 bits, or equal
bool within_ulp(const Vec& a, const Vec& b) {
  const auto place = [](const Vec& v) { return static_cast<__int128>(v.hi) << 63 | (v.lo & ~uint64_t{0} >> 1); };
  const __int128 distance = place(a) - place(b);
  return a.lo >> 63 == b.lo >> 63 ? -1 <= distance && distance <= 1 : a == b;
}

Lines words_of(const Case& c, const Result& n, const Result& e, const Leniency& l) {
  Lines out{};
  size_t at = 0;
  const auto word = [&](const char* name, uint64_t before, uint64_t x, uint64_t y, uint64_t mask,
                        StateWord::Kind kind = StateWord::Word) {
    out[at++] = {kind, name, -1, Vec{before, 0}, Vec{x, 0}, Vec{y, 0}, ((x ^ y) & mask) == 0};
  };
  constexpr uint64_t all = ~uint64_t{0};
  word("end", 0, n.kind, e.kind, all, StateWord::End);
  word("page", c.operand, n.page, e.page, all);
  word("pc", c.state.pc, n.state.pc, e.state.pc, all);
  for (size_t i = 0; i < 16; ++i) word(kNames[i], c.state.r[i], n.state.r[i], e.state.r[i], all);
  word("flags", c.state.eflags(), n.state.eflags(), e.state.eflags(), l.flags);
  word("mxcsr", c.state.mxcsr, n.state.mxcsr, e.state.mxcsr, l.mxcsr);
  for (size_t i = 0; i < 16; ++i) {
    const Vec &x = n.state.v[i], &y = e.state.v[i];
    out[at++] = {StateWord::Vector, "xmm", static_cast<int>(i), c.state.v[i], x, y, same_vector(x, y, l.vectors)};
  }
  for (size_t i = 0; i < 16; ++i) {
    const Vec &x = n.state.v[kUpper + i], &y = e.state.v[kUpper + i];
    out[at++] = {StateWord::Vector,           "ymm", static_cast<int>(i), c.state.v[kUpper + i], x, y,
                 same_vector(x, y, l.vectors)};
  }
  const X87 &before = c.state.x87, &x = n.state.x87, &y = e.state.x87;
  word("x87 control", before.control, x.control, y.control, all);
  const bool c1_rounds = l.x87_ulp && !(x.status & 0x40 & ~before.status);
  word("x87 status", before.status, x.status, y.status, l.x87_status & (c1_rounds ? ~0x200u : ~0u));
  word("x87 full", before.full, x.full, y.full, all);
  for (size_t i = 0; i < 8; ++i) {
    const Vec was{before.significand[i], before.exponent[i]}, nx{x.significand[i], x.exponent[i]},
        ey{y.significand[i], y.exponent[i]};
    out[at++] = {
        StateWord::Vector, "R", static_cast<int>(i), was, nx, ey, nx == ey || (l.x87_ulp && within_ulp(nx, ey))};
  }
  return out;
}

std::string report(const std::string& title, const Case& c, const Lines& lines) {
  std::ostringstream o;
  o << title << ", bytes";
  for (const uint8_t b : c.code) o << " " << hex(b).substr(14);
  o << "\n  before, host, ours:\n";
  for (const StateWord& l : lines) {
    if (l.same && l.before == l.native) continue;
    o << "  " << (l.same ? " " : "*") << " " << l.name << (l.number < 0 ? "" : std::to_string(l.number)) << "\t"
      << text(l.kind, l.before) << "  " << text(l.kind, l.native) << "  " << text(l.kind, l.emulated) << "\n";
  }
  return o.str();
}

}  // namespace

bool host_is_intels() { return __builtin_cpu_is("intel"); }

Result native_result(const Case& c) {
  Native n;
  n.state = c.state;
  uint8_t* code = scratch().base + 64;
  std::memcpy(code, c.code.data(), c.code.size());
  run_native(n);
  std::memset(code, 0xcc, c.code.size());
  Result r;
  r.state = n.state;
  switch (n.signal) {
    case SIGTRAP: r.state.pc -= 1; break;
    case SIGFPE: r.kind = Result::Divide; break;
    case SIGILL: r.kind = Result::Undefined; break;
    default:
      r.kind = n.general_protection ? Result::Protection : Result::PageFault;
      if (r.kind == Result::PageFault) r.page = n.fault_address & ~(kPage - 1);
      // A jump that went through and finds no code there
      if (n.state.pc != c.state.pc) r.kind = Result::Next, r.page = 0;
  }
  return r;
}

Result emulated_result(const Case& c, ScratchBus& bus, Lifted& lifted) {
  Result r;
  r.state = c.state;
  uint8_t padded[16];
  std::memset(padded, 0xcc, sizeof padded);
  std::memcpy(padded, c.code.data(), std::min<size_t>(c.code.size(), 15));
  x86_64::lift(padded, 15, c.state.pc, lifted, c.level);
  fp_enter(r.state, Isa::x86_64);
  Outcome o;
  do o = evaluate(lifted, r.state, bus, host_model(), 0);
  while (o.kind == Outcome::Next && r.state.pc == c.state.pc && lifted.uops[0].rep != 0);
  fp_fold(r.state, Isa::x86_64);
  fp_leave();
  if (o.kind == Outcome::Next) return r;
  switch (o.fault) {
    case Fault::Page: r.kind = Result::PageFault, r.page = o.address & ~(kPage - 1); break;
    case Fault::NonCanonical:
    case Fault::Privileged:
    case Fault::Alignment: r.kind = Result::Protection; break;
    case Fault::X87Exception:
    case Fault::SimdException:
    case Fault::Divide: r.kind = Result::Divide; break;
    case Fault::Undefined: r.kind = Result::Undefined; break;
    default: r.kind = Result::Other; break;
  }
  return r;
}

void copy_memory(ScratchBus& bus) { std::memcpy(&bus.bytes[kData], scratch().base + kData, 3 * kPage); }

// A fault in a repeated SCAS or CMPS: AMD's processors and we leave the flags of the iterations done, Intel's put back
// those from before the instruction (design: a REP instruction is as after its completed iterations).
uint32_t flags_after_fault(const Lifted& l, const Result& n) {
  const bool repeated = l.count != 0 && l.uops[l.count - 1].rep != 0;
  return repeated && n.kind != Result::Next ? ~static_cast<uint32_t>(flag::kArith) : ~0u;
}

uint32_t defined_mxcsr(const Case& c) { return ~2u & ~(c.state.mxcsr & 0x8000 ? 0x10u : 0u); }

bool same_end(const std::string& title, const Case& c, const Result& n, const Result& e, const Leniency& l,
              ScratchBus& bus) {
  const auto lines = words_of(c, n, e, l);
  bool same = true;
  for (const StateWord& line : lines) same = same && line.same;
  const bool memory_same = std::memcmp(scratch().base + kData, &bus.bytes[kData], 3 * kPage) == 0;
  if (!memory_same) {
    uint64_t at = kData;
    while (scratch().base[at] == bus.bytes[at]) ++at;
    ADD_FAILURE() << "memory differs from " << hex(scratch().address(at)) << ": host "
                  << hex(scratch().base[at]).substr(14) << " ours " << hex(bus.bytes[at]).substr(14) << "\n"
                  << report(title, c, lines);
    copy_memory(bus);
  } else if (!same) {
    ADD_FAILURE() << report(title, c, lines);
  }
  return same && memory_same;
}

bool excused(const Result& n, const Result& e, ScratchBus& bus) {
  // A jump to a non-canonical address: the host faults before it (and before CALL's push), we behind it.
  const bool wild_jump =
      n.kind == Result::Protection && e.kind == Result::Next && (e.state.pc + (uint64_t{1} << 47)) >> 48 != 0;
  // An operand that by chance lies in the code: it is memory for the host only.
  const bool in_code = e.kind == Result::PageFault && e.page - scratch().address(0) < kCodeBytes;
  if (in_code) std::memset(scratch().base, 0xcc, kCodeBytes);
  if (wild_jump || in_code) copy_memory(bus);
  return wild_jump || in_code;
}

}  // namespace deferscope::isa::test
