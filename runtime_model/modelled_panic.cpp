// gopanic, gorecover, Goexit, recovery and gogo (src/runtime/panic.go of the version), and the panics that compiled
// code asks for. A panic's record lies in gopanic's frame; SP and pc are set by whom they are set in the real runtime:
// recovery fills g.sched on the system stack, gogo loads it.
#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/chain.h"
#include "runtime_model/modelled_defers.h"

namespace deferscope::model {
namespace {

// In the frame of gopanic and Goexit, above what is given to the functions that they call (loader/listing_stubs.cpp).
constexpr uint64_t kRecord = 1024, kTarget = kRecord + 128;
// Behind the record: where a recovery would go on, and the record of the defer that runs.
constexpr uint64_t kTargetPc = kTarget, kTargetSp = kTarget + 8, kRunning = kTarget + 16;
constexpr uint64_t kMostArguments = 1024 - 16;

constexpr int kFirstWithMachine = 22, kFirstWithGoexitRecord = 14;

std::string type_symbol(const ModelledCall& c, std::string_view type) {
  const bool colon = c.info().address_of("type:string") != 0;
  return fmt::format("type{}{}", colon ? ':' : '.', type);
}

struct Eface {
  uint64_t type = 0, data = 0;
};

Eface error_string(ModelledCall& c, std::string_view text) {
  return {c.info().address_of(type_symbol(c, "runtime.errorString")), c.string_of(text)};
}

void panic_with(ModelledCall& c, Eface value) {
  c.pass(0, value.type);
  c.pass(1, value.data);
}

// --- the walk ---

Unwound frames_here(ModelledCall& c) { return c.guest().unwind(c.guest().standing(c.machine().thread())); }

// The innermost frame that has open-coded defers left.
std::optional<OpenDefer> innermost_open(ModelledCall& c, const Unwound& frames) {
  for (const Frame& f : frames.frames)
    if (f.sp > c.sp() && f.stack == StackKind::goroutine && f.entered)
      if (auto d = open_defer(c, f.function, f.lookup, f.sp, f.caller_sp)) return d;
  return std::nullopt;
}

void begin(ModelledCall& c, Eface value, bool goexit) {
  const uint64_t p = c.sp() + kRecord;
  c.put_bytes(p, std::string(c.program().layouts().size(S::panic), '\0'));
  c.set(p, F::panic_argp, c.outgoing());
  c.put(c.guest().address_of(p, F::panic_arg), value.type);
  c.put(c.guest().address_of(p, F::panic_arg) + 8, value.data);
  c.set(p, F::panic_link, c.field(c.g(), F::g_panic));
  c.set(p, F::panic_startPC, c.return_address());
  c.set(p, F::panic_startSP, c.caller_sp());
  c.set(p, F::panic_goexit, goexit);
  c.set(p, F::panic_gopanicFP, c.caller_sp());
  if (goexit && c.minor() < kFirstWithMachine) {  // where a recovery below it goes on
    c.set(p, F::panic_pc, c.here());
    c.set(p, F::panic_sp, c.sp());
  }
  if (!goexit || c.minor() >= kFirstWithGoexitRecord) c.set(c.g(), F::g_panic, p);
  c.put(c.sp() + kRunning, 0);
  if (const auto open = innermost_open(c, frames_here(c))) open_record(c, open->sp, &*open);
}

void gopanic(ModelledCall& c) {
  Eface value{c.word(), 0};
  value.data = c.word();
  if (!value.type && c.program().mech().panic_nil_is_error)
    value = {c.info().address_of(type_symbol(c, "*runtime.PanicNilError")), c.allocate(16)};
  begin(c, value, false);
}

void goexit(ModelledCall& c) { begin(c, {}, true); }

// Where the frame goes on if the panic is recovered.
uint64_t resume_in(ModelledCall& c, const Function* owner, uint64_t record_pc) {
  const bool at_deferreturn = !record_pc || c.program().mech().recovery == RecoveryTarget::deferreturn;
  if (!at_deferreturn || !owner) return record_pc;
  const uint32_t off = owner->f.deferreturn;
  return owner->f.entry + off -
         (off ? static_cast<uint32_t>(c.amd64() ? c.program().mech().deferreturn_call_off : 0) : 0);
}

void set_walk(ModelledCall& c, uint64_t pc, uint64_t sp, uint64_t caller_sp, const OpenDefer* open) {
  const uint64_t p = c.sp() + kRecord;
  c.put(c.sp() + kTargetPc, pc);
  c.put(c.sp() + kTargetSp, sp);
  if (c.minor() < kFirstWithMachine) return;
  c.set(p, F::panic_retpc, pc);
  c.set(p, F::panic_sp, sp);
  c.set(p, F::panic_fp, caller_sp);
  c.set(p, F::panic_deferBitsPtr, open ? open->varp - open->table->bits_offset : 0);
  c.set(p, F::panic_slotsPtr, open ? open->varp - open->table->slots[0] : 0);
}

bool is_set(ModelledCall& c, uint64_t record, F flag) { return c.field(record, flag) & 0xff; }

// Up to 1.21: an outer panic had begun what this record stands for, and will not go on with it.
void abort_outer(ModelledCall& c, uint64_t d) {
  const uint64_t outer = c.field(d, F::defer_panic);
  if (outer && outer != c.sp() + kRecord) c.set(outer, F::panic_aborted, 1);
  c.set(d, F::defer_panic, 0);
}

// The first record that stands for a defer itself; what outer panics had begun is dropped on the way.
uint64_t first_record(ModelledCall& c) {
  const bool has_started = static_cast<bool>(c.program().layouts()[F::defer_started]);
  uint64_t d = c.field(c.g(), F::g_defer);
  for (size_t n = 0; d && n < 1'000'000; ++n) {
    const uint64_t next = c.field(d, F::defer_link);
    if (is_set(c, d, F::defer_openDefer)) {
      d = next;
    } else if (has_started && is_set(c, d, F::defer_started)) {
      abort_outer(c, d);
      c.set(d, F::defer_fn, 0);
      unlink(c, d);
      d = next;
    } else if (splice_list(c, d)) {
      d = c.field(c.g(), F::g_defer);
    } else {
      return d;
    }
  }
  return 0;
}

// Up to 1.21: marks what runs, and keeps it on the list while it does.
void begin_record(ModelledCall& c, uint64_t d) {
  if (d) {
    if (is_set(c, d, F::defer_started)) abort_outer(c, d);
    c.set(d, F::defer_started, 1);
    c.set(d, F::defer_panic, c.sp() + kRecord);
  }
  c.put(c.sp() + kRunning, d);
}

void next(ModelledCall& c) {
  const uint64_t d = first_record(c);
  const Unwound frames = frames_here(c);
  const auto open = innermost_open(c, frames);
  const uint64_t to = c.outgoing();
  c.set(c.sp() + kRecord, F::panic_argp, to);  // a wrapper may have changed it
  if (open && (!d || open->sp <= c.field(d, F::defer_sp))) {
    begin_record(c, open_record(c, open->sp, &*open));
    set_walk(c, resume_in(c, open->owner, 0), open->sp, open->caller_sp, &*open);
    c.set_closure(take_open(c, *open, to));
    return c.skip();
  }
  if (!d) return;
  const uint64_t pc = c.field(d, F::defer_pc), sp = c.field(d, F::defer_sp);
  const auto owner =
      std::find_if(frames.frames.begin(), frames.frames.end(), [&](const Frame& f) { return f.sp == sp; });
  const bool found = owner != frames.frames.end();
  set_walk(c, resume_in(c, c.program().function_at(pc - 1), pc), sp, found ? owner->caller_sp : sp, nullptr);
  if (c.field(d, F::defer_siz) > kMostArguments) c.unsupported("a deferred call with more than 1 KiB of arguments");
  copy_arguments(c, d, to);
  c.set_closure(c.field(d, F::defer_fn));
  const bool unlinks_first = c.minor() >= kFirstWithMachine;
  if (unlinks_first) unlink(c, d);
  begin_record(c, unlinks_first ? 0 : d);
  c.skip();
}

// Up to 1.21 a record stays on the list while its function runs; that of a frame until all of its defers have.
void end_record(ModelledCall& c) {
  const uint64_t d = c.word_at(c.sp() + kRunning);
  if (!d) return;
  const bool open = is_set(c, d, F::defer_openDefer);
  const auto left = open ? innermost_open(c, frames_here(c)) : std::nullopt;
  if (left && left->sp == c.field(d, F::defer_sp)) return;
  c.set(d, F::defer_panic, 0);
  c.set(d, F::defer_fn, 0);
  unlink(c, d);
  if (open && left) open_record(c, left->sp, &*left);  // the next frame's
}

// Behind a recovery frames run their own defers again: records of those that no panic has begun would be stale, and so
// are those of frames that are gone.
void drop_open_records(ModelledCall& c, uint64_t target_sp) {
  if (!c.program().layouts()[F::defer_openDefer]) return;
  uint64_t d = c.field(c.g(), F::g_defer);
  for (size_t n = 0; d && n < 1'000'000; ++n) {
    const uint64_t next = c.field(d, F::defer_link), sp = c.field(d, F::defer_sp);
    const bool open = is_set(c, d, F::defer_openDefer);
    if (open && (sp < target_sp || (sp > target_sp && !is_set(c, d, F::defer_started)))) unlink(c, d);
    d = next;
  }
}

// A Goexit whose frame the recovery would throw away: it goes on instead.
uint64_t goexit_below(ModelledCall& c, uint64_t sp) {
  size_t bound = 10'000;
  for (uint64_t p = c.field(c.g(), F::g_panic); p && p < sp && bound--; p = c.field(p, F::panic_link))
    if (c.field(p, F::panic_goexit) & 0xff) return p;
  return 0;
}

// mcall(recovery): the goroutine's place is kept in g.sched, the thread goes on on its own stack.
void to_recovery(ModelledCall& c) {
  const uint64_t g = c.g(), g0 = c.variable(world::kG0), sched = c.guest().address_of(g, F::g_sched);
  c.set(sched, F::gobuf_pc, c.here());
  c.set(sched, F::gobuf_sp, c.sp());
  c.set(sched, F::gobuf_g, g);
  isa::CpuState& cpu = c.cpu();
  const uint64_t top = c.variable(world::kSystemStackEnd) - 64;
  const uint64_t back = c.info().address_of("runtime.mcall") + (c.amd64() ? 5 : 8);
  c.put(c.variable(world::kTls), g0);
  c.put(top + 8, g);
  if (c.amd64()) {
    c.put(top, back);
    cpu.r[14] = g0;
    cpu.r[isa::kRax] = g;
  } else {
    cpu.r[28] = g0;
    cpu.r[isa::kX30] = back;
    cpu.r[0] = g;
  }
  c.jump(c.info().address_of("runtime.recovery"), top);
}

void called(ModelledCall& c) {
  const uint64_t p = c.sp() + kRecord;
  end_record(c);
  if (!(c.field(p, F::panic_recovered) & 0xff)) return;
  uint64_t pc = c.word_at(c.sp() + kTargetPc), sp = c.word_at(c.sp() + kTargetSp);
  if (c.minor() < kFirstWithMachine) {
    uint64_t link = c.field(p, F::panic_link);
    while (link && link < sp && !(c.field(link, F::panic_goexit) & 0xff)) link = c.field(link, F::panic_link);
    c.set(c.g(), F::g_panic, link);
    if (const uint64_t goexit = goexit_below(c, sp))
      pc = c.field(goexit, F::panic_pc), sp = c.field(goexit, F::panic_sp);
    c.set(c.g(), F::g_sigcode0, sp);
    c.set(c.g(), F::g_sigcode1, pc);
    drop_open_records(c, sp);
  }
  to_recovery(c);
}

// recovery(gp), on the system stack.
void recovery(ModelledCall& c) {
  const uint64_t g = c.g(), sched = c.guest().address_of(g, F::g_sched);
  uint64_t sp = c.field(g, F::g_sigcode0), pc = c.field(g, F::g_sigcode1);
  if (c.minor() >= kFirstWithMachine) {
    const uint64_t p = c.field(g, F::g_panic);
    sp = c.field(p, F::panic_sp), pc = c.field(p, F::panic_retpc);
    uint64_t left = p;
    size_t bound = 10'000;
    while (left && left < sp && bound--) {
      if (c.field(left, F::panic_goexit) & 0xff) {  // Goexit's loop goes on
        const Function* f = c.program().function_named("runtime.Goexit");
        sp = left - kRecord;
        pc = f ? f->f.entry + (c.amd64() ? 16 : 20) : 0;
        break;
      }
      left = c.field(left, F::panic_link);
    }
    c.set(g, F::g_panic, left);
  }
  const Unwound frames = c.guest().unwind(c.guest().parked(c.guest().who()));
  uint64_t frame_pointer = 0;
  for (const Frame& f : frames.frames)
    if (f.sp == sp) frame_pointer = c.amd64() ? f.caller_sp - 16 : f.sp - 8;
  c.set(sched, F::gobuf_sp, sp);
  c.set(sched, F::gobuf_pc, pc);
  c.set(sched, F::gobuf_lr, 0);
  c.set(sched, F::gobuf_ret, 1);
  c.set(sched, F::gobuf_bp, frame_pointer);
  c.set(sched, F::gobuf_g, g);
  c.pass_on_stack(0, sched);
}

void gogo(ModelledCall& c) {
  const uint64_t buf = c.word_at(c.caller_sp() + (c.amd64() ? 0 : 8)), g = c.field(buf, F::gobuf_g);
  isa::CpuState& cpu = c.cpu();
  c.put(c.variable(world::kTls), g);
  cpu.r[c.amd64() ? 14 : 28] = g;
  cpu.r[0] = c.field(buf, F::gobuf_ret);
  const uint64_t bp = c.field(buf, F::gobuf_bp);
  if (bp) cpu.r[c.amd64() ? isa::kRbp : isa::Reg{29}] = bp;
  if (!c.amd64()) cpu.r[isa::kX30] = c.field(buf, F::gobuf_lr);
  c.jump(c.field(buf, F::gobuf_pc), c.field(buf, F::gobuf_sp));
}

// --- recover ---

// 1.26+: exactly one frame that is no wrapper between recover and the function that runs the defers.
bool deferred_caller(ModelledCall& c, uint64_t p) {
  const Unwound u = c.guest().unwind(c.guest().standing(c.machine().thread()), 64);
  int frames = 0;
  for (size_t i = 1; i < u.frames.size(); ++i) {
    const Frame& f = u.frames[i];
    if (runs_defers(f.function->name())) return frames == 1 && f.sp + kRecord == p;
    // What is inlined into a wrapper counts; a listing says that of the wrapper that calls recover.
    const bool inlined = i == 1 && std::string_view(c.program().wrapped(*f.function).found_by) == "wrap info";
    frames += !f.function->wrapper || inlined;
  }
  return false;
}

void gorecover(ModelledCall& c) {
  const bool by_argp = c.program().mech().recover_by_argp;
  const uint64_t argp = by_argp ? c.word() : 0, p = c.field(c.g(), F::g_panic);
  const bool open = p && !(c.field(p, F::panic_goexit) & 0xff) && !(c.field(p, F::panic_recovered) & 0xff);
  if (!open || !(by_argp ? argp == c.field(p, F::panic_argp) : deferred_caller(c, p))) {
    c.result(0);
    c.result(0);
    return;
  }
  c.set(p, F::panic_recovered, 1);
  const uint64_t arg = c.guest().address_of(p, F::panic_arg);
  c.result(c.word_at(arg));
  c.result(c.word_at(arg + 8));
}

// --- the end ---

void print_panics(ModelledCall& c, uint64_t p, int depth) {
  const uint64_t link = c.field(p, F::panic_link);
  if (link && depth < 100) {
    print_panics(c, link, depth + 1);
    if (!(c.field(link, F::panic_goexit) & 0xff)) c.write("\t");
  }
  if (c.field(p, F::panic_goexit) & 0xff) return;
  const uint64_t arg = c.guest().address_of(p, F::panic_arg);
  c.write(fmt::format("panic: {}", panic_value(c.guest(), c.word_at(arg), c.word_at(arg + 8))));
  if (c.field(p, F::panic_recovered) & 0xff) c.write(" [recovered]");
  c.write("\n");
}

void print_trace(ModelledCall& c) {
  c.write("\ngoroutine 1 [running]:\n");
  const Unwound u = c.guest().unwind(c.guest().standing(c.machine().thread()), 100);
  bool shown = false;
  for (const Frame& f : u.frames) {
    const Location& at = c.program().location(f.lookup);
    shown = shown || f.function->origin == Origin::user;
    if (!shown || f.function->origin == Origin::runtime) continue;
    c.write(fmt::format("{}(...)\n\t{}:{} +{:#x}\n", readable(f.function->name()), at.file, at.line,
                        f.pc - f.function->f.entry));
  }
}

void fatalpanic(ModelledCall& c) {
  if (const uint64_t p = c.field(c.g(), F::g_panic)) print_panics(c, p, 0);
  print_trace(c);
  c.pass_on_stack(0, 2);
}

void throw_error(ModelledCall& c) {
  const std::string text = c.string();
  c.write("fatal error: " + text + "\n");
  if (text.find("deadlock") == text.npos) print_trace(c);  // of no goroutine that is left
  c.pass_on_stack(0, 2);
}

// --- panics of compiled code ---

struct BoundsRow {
  std::string_view name;
  uint8_t code;
  isa::Reg x[2], y[2];  // amd64, arm64
};
// Of 1.13 to 1.25 (src/runtime/asm_*.s); those of unsigned numbers end in U.
constexpr BoundsRow kBounds[] = {
    {"Index", 0, {isa::kRax, 0}, {isa::kRcx, 1}},        {"SliceAlen", 1, {isa::kRcx, 1}, {isa::kRdx, 2}},
    {"SliceAcap", 2, {isa::kRcx, 1}, {isa::kRdx, 2}},    {"SliceB", 3, {isa::kRax, 0}, {isa::kRcx, 1}},
    {"Slice3Alen", 4, {isa::kRdx, 2}, {isa::kRbx, 3}},   {"Slice3Acap", 5, {isa::kRdx, 2}, {isa::kRbx, 3}},
    {"Slice3B", 6, {isa::kRcx, 1}, {isa::kRdx, 2}},      {"Slice3C", 7, {isa::kRax, 0}, {isa::kRcx, 1}},
    {"SliceConvert", 8, {isa::kRdx, 2}, {isa::kRbx, 3}},
};

void bounds(ModelledCall& c, uint64_t x, uint64_t y, bool is_signed, uint8_t code) {
  const uint64_t at = c.allocate(24);
  c.put(at, x);
  c.put(at + 8, y);
  c.put(at + 16, is_signed, 1);
  c.put(at + 17, code, 1);
  panic_with(c, {c.info().address_of(type_symbol(c, "runtime.boundsError")), at});
}

void panic_bounds_by_name(ModelledCall& c) {
  std::string_view name = c.name();
  name.remove_prefix(std::string_view("runtime.panic").size());
  const bool is_unsigned = name.ends_with('U');
  if (is_unsigned) name.remove_suffix(1);
  const size_t column = c.amd64() ? 0 : 1;
  for (const BoundsRow& r : kBounds)
    if (r.name == name) return bounds(c, c.cpu().r[r.x[column]], c.cpu().r[r.y[column]], !is_unsigned, r.code);
  throw emu::Unsupported(
      fmt::format("{} calls {}, which is not modelled", c.program().describe(c.return_address() - 1), c.name()));
}

// 1.26+: what failed stands in PCDATA 4 at the call (internal/abi/bounds.go).
void panic_bounds(ModelledCall& c) {
  constexpr uint32_t kPcdata = 4, kCodes = 9;
  const uint64_t pc = c.return_address();
  const Function* f = c.program().function_at(pc - 1);
  const int32_t v = f ? c.program().go().funcs.pcdata(f->f, kPcdata, pc - 1) : -1;
  if (v < 0) c.unsupported("the listing's PCDATA $4 for it is missing");
  const auto code = static_cast<uint8_t>(static_cast<uint32_t>(v) % kCodes);
  uint32_t bits = static_cast<uint32_t>(v) / kCodes;
  const auto take = [&](unsigned n) {
    const uint32_t out = bits & ((1u << n) - 1);
    bits >>= n;
    return out;
  };
  const bool x_in_register = take(1), y_in_register = take(1);
  const bool is_signed = x_in_register && take(1);
  const uint64_t x = x_in_register ? c.cpu().r[take(4)] : take(5);
  const uint64_t y = y_in_register ? c.cpu().r[take(4)] : take(5);
  bounds(c, x, y, is_signed, code);
}

void panic_text(ModelledCall& c, std::string_view text) { panic_with(c, error_string(c, text)); }

void assertion(ModelledCall& c, uint64_t concrete, uint64_t wanted, uint64_t interface) {
  const uint64_t at = c.allocate(40);
  c.put(at, interface);
  c.put(at + 8, concrete);
  c.put(at + 16, wanted);
  panic_with(c, {c.info().address_of(type_symbol(c, "*runtime.TypeAssertionError")), at});
}

void panicdottype_e(ModelledCall& c) {
  const uint64_t have = c.word(), want = c.word(), interface = c.word();
  assertion(c, have, want, interface);
}

void panicdottype_i(ModelledCall& c) {
  const uint64_t tab = c.word(), want = c.word(), interface = c.word();
  assertion(c, tab ? c.word_at(tab + 8) : 0, want, interface);
}

void panicnildottype(ModelledCall& c) { assertion(c, 0, c.word(), 0); }

void sigpanic(ModelledCall& c) {
  constexpr uint64_t kFpe = 8;
  const bool divide = (c.field(c.g(), F::g_sig) & 0xffffffff) == kFpe;
  panic_text(c, divide ? "integer divide by zero" : "invalid memory address or nil pointer dereference");
}

constexpr ModelledRow kRows[] = {
    {"runtime.gopanic", gopanic},
    {"runtime.gopanic.next", next},
    {"runtime.gopanic.called", called},
    {"runtime.Goexit", goexit},
    {"runtime.Goexit.next", next},
    {"runtime.Goexit.called", end_record},
    {"runtime.recovery", recovery},
    {"runtime.gogo", gogo},
    {"runtime.gorecover", gorecover},
    {"runtime.fatalpanic", fatalpanic},
    {"runtime.throw", throw_error},
    {"runtime.sigpanic", sigpanic},
    {"runtime.panicindex", [](ModelledCall& c) { panic_text(c, "index out of range"); }},
    {"runtime.panicslice", [](ModelledCall& c) { panic_text(c, "slice bounds out of range"); }},
    {"runtime.panicdivide", [](ModelledCall& c) { panic_text(c, "integer divide by zero"); }},
    {"runtime.panicshift", [](ModelledCall& c) { panic_text(c, "negative shift amount"); }},
    {"runtime.panicmakeslicelen", [](ModelledCall& c) { panic_text(c, "makeslice: len out of range"); }},
    {"runtime.panicmakeslicecap", [](ModelledCall& c) { panic_text(c, "makeslice: cap out of range"); }},
    {"runtime.panicdottypeE", panicdottype_e},
    {"runtime.panicdottypeI", panicdottype_i},
    {"runtime.panicnildottype", panicnildottype},
    {"runtime.panicBounds", panic_bounds},
    {"runtime.panicIndex*", panic_bounds_by_name},
    {"runtime.panicSlice*", panic_bounds_by_name},
};

}  // namespace

std::span<const ModelledRow> modelled_panics() { return kRows; }

// As the signal handler does it (preparePanic): the faulting function seems to have called sigpanic.
void inject_sigpanic(const Program& program, emu::MachineState& m, int signal, uint64_t address) {
  const loader::ListingInfo& info = *program.image().listing();
  const Guest guest(program, m);
  isa::CpuState& cpu = m.cpu();
  const uint64_t g = info.world.data + world::kG, pc = cpu.pc;
  const auto set = [&](F f, uint64_t v) {
    const FieldAt at = program.layouts()[f];
    if (at) m.memory.write(g + static_cast<uint64_t>(at.offset), &v, std::min(at.size, 8u));
  };
  set(F::g_sig, static_cast<uint64_t>(signal));
  set(F::g_sigcode0, 1);
  set(F::g_sigcode1, address);
  set(F::g_sigpc, pc);
  if (program.amd64()) {
    cpu.r[isa::kRsp] -= 8;
    m.memory.write(cpu.r[isa::kRsp], &pc, 8);
  } else {
    cpu.r[isa::kSp] -= 16;
    m.memory.write(cpu.r[isa::kSp], &cpu.r[isa::kX30], 8);
    cpu.r[isa::kX30] = pc;
  }
  cpu.pc = info.address_of("runtime.sigpanic");
}

}  // namespace deferscope::model
