// Stores that mean something: deferBits, fields of _defer and _panic, gobufs, arguments of deferproc.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "traces/explain_scene.h"

namespace deferscope::traces {
namespace {

using model::F;

std::string bits_list(uint64_t bits) {
  std::string t;
  for (unsigned i = 0; i < 8; ++i)
    if (bits >> i & 1) t += fmt::format("{}{}", t.empty() ? "" : ", ", i);
  return t;
}

// A store to the byte that says which open-coded defers are pending.
bool defer_bits(const Seen& x, Lines& out) {
  const model::Function* f = x.here();
  const model::OpenCoded* o = f ? x.p.open_coded(*f) : nullptr;
  const Change* m = x.e.memory_change();
  if (!o || !m) return false;
  for (const model::BitStore& st : o->stores) {
    if (st.pc != x.e.pc) continue;
    const uint64_t was = m->before & 0xff, now = m->after & 0xff;
    const std::string line = fmt::format("deferBits of {}: {:08b} → {:08b}", x.short_name(f), was, now);
    if (st.initial) {
      out = {fmt::format("deferBits of {} ← 0: none registered yet (before this the byte was stale: {:#x})",
                         x.short_name(f), was)};
    } else if (const uint64_t on = now & ~was) {
      out = {line, fmt::format("⇒ the defer in slot {} of {} is now pending", bits_list(on), x.short_name(f))};
    } else if (const uint64_t off = was & ~now) {
      out = {line,
             fmt::format("⇒ the defer in slot {} is taken off before its call: should it panic, it is not run twice",
                         bits_list(off))};
    } else {
      out = {line + ": unchanged"};
    }
    return true;
  }
  // The closure's slot below varp.
  if (x.s.frames.empty()) return false;
  const uint64_t varp = x.s.frames[0].caller_sp - static_cast<uint64_t>(model::varp_below_caller_sp(x.p.isa()));
  for (size_t i = 0; i < o->slots.size(); ++i)
    if (m->address == varp - o->slots[i] && (o->count_known || i == 0)) {
      out.push_back(fmt::format("the function that the defer in slot {} will call", i));
      return true;
    }
  return false;
}

// A _defer or _panic; `number`: its place in g's chain from 1, 0: in no chain.
struct Record {
  uint64_t address;
  model::S kind;
  int number;
  const char* outside = "";  // number 0: what it is
};

// The _defer and _panic records that g reaches now.
std::vector<Record> linked_records(const Seen& x) {
  std::vector<Record> out;
  const model::Guest guest(x.p, *x.s.state);
  const auto add = [&](F head, F link, model::S kind) {
    int number = 0;
    for (uint64_t at : guest.linked(x.s.who.g, head, link, 64).records) out.push_back({at, kind, ++number});
  };
  add(F::g_defer, F::defer_link, model::S::defer_);
  add(F::g_panic, F::panic_link, model::S::panic);
  return out;
}

const model::FieldName* field_at(const model::Layouts& l, const std::vector<model::FieldName>& fields, uint64_t offset,
                                 uint64_t* inside) {
  const model::FieldName* best = nullptr;
  for (const model::FieldName& f : fields) {
    const model::FieldAt at = l[f.field];
    if (!at || offset < static_cast<uint64_t>(at.offset) || offset >= static_cast<uint64_t>(at.offset) + at.size)
      continue;
    best = &f;
    *inside = offset - static_cast<uint64_t>(at.offset);
  }
  return best;
}

const model::FieldName* field_at(const model::Layouts&, std::vector<model::FieldName>&&, uint64_t, uint64_t*) = delete;

constexpr const char* kNext = "the one that deferprocStack registers next";

// Where deferreturn of 1.22 and later keeps its _panic: what it gives to (*_panic).start, told from SP.
std::optional<std::pair<uint64_t, int64_t>> panic_argument(const Seen& x, const model::Function& deferreturn) {
  std::optional<std::pair<uint64_t, int64_t>> found;
  const isa::Reg first = x.p.amd64() ? isa::kRax : isa::Reg{0}, sp = x.p.amd64() ? isa::kRsp : isa::kSp;
  bool called = false;
  model::each_instruction(x.p.image(), deferreturn.f.entry, deferreturn.f.end, [&](const model::Insn& i) {
    if (const auto c = model::as_call(i)) {
      const model::Function* to = c->target ? x.p.function_at(c->target) : nullptr;
      called = to && to->name() == "runtime.(*_panic).start";
      return !called;
    }
    for (unsigned n = 0; n < i.in->count; ++n) {
      const isa::Uop& u = i.in->uops[n];
      if (u.dst != first) continue;
      if (u.op == isa::Op::Lea && u.mem.base == sp) found = {i.pc, u.mem.disp};
      if (u.op == isa::Op::Add && u.a == sp && u.b_imm) found = {i.pc, u.imm};
    }
    return true;
  });
  return called ? found : std::nullopt;
}

// The _panic in the frame of a deferreturn at work (1.22+), which no chain reaches.
std::optional<Record> deferreturns_own(const Seen& x) {
  if (x.p.mech().on_return != model::ReturnMechanism::machine) return std::nullopt;
  for (const model::Frame& f : x.s.frames) {
    if (!f.function || f.function->name() != "runtime.deferreturn") continue;
    const auto argument = panic_argument(x, *f.function);
    if (!argument) return std::nullopt;
    const auto frame = static_cast<uint64_t>(x.p.go().funcs.sp_delta(f.function->f, argument->first).value_or(0));
    const uint64_t sp = f.caller_sp - frame - (x.p.amd64() ? 8 : 0);
    return Record{sp + static_cast<uint64_t>(argument->second), model::S::panic, 0, "deferreturn's own, in its frame"};
  }
  return std::nullopt;
}

// The record that the CALL ahead registers (deferprocStack), found by going on in thought.
std::optional<Record> record_ahead(const Seen& x) {
  const model::ArgPlace place = x.p.place(model::Arg::deferprocStack_d);
  if (!place) return std::nullopt;
  const model::Function* next = x.call_ahead(16);
  if (!next || next->name() != "runtime.deferprocStack") return std::nullopt;
  emu::MachineState ahead = *x.s.state;
  const Namer nobody;
  for (unsigned i = 0; i < 20; ++i) {
    const Prediction e = predict(ahead, *x.s.cpu, nobody);
    if (e.flow.kind == Flow::Call) {
      if (place.kind == model::ArgPlace::reg) return Record{e.before.r[place.number], model::S::defer_, 0, kNext};
      uint64_t d = 0;
      const uint64_t at = e.sp_before() + static_cast<uint64_t>(place.offset) - (x.p.amd64() ? 8 : 0);
      return ahead.memory.peek(at, &d, 8) ? std::optional(Record{d, model::S::defer_, 0, kNext}) : std::nullopt;
    }
    if (e.flow.kind != Flow::Next) return std::nullopt;
    for (const Change& c : e.changes)
      if (c.kind == Change::Memory && c.bytes <= 16) {
        uint64_t two[2] = {c.bytes > 8 ? c.vec_after.lo : c.after, c.vec_after.hi};
        ahead.memory.poke(c.address, two, c.bytes);
      }
    ahead.cpu() = e.after;
  }
  return std::nullopt;
}

// "recovered, goexit, deferreturn": the field that a store begins in and those that it reaches into.
std::string names_of_fields(const model::Layouts& l, const std::vector<model::FieldName>& fields,
                            const model::FieldName& first, uint64_t end) {
  std::string names = first.name;
  for (const model::FieldName& f : fields)
    if (l[f.field].offset > l[first.field].offset && static_cast<uint64_t>(l[f.field].offset) < end)
      names += std::string(", ") + f.name;
  return names;
}

// What a value means in that field, where the name does not say it.
std::string field_meaning(const Seen& x, F field, const Change& m) {
  const uint64_t v = m.bytes >= 8 ? m.after : m.after & ((uint64_t{1} << (m.bytes * 8)) - 1);
  switch (field) {
    case F::defer_heap:
      return v & 0xff ? "heap = 1: the record goes back to the pool when it is done"
                      : "heap = 0: the record lies in the frame of its function and must not be freed";
    case F::defer_siz:
      return v == 0 ? "siz = 0: the deferred function takes no arguments"
                    : fmt::format(
                          "siz = {}: {} words of arguments follow the record (captured words are passed as arguments)",
                          v, (v + 7) / 8);
    case F::defer_started:
      return v & 0xff ? "started = 1: a panic runs it now; another panic will not run it again" : "";
    case F::defer_openDefer: return v & 0xff ? "openDefer = 1: one record for all open-coded defers of its frame" : "";
    case F::defer_fn: return v ? fmt::format("what runs later: {}", x.function_name_of(v)) : "";
    case F::panic_recovered:
      return v & 0xff ? "recovered = 1: recover() was called; when the deferred function returns, its frame goes on"
                      : "";
    case F::panic_aborted: return v & 0xff ? "aborted = 1: a later panic has taken over" : "";
    case F::panic_goexit: return v & 0xff ? "goexit = 1: no panic but the walk of runtime.Goexit" : "";
    case F::panic_deferreturn:
      return v & 0xff ? "deferreturn = 1: no panic but the walk of deferreturn; it stays in this frame" : "";
    default: return "";
  }
}

// What a word of g.sched is for, or what this value in it means.
std::string gobuf_meaning(const Seen& x, F field, uint64_t v) {
  if (v == 0 && x.in_gogo()) return ": used and cleared";
  if (field == F::gobuf_sp) return ": the SP with which it will go on";
  if (field == F::gobuf_ret && v == 1) return " = 1: what deferproc will seem to return";
  if (field != F::gobuf_pc) return "";
  const std::string target = x.recovery_target(v);
  return ": " + (target.empty() ? "where it will go on" : target);
}

// g.sched: what gogo will load.
bool gobuf_field(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  const model::Layouts& l = x.p.layouts();
  if (!m || x.e.flow.kind == Flow::Call || !x.s.who.g || !l[F::g_sched]) return false;
  const uint64_t sched = x.s.who.g + static_cast<uint64_t>(l[F::g_sched].offset);
  for (const model::FieldName& f : l.fields(model::S::gobuf)) {
    if (m->address != sched + static_cast<uint64_t>(l[f.field].offset)) continue;
    out.push_back(fmt::format("g{}.sched.{}{}", x.s.who.goid, f.name, gobuf_meaning(x, f.field, m->after)));
    return true;
  }
  return false;
}

std::vector<Record> records_at_hand(const Seen& x) {
  std::vector<Record> records = linked_records(x);
  if (const auto r = record_ahead(x)) records.push_back(*r);
  if (const auto r = deferreturns_own(x)) records.push_back(*r);
  return records;
}

// A store into a record's field is named.
bool record_field(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  if (!m || x.e.flow.kind == Flow::Call) return false;
  const model::Layouts& l = x.p.layouts();
  for (const Record& r : records_at_hand(x)) {
    if (m->address < r.address || m->address >= r.address + l.size(r.kind)) continue;
    uint64_t inside = 0;
    const auto fields = l.fields(r.kind);
    const model::FieldName* f = field_at(l, fields, m->address - r.address, &inside);
    const char* kind = r.kind == model::S::defer_ ? "_defer" : "_panic";
    const std::string title = x.record_title(r.address, kind);
    const std::string which =
        r.number == 0 ? fmt::format("{} {:#x}, {}", kind, r.address, r.outside)
                      : fmt::format("{} {:#x}, {} in g{}'s chain", kind, r.address,
                                    r.number == 1 ? "first" : fmt::format("number {}", r.number), x.s.who.goid);
    if (!f) {
      out.push_back(fmt::format("byte {} of {}", m->address - r.address, which));
      return true;
    }
    out.push_back(fmt::format("{}.{} (offset {}) of {}", title,
                              names_of_fields(l, fields, *f, m->address - r.address + m->bytes), l[f->field].offset,
                              which));
    if (const std::string meaning = field_meaning(x, f->field, *m); !meaning.empty()) out.push_back(meaning);
    return true;
  }
  if (x.s.who.g) {
    const auto head = [&](F f) { return l[f] && m->address == x.s.who.g + static_cast<uint64_t>(l[f].offset); };
    if (head(F::g_defer)) {
      out.push_back(fmt::format("g{}._defer: the head of its chain of defers{}", x.s.who.goid,
                                m->after == 0 ? ": empty now" : ""));
      return true;
    }
    if (head(F::g_panic)) {
      out.push_back(fmt::format("g{}._panic: {}", x.s.who.goid, m->after ? "the panic at work" : "no panic any more"));
      return true;
    }
  }
  return false;
}

// A load from a record, or of its head in g, is named.
bool record_read(const Seen& x, Lines& out) {
  if (x.e.reads.size() != 1 || x.e.flow.kind != Flow::Next) return false;
  const uint64_t at = x.e.reads[0].address;
  const model::Layouts& l = x.p.layouts();
  const auto head = [&](F f) { return x.s.who.g && l[f] && at == x.s.who.g + static_cast<uint64_t>(l[f].offset); };
  if (head(F::g_defer) || head(F::g_panic)) {
    out.push_back(fmt::format("g{}.{}", x.s.who.goid,
                              head(F::g_defer) ? "_defer: the first record of its chain" : "_panic: the newest panic"));
    return true;
  }
  for (const Record& r : records_at_hand(x)) {
    if (at < r.address || at >= r.address + l.size(r.kind)) continue;
    uint64_t inside = 0;
    const auto fields = l.fields(r.kind);
    const model::FieldName* f = field_at(l, fields, at - r.address, &inside);
    if (!f || inside) return false;
    const char* kind = r.kind == model::S::defer_ ? "_defer" : "_panic";
    out.push_back(fmt::format("{}.{}{}", x.record_title(r.address, kind), f->name,
                              r.number == 0  ? fmt::format(" ({})", r.outside)
                              : r.number > 1 ? fmt::format(" (number {} in the chain)", r.number)
                                             : ""));
    return true;
  }
  return false;
}

// The constant that the instructions from here to the next CALL store to SP + offset; nothing: it is there already.
std::optional<uint64_t> siz_ahead(const Seen& x, uint64_t offset) {
  std::optional<uint64_t> found;
  model::each_instruction(x.p.image(), x.e.pc, x.here()->f.end, [&](const model::Insn& i) {
    for (const model::FrameStore& s : model::frame_stores(i, 4))
      if (s.constant && s.offset == static_cast<int64_t>(offset)) found = s.value;
    return !found && !model::as_call(i);
  });
  return found;
}

// The arguments of deferproc, put in place just before the call (stack convention).
bool deferproc_argument(const Seen& x, Lines& out) {
  const Change* m = x.e.memory_change();
  const model::ArgPlace siz = x.p.place(model::Arg::deferproc_siz), fn = x.p.place(model::Arg::deferproc_fn);
  if (!m || siz.kind != model::ArgPlace::stack || x.e.flow.kind != Flow::Next || !x.here()) return false;
  const uint64_t at_entry = x.e.sp_before() - (x.p.amd64() ? 8 : 0);
  const uint64_t siz_at = at_entry + static_cast<uint64_t>(siz.offset),
                 fn_at = at_entry + static_cast<uint64_t>(fn.offset);
  if (m->address < siz_at || m->address > fn_at + 4096) return false;
  const model::Function* next = x.call_ahead(12);
  if (!next || next->name() != "runtime.deferproc") return false;
  const auto bytes = siz_ahead(x, siz_at - x.e.sp_before()).value_or(x.word(siz_at, 4).value_or(0));
  if (m->address != siz_at && m->address >= fn_at + 8 + bytes) return false;
  if (m->address == siz_at)
    out.push_back(
        fmt::format("deferproc's siz: {} bytes of arguments go into the record (captured words passed as arguments)",
                    m->after & 0xffffffff));
  else if (m->address == fn_at)
    out.push_back("deferproc's fn: what will be called");
  else
    out.push_back(fmt::format("argument word {} for the deferred call, evaluated now", (m->address - fn_at) / 8));
  return true;
}

// Reading runtime.writeBarrier decides whether the collector must be told.
bool write_barrier_flag(const Seen& x, Lines& out) {
  for (const MemoryRead& r : x.e.reads) {
    const auto s = x.p.image().symbol_at(r.address, loader::SymbolSource::symtab);
    if (!s || s->name != "runtime.writeBarrier") continue;
    out.push_back(r.value & 0xff ? "the collector is marking: pointer stores go through the write barrier"
                                 : "the collector is idle: pointers are stored plainly");
    return true;
  }
  return false;
}

constexpr Pattern kRecordReplacing[] = {defer_bits};
constexpr Pattern kRecordAdding[] = {record_field, record_read, gobuf_field, deferproc_argument, write_barrier_flag};

}  // namespace

Patterns record_patterns() { return {kRecordReplacing, kRecordAdding}; }

}  // namespace deferscope::traces
