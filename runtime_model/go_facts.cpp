// The tables of what differs between Go versions. Sources: src/runtime/panic.go, src/runtime/symtab.go,
// src/internal/abi/symtab.go and cmd/internal/objabi/funcid.go of the releases.
#include "runtime_model/go_facts.h"

#include <algorithm>

#include "loader/version.h"

namespace deferscope::model {
namespace {

using isa::Isa;
using loader::kNewestMinor;
using loader::kOldestMinor;
using enum OpenEncoding;
using RM = ReturnMechanism;
using RT = RecoveryTarget;

constexpr ArgPlace in_reg(isa::Reg r) { return {ArgPlace::reg, r, 0}; }
constexpr ArgPlace on_stack(int32_t offset) { return {ArgPlace::stack, 0, offset}; }

constexpr isa::Reg kR26 = 26;

}  // namespace

const std::vector<Mechanism>& mechanisms() {
  constexpr auto one = RT::deferproc_returns_1;
  static const std::vector<Mechanism> rows = {
      // minors, open, funcdata, on return, recovery, varint, shortest, argp, -fm, nil, shift, +off; funcIDs: wrapper,
      // sigpanic, asyncPreempt, debugCall
      {kOldestMinor, 13, none, -1, RM::jmpdefer, one, false, false, true, false, false, true, 1, 20, 9, 0, 17},
      {14, 14, args, 5, RM::jmpdefer, one, false, false, true, false, false, true, 0, 22, 9, 21, 17},
      {15, 15, args, 5, RM::jmpdefer, one, false, false, true, false, false, true, 0, 22, 9, 21, 17},
      {16, 16, args, 4, RM::jmpdefer, one, false, false, true, true, false, true, 0, 22, 9, 21, 17},
      {17, 17, args, 4, RM::jmpdefer, one, true, false, true, true, false, true, 0, 22, 19, 3, 5},
      {18, 18, closures, 4, RM::loop, one, true, false, true, true, false, true, 0, 21, 18, 3, 5},
      {19, 20, closures, 4, RM::loop, one, true, false, true, true, false, false, 0, 21, 18, 3, 5},
      {21, 21, closures, 4, RM::loop, one, true, false, true, true, true, false, 0, 21, 18, 3, 5},
      {22, 24, slots, 4, RM::machine, one, true, false, true, true, true, false, 0, 22, 19, 3, 6},
      {25, 25, slots, 4, RM::machine, RT::deferreturn, true, false, true, true, true, false, 0, 23, 20, 3, 6},
      {26, kNewestMinor, slots, 4, RM::machine, RT::deferreturn, true, true, false, true, true, false, 0, 23, 20, 3, 6},
  };
  return rows;
}

const Mechanism& mechanism(int minor) {
  const int m = std::clamp(minor, kOldestMinor, kNewestMinor);
  for (const Mechanism& row : mechanisms())
    if (m >= row.oldest && m <= row.newest) return row;
  return mechanisms().back();
}

const std::vector<ArgRow>& arg_rows() {
  using enum Arg;
  constexpr Isa x = Isa::x86_64, a = Isa::arm64;
  static const std::vector<ArgRow> rows = {
      {deferproc_siz, x, kOldestMinor, 16, on_stack(8)},
      {deferproc_siz, x, 17, 17, in_reg(isa::kRax)},
      {deferproc_siz, a, kOldestMinor, 17, on_stack(8)},
      {deferproc_fn, x, kOldestMinor, 16, on_stack(16)},
      {deferproc_fn, x, 17, 17, in_reg(isa::kRbx)},
      {deferproc_fn, x, 18, kNewestMinor, in_reg(isa::kRax)},
      {deferproc_fn, a, kOldestMinor, 17, on_stack(16)},
      {deferproc_fn, a, 18, kNewestMinor, in_reg(0)},
      {deferprocStack_d, x, 13, 16, on_stack(8)},
      {deferprocStack_d, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {deferprocStack_d, a, 13, 17, on_stack(8)},
      {deferprocStack_d, a, 18, kNewestMinor, in_reg(0)},
      {deferprocat_fn, x, 22, kNewestMinor, in_reg(isa::kRax)},
      {deferprocat_fn, a, 22, kNewestMinor, in_reg(0)},
      {deferprocat_head, x, 22, kNewestMinor, in_reg(isa::kRcx)},
      {deferprocat_head, a, 22, kNewestMinor, in_reg(2)},
      {jmpdefer_fv, x, kOldestMinor, 17, on_stack(8)},
      {jmpdefer_fv, a, kOldestMinor, 17, on_stack(8)},
      {jmpdefer_argp, x, kOldestMinor, 17, on_stack(16)},
      {jmpdefer_argp, a, kOldestMinor, 17, on_stack(16)},
      {gopanic_type, x, kOldestMinor, 16, on_stack(8)},
      {gopanic_type, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {gopanic_type, a, kOldestMinor, 17, on_stack(8)},
      {gopanic_type, a, 18, kNewestMinor, in_reg(0)},
      {gopanic_data, x, kOldestMinor, 16, on_stack(16)},
      {gopanic_data, x, 17, kNewestMinor, in_reg(isa::kRbx)},
      {gopanic_data, a, kOldestMinor, 17, on_stack(16)},
      {gopanic_data, a, 18, kNewestMinor, in_reg(1)},
      {throw_text, x, kOldestMinor, 16, on_stack(8)},
      {throw_text, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {throw_text, a, kOldestMinor, 17, on_stack(8)},
      {throw_text, a, 18, kNewestMinor, in_reg(0)},
      {throw_size, x, kOldestMinor, 16, on_stack(16)},
      {throw_size, x, 17, kNewestMinor, in_reg(isa::kRbx)},
      {throw_size, a, kOldestMinor, 17, on_stack(16)},
      {throw_size, a, 18, kNewestMinor, in_reg(1)},
      {gorecover_result, x, kOldestMinor, 16, on_stack(16)},
      {gorecover_result, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {gorecover_result, a, kOldestMinor, 17, on_stack(16)},
      {gorecover_result, a, 18, kNewestMinor, in_reg(0)},
      {recovery_gp, x, kOldestMinor, 16, on_stack(8)},
      {recovery_gp, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {recovery_gp, a, kOldestMinor, 17, on_stack(8)},
      {recovery_gp, a, 18, kNewestMinor, in_reg(0)},
      {copystack_gp, x, kOldestMinor, 16, on_stack(8)},
      {copystack_gp, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {copystack_gp, a, kOldestMinor, 17, on_stack(8)},
      {copystack_gp, a, 18, kNewestMinor, in_reg(0)},
      {mcall_fn, x, kOldestMinor, 16, on_stack(8)},
      {mcall_fn, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {mcall_fn, a, kOldestMinor, 17, on_stack(8)},
      {mcall_fn, a, 18, kNewestMinor, in_reg(0)},
      {systemstack_fn, x, kOldestMinor, kNewestMinor, on_stack(8)},
      {systemstack_fn, a, kOldestMinor, kNewestMinor, on_stack(8)},
      // reflectcall(argtype, fn, …) is stack ABI wherever it runs deferred calls.
      {reflectcall_fn, x, kOldestMinor, 17, on_stack(8)},
      {reflectcall_fn, a, kOldestMinor, 17, on_stack(16)},
      {runqput_gp, x, kOldestMinor, 16, on_stack(8)},
      {runqput_gp, x, 17, kNewestMinor, in_reg(isa::kRbx)},
      {runqput_gp, a, kOldestMinor, 17, on_stack(16)},
      {runqput_gp, a, 18, kNewestMinor, in_reg(1)},
      {newproc1_result, x, 23, kNewestMinor, in_reg(isa::kRax)},
      {newproc1_result, a, 23, kNewestMinor, in_reg(0)},
      {panic_p, x, 22, kNewestMinor, in_reg(isa::kRax)},
      {panic_p, a, 22, kNewestMinor, in_reg(0)},
      {nextFrame_ok, x, 22, kNewestMinor, in_reg(isa::kRax)},
      {nextFrame_ok, a, 22, kNewestMinor, in_reg(0)},
      {nextDefer_fn, x, 22, kNewestMinor, in_reg(isa::kRax)},
      {nextDefer_fn, a, 22, kNewestMinor, in_reg(0)},
      {nextDefer_ok, x, 22, kNewestMinor, in_reg(isa::kRbx)},
      {nextDefer_ok, a, 22, kNewestMinor, in_reg(1)},
      {newdefer_siz, x, kOldestMinor, 16, on_stack(8)},
      {newdefer_siz, x, 17, 17, in_reg(isa::kRax)},
      {newdefer_siz, a, kOldestMinor, 17, on_stack(8)},
      {newdefer_result, x, kOldestMinor, 16, on_stack(16)},
      {newdefer_result, x, 17, kNewestMinor, in_reg(isa::kRax)},
      {newdefer_result, a, kOldestMinor, 17, on_stack(16)},
      {newdefer_result, a, 18, kNewestMinor, in_reg(0)},
      // 1.23+: popDefer(gp) gives back gp's first.
      {freedefer_d, x, kOldestMinor, 16, on_stack(8)},
      {freedefer_d, x, 17, 22, in_reg(isa::kRax)},
      {freedefer_d, a, kOldestMinor, 17, on_stack(8)},
      {freedefer_d, a, 18, 22, in_reg(0)},
  };
  return rows;
}

ArgPlace place_of(Arg arg, int minor, Isa isa) {
  const int m = std::clamp(minor, kOldestMinor, kNewestMinor);
  for (const ArgRow& r : arg_rows())
    if (r.arg == arg && r.isa == isa && m >= r.oldest && m <= r.newest) return r.place;
  return {};
}

isa::Reg context_register(Isa isa) { return isa == Isa::x86_64 ? isa::kRdx : kR26; }
int varp_below_caller_sp(Isa isa) { return isa == Isa::x86_64 ? 16 : 8; }

bool runs_defers(std::string_view f) {
  static constexpr std::string_view names[] = {
      "runtime.gopanic",       "runtime.Goexit",      "runtime.deferreturn",    "runtime.runOpenDeferFrame",
      "runtime.deferCallSave", "runtime.reflectcall", "runtime.reflectcallSave"};
  static constexpr std::string_view call = "runtime.call";  // call16, call32 …: what reflectcall jumps to
  return std::find(std::begin(names), std::end(names), f) != std::end(names) ||
         (f.size() > call.size() && f.substr(0, call.size()) == call && f[call.size()] >= '0' && f[call.size()] <= '9');
}

std::string_view status_name(uint32_t status) {
  static constexpr std::string_view names[] = {"idle", "runnable", "running",   "syscall",   "waiting", "moribund",
                                               "dead", "enqueued", "copystack", "preempted", "leaked",  "deadextra"};
  const uint32_t s = status & ~0x1000u;  // _Gscan
  return s < std::size(names) ? names[s] : "unknown";
}

const char* to_string(Origin o) {
  switch (o) {
    case Origin::user: return "user";
    case Origin::std_: return "std";
    case Origin::runtime: return "runtime";
  }
  return "?";
}

// Dots before the last slash belong to the path ("github.com/…"); type arguments may hold slashes of their own.
std::string_view package_of(std::string_view function) {
  const std::string_view head = function.substr(0, function.find('['));
  const size_t slash = head.rfind('/');
  const size_t from = slash == std::string_view::npos ? 0 : slash;
  const size_t dot = head.find('.', from);
  return dot == std::string_view::npos ? std::string_view{} : head.substr(0, dot);
}

}  // namespace deferscope::model
