// deferproc, deferreturn and their kin (src/runtime/panic.go of the version): records with that version's layout, and
// who is called when.
#include <algorithm>

#include "runtime_model/modelled_defers.h"

namespace deferscope::model {
namespace {

constexpr size_t kMostRecords = 1'000'000;  // on a list

// The record of a defer statement, linked first.
uint64_t new_record(ModelledCall& c, uint64_t argument_bytes) {
  const uint64_t d = c.allocate(c.program().layouts().size(S::defer_) + argument_bytes);
  c.set(d, F::defer_heap, 1);
  return d;
}

void link(ModelledCall& c, uint64_t d) {
  c.set(d, F::defer_sp, c.caller_sp());
  c.set(d, F::defer_pc, c.return_address());
  c.set(d, F::defer_link, c.field(c.g(), F::g_defer));
  c.set(c.g(), F::g_defer, d);
}

// return0: what a recovery returns with is 1.
void return_zero(ModelledCall& c) { c.cpu().r[0] = 0; }

void deferproc(ModelledCall& c) {
  const bool sized = c.minor() <= 17;
  const uint64_t siz = sized ? c.half() : 0, fn = c.word();
  const uint64_t d = new_record(c, siz);
  if (siz) {
    const uint64_t from = c.caller_sp() + (c.amd64() ? 0 : 8) + 16;
    c.put_bytes(d + c.program().layouts().size(S::defer_), c.bytes_at(from, siz));
  }
  c.set(d, F::defer_siz, siz);
  c.set(d, F::defer_fn, fn);
  link(c, d);
  return_zero(c);
}

// The compiler has set siz and fn.
void deferproc_stack(ModelledCall& c) {
  const uint64_t d = c.word();
  for (const F f : {F::defer_started, F::defer_heap, F::defer_openDefer, F::defer_rangefunc, F::defer_panic,
                    F::defer_fd, F::defer_varp, F::defer_framepc, F::defer_head})
    c.set(d, f, 0);
  link(c, d);
  return_zero(c);
}

// 1.22+: opens a list for the defers of a loop's body; its token is the list's place.
void deferrangefunc(ModelledCall& c) {
  const uint64_t d = new_record(c, 0), head = c.allocate(8);
  c.set(d, F::defer_rangefunc, 1);
  c.set(d, F::defer_head, head);
  link(c, d);
  if (c.minor() >= 23)
    if (const Function* f = c.program().function_at(c.return_address() - 1); f && f->f.deferreturn)
      c.set(d, F::defer_pc, f->f.entry + f->f.deferreturn);
  c.result(c.info().address_of("type:unsafe.Pointer"));
  c.result(head);
}

void deferprocat(ModelledCall& c) {
  const uint64_t fn = c.word();
  c.word();  // the token's type
  const uint64_t head = c.word();
  const uint64_t d = new_record(c, 0);
  c.set(d, F::defer_fn, fn);
  c.set(d, F::defer_link, c.word_at(head));
  c.put(head, d);
  return_zero(c);
}

// The next deferred function of the frame that calls deferreturn: its closure, its arguments copied to `to`. nullopt:
// none is left.
std::optional<uint64_t> next_of_frame(ModelledCall& c, uint64_t to) {
  const uint64_t pc = c.return_address(), sp = c.caller_sp();
  if (const Function* owner = c.program().function_at(pc - 1)) {
    const auto below = c.program().sp_delta(*owner, pc - 1);
    const uint64_t caller = sp + static_cast<uint64_t>(below.value_or(0)) + (c.amd64() ? 8 : 0);
    if (const auto open = open_defer(c, owner, owner->f.end, sp, caller)) return take_open(c, *open, to);
    if (const uint64_t kept = open_record(c, sp, nullptr)) unlink(c, kept);  // a recovery left it
  }
  uint64_t d = c.field(c.g(), F::g_defer);
  while (d && c.field(d, F::defer_sp) == sp && splice_list(c, d)) d = c.field(c.g(), F::g_defer);
  if (!d || c.field(d, F::defer_sp) != sp) return std::nullopt;
  copy_arguments(c, d, to);
  const uint64_t fn = c.field(d, F::defer_fn);
  c.set(d, F::defer_fn, 0);
  c.set(c.g(), F::g_defer, c.field(d, F::defer_link));
  return fn;
}

void deferreturn(ModelledCall& c) {
  if (c.minor() >= 18) {
    const auto fn = next_of_frame(c, 0);
    if (!fn) return;
    c.set_closure(*fn);
    return c.skip();
  }
  const uint64_t argp = c.caller_sp() + (c.amd64() ? 0 : 8);
  const auto fn = next_of_frame(c, argp);
  if (!fn) return;
  c.pass_on_stack(0, *fn);
  c.pass_on_stack(1, argp);
  c.skip();
}

constexpr ModelledRow kRows[] = {
    {"runtime.deferproc", deferproc},     {"runtime.deferprocStack", deferproc_stack},
    {"runtime.deferreturn", deferreturn}, {"runtime.deferrangefunc", deferrangefunc},
    {"runtime.deferprocat", deferprocat},
};

}  // namespace

std::optional<OpenDefer> open_defer(ModelledCall& c, const Function* owner, uint64_t pc, uint64_t sp,
                                    uint64_t caller_sp) {
  const OpenCoded* table = c.program().open_coded(*owner);
  if (!table || pc < table->valid_from) return std::nullopt;
  const uint64_t varp = caller_sp - static_cast<uint64_t>(varp_below_caller_sp(c.program().isa()));
  OpenDefer d{owner, table, sp, caller_sp, varp, pc, -1};
  uint8_t bits = 0;
  if (!c.guest().read(d.varp - table->bits_offset, &bits, 1)) return std::nullopt;
  for (size_t i = 0; i < table->slots.size() && i < 8; ++i)
    if (bits >> i & 1) d.slot = static_cast<int>(i);
  if (d.slot < 0) return std::nullopt;
  return d;
}

uint64_t take_open(ModelledCall& c, const OpenDefer& d, uint64_t to) {
  const auto slot = static_cast<size_t>(d.slot);
  const uint64_t bits_at = d.varp - d.table->bits_offset;
  uint8_t bits = 0;
  c.guest().read(bits_at, &bits, 1);
  c.put(bits_at, bits & ~(1u << slot), 1);
  if (slot < d.table->arguments.size())
    for (const OpenCoded::Argument& a : d.table->arguments[slot])
      c.put_bytes(to + a.call_offset, c.bytes_at(d.varp - a.offset, a.size));
  return c.word_at(d.varp - d.table->slots[slot]);
}

uint64_t open_record(ModelledCall& c, uint64_t sp, const OpenDefer* make) {
  if (!c.program().layouts()[F::defer_openDefer]) return 0;
  uint64_t before = 0, d = c.field(c.g(), F::g_defer);
  for (size_t n = 0; d && n < kMostRecords && c.field(d, F::defer_sp) < sp; ++n)
    before = d, d = c.field(d, F::defer_link);
  if (d && c.field(d, F::defer_sp) == sp && c.field(d, F::defer_openDefer) & 0xff) return d;
  if (!make) return 0;
  const uint64_t made = new_record(c, 0);
  const loader::Func& f = make->owner->f;
  c.set(made, F::defer_openDefer, 1);
  c.set(made, F::defer_sp, sp);
  c.set(made, F::defer_pc, f.entry + f.deferreturn);
  c.set(made, F::defer_varp, make->varp);
  c.set(made, F::defer_framepc, make->pc);
  const auto table = c.program().go().funcs.funcdata(f, static_cast<uint32_t>(c.program().mech().open_funcdata));
  c.set(made, F::defer_fd, table.value_or(0));
  c.set(made, F::defer_link, d);
  before ? c.set(before, F::defer_link, made) : c.set(c.g(), F::g_defer, made);
  return made;
}

void unlink(ModelledCall& c, uint64_t record) {
  const uint64_t next = c.field(record, F::defer_link);
  uint64_t at = c.field(c.g(), F::g_defer);
  if (at == record) return c.set(c.g(), F::g_defer, next);
  for (size_t n = 0; at && n < kMostRecords; at = c.field(at, F::defer_link), ++n)
    if (c.field(at, F::defer_link) == record) return c.set(at, F::defer_link, next);
}

void copy_arguments(ModelledCall& c, uint64_t record, uint64_t to) {
  const uint64_t siz = c.field(record, F::defer_siz);
  if (siz) c.put_bytes(to, c.bytes_at(record + c.program().layouts().size(S::defer_), siz));
}

bool splice_list(ModelledCall& c, uint64_t d) {
  constexpr uint64_t kPoison = 1;
  if (!(c.field(d, F::defer_rangefunc) & 0xff)) return false;
  const uint64_t head = c.field(d, F::defer_head), next = c.field(d, F::defer_link);
  uint64_t first = c.word_at(head), last = 0;
  if (first == kPoison) first = 0;
  c.put(head, kPoison);
  size_t n = 0;
  for (uint64_t at = first; at && n < kMostRecords; at = c.field(at, F::defer_link), ++n) {
    c.set(at, F::defer_sp, c.field(d, F::defer_sp));
    c.set(at, F::defer_pc, c.field(d, F::defer_pc));
    last = at;
  }
  if (last) c.set(last, F::defer_link, next);
  c.set(c.g(), F::g_defer, last ? first : next);
  return true;
}

std::span<const ModelledRow> modelled_defers() { return kRows; }

}  // namespace deferscope::model
