// What a Go version does differently, one row a fact: how defers are recorded and run, encodings, calling conventions,
// funcIDs. Nothing else in this room compares versions.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "isa/state.h"
#include "loader/image.h"

namespace deferscope::model {

// How FUNCDATA_OpenCodedDeferInfo is encoded (cmd/compile/internal/…/ssa.go emitOpenDeferInfo).
enum class OpenEncoding : uint8_t {
  none,      // ≤ 1.13: no open-coded defers
  args,      // 1.14–1.17: maxargsize, bits, n, then per defer argWidth, closure, nArgs, 3 per argument
  closures,  // 1.18–1.21: bits, n, closure per defer
  slots,     // 1.22+: bits, slots
};

// Who calls a deferred function on a normal return.
enum class ReturnMechanism : uint8_t {
  jmpdefer,  // ≤ 1.17: deferreturn tail-jumps; the return address is moved back onto the CALL
  loop,      // 1.18–1.21: deferreturn calls in a loop
  machine,   // 1.22+: deferreturn builds a _panic and loops over nextDefer
};

// Where recovery resumes.
enum class RecoveryTarget : uint8_t {
  deferproc_returns_1,  // ≤ 1.24: behind the deferproc call, result register 1 (open-coded: at deferreturn)
  deferreturn,          // 1.25+: entry + _func.deferreturn, no result
};

struct Mechanism {
  int oldest, newest;
  OpenEncoding open;
  int open_funcdata;  // index of FUNCDATA_OpenCodedDeferInfo; -1: none
  ReturnMechanism on_return;
  RecoveryTarget recovery;
  bool type_name_varint;  // length of a type's name: varint (1.17+), else 16 bits big-endian
  bool prints_shortest;   // print(float) gives the shortest digits (1.26+), else +d.dddddde+ddd
  bool recover_by_argp;   // gorecover compares argp (≤ 1.25), else it walks the stack
  // The compiler lets a method value's wrapper (F-fm) adjust argp (1.16+: SetWrapper in closure.go); before, recover
  // takes the wrapper for the deferred function.
  bool method_value_adjusts;
  bool panic_nil_is_error;     // panic(nil) panics with a *PanicNilError, unless GODEBUG=panicnil=1 (1.21+)
  bool struct_offset_shifted;  // a type's struct field holds its offset times two (≤ 1.18)
  int deferreturn_call_off;    // amd64: what _func.deferreturn adds to the CALL's offset (1.12–1.13: 1)
  uint8_t id_wrapper;          // funcIDs
  uint8_t id_sigpanic;
  uint8_t id_async_preempt;  // 0: none
  uint8_t id_debug_call;
};

// The row of a minor version; versions outside the table take its nearest row.
const Mechanism& mechanism(int minor);
const std::vector<Mechanism>& mechanisms();

// Where a function finds an argument when its first instruction has not run, or its result when its RET has not.
struct ArgPlace {
  enum Kind : uint8_t { none, reg, stack } kind = none;
  isa::Reg number = 0;  // reg
  int32_t offset = 0;   // stack: from SP
  explicit operator bool() const { return kind != none; }
};

enum class Arg : uint8_t {
  deferproc_siz,
  deferproc_fn,
  deferprocStack_d,
  deferprocat_fn,
  deferprocat_head,
  jmpdefer_fv,
  jmpdefer_argp,
  gopanic_type,
  gopanic_data,
  throw_text,  // of runtime.throw and runtime.fatal: a string
  throw_size,
  gorecover_result,  // at its RET: the type word
  recovery_gp,
  copystack_gp,
  mcall_fn,
  systemstack_fn,
  reflectcall_fn,   // at the CALL reflectcall, before it pushes
  runqput_gp,       // at the CALL runqput, before it pushes
  newproc1_result,  // behind the CALL newproc1
  panic_p,          // of the methods of _panic
  nextFrame_ok,     // at its RET
  nextDefer_fn,     // at its RET
  nextDefer_ok,
  newdefer_siz,
  newdefer_result,  // at its RET
  freedefer_d,
};

struct ArgRow {
  Arg arg;
  isa::Isa isa;
  int oldest, newest;
  ArgPlace place;
};

ArgPlace place_of(Arg arg, int minor, isa::Isa isa);
const std::vector<ArgRow>& arg_rows();

// The closure context register: RDX, R26. A funcval's address when a deferred function is called through it.
isa::Reg context_register(isa::Isa isa);
// Bytes between a frame's varp and its caller's SP: 16 on amd64 (return address, saved BP), 8 on arm64.
int varp_below_caller_sp(isa::Isa isa);

// gopanic, Goexit, deferreturn and what they call deferred functions by, as physical frames.
bool runs_defers(std::string_view function);

// g.atomicstatus without its scan bit as text (src/runtime/runtime2.go): "waiting".
std::string_view status_name(uint32_t status);

// Which code a function belongs to, told by its package.
enum class Origin : uint8_t { user, std_, runtime };
const char* to_string(Origin o);

// The package path of a function name as pclntab spells it: "encoding/json" of "encoding/json.(*Decoder).Decode".
std::string_view package_of(std::string_view function);

}  // namespace deferscope::model
