// The questions that patterns ask, and the order in which patterns are tried.
#include "traces/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "traces/drawing.h"
#include "traces/explain_scene.h"

namespace deferscope::traces {

std::optional<uint64_t> Seen::word(uint64_t address, unsigned bytes) const {
  uint64_t v = 0;
  return s.state->memory.peek(address, &v, bytes) ? std::optional(v) : std::nullopt;
}

std::string Seen::name(const model::Function* f) const { return f ? model::readable(f->name()) : "?"; }

std::string Seen::short_name(const model::Function* f) const {
  const std::string n = name(f);
  const bool of_runtime = n.compare(0, 8, "runtime.") == 0 && n.compare(0, 12, "runtime.main") != 0;
  return of_runtime ? n.substr(8) : n;
}

std::string Seen::both(uint64_t pc) const { return fmt::format("{:#x} ({})", pc, s.place(pc)); }

std::optional<Seen::CallAt> Seen::call_at(uint64_t pc) const {
  std::optional<CallAt> out;
  const model::Function* f = p.function_at(pc);
  if (!f) return out;
  constexpr uint64_t kLongest = 16;  // of an instruction: no more is read than this one
  model::each_instruction(p.image(), pc, std::min(f->f.end, pc + kLongest), [&](const model::Insn& i) {
    if (const auto c = model::as_call(i)) out = CallAt{c->target ? p.function_at(c->target) : nullptr, i.size};
    return false;
  });
  return out;
}

// x86-64: CALL is E8 with four bytes, or FF behind prefixes. Most bytes are neither, and are not decoded.
static bool may_be_call(loader::Bytes code, unsigned size) {
  if (code.size() < size) return false;
  if (size == 5 && code[0] == 0xe8) return true;
  return std::find(code.begin(), code.begin() + size, 0xff) != code.begin() + size;
}

std::optional<Seen::CallAt> Seen::call_before(uint64_t pc) const {
  if (!p.function_at(pc - 1)) return std::nullopt;
  for (unsigned n : {5u, 4u, 2u, 3u, 6u, 7u}) {
    if (!p.amd64() && n != 4) continue;
    if (p.amd64() && !may_be_call(p.image().memory().bytes_from(pc - n), n)) continue;
    const auto c = call_at(pc - n);
    if (c && c->length == n) return c;
  }
  return std::nullopt;
}

const model::Function* Seen::call_ahead(unsigned limit) const {
  const model::Function* found = nullptr;
  if (!here() || e.flow.kind != Flow::Next) return found;
  unsigned n = 0;
  model::each_instruction(p.image(), e.next_pc(), here()->f.end, [&](const model::Insn& i) {
    const auto c = model::as_call(i);
    if (!c) return ++n < limit && i.in->count > 0 && !i.in->ends_block();
    found = c->target ? p.function_at(c->target) : nullptr;
    return false;
  });
  return found;
}

const model::Function* Seen::function_of(std::optional<uint64_t> funcval) const {
  const auto code = funcval && *funcval ? word(*funcval) : std::nullopt;
  const model::Function* f = code ? p.function_at(*code) : nullptr;
  return f && f->f.entry == *code ? f : nullptr;
}

std::string Seen::function_name_of(std::optional<uint64_t> funcval) const {
  const model::Function* f = function_of(funcval);
  return f ? name(f) : "a function";
}

std::optional<uint64_t> Seen::argument(model::Arg a) const {
  const model::ArgPlace place = p.place(a);
  if (place.kind == model::ArgPlace::reg) return e.after.r[place.number];
  if (place.kind != model::ArgPlace::stack) return std::nullopt;
  // Places are told at the callee's entry; the memory is still the one before the CALL, which pushes nothing but the
  // return address.
  return word(e.sp_after() + static_cast<uint64_t>(place.offset));
}

std::string Seen::recovery_target(uint64_t pc) const {
  const auto at_call = call_at(pc);
  if (at_call && at_call->callee && at_call->callee->name() == "runtime.deferreturn")
    return fmt::format("the CALL deferreturn of {}; what is left of its defers runs, then it returns",
                       short_name(p.function_at(pc)));
  const auto behind = call_before(pc);
  if (behind && behind->callee && behind->callee->name().compare(0, 17, "runtime.deferproc") == 0)
    return fmt::format("behind the CALL {} of {}, as if that returned a second time", short_name(behind->callee),
                       short_name(p.function_at(pc)));
  return {};
}

const Seen::WordAt& Seen::word_at(uint64_t address) const {
  const auto [known, fresh] = words_at.try_emplace(address);
  // A program's variables are in no frame.
  if (!fresh || !s.roles || address < 4096 || p.image().memory().segment_at(address)) return known->second;
  known->second.all = s.roles(address);
  known->second.slot = known->second.all.at(address);
  return known->second;
}

std::string Seen::record_title(uint64_t record, const char* otherwise) const {
  const WordAt& w = word_at(record);
  return w.slot && w.slot->object >= 0 ? w.all.objects[static_cast<size_t>(w.slot->object)].title : otherwise;
}

namespace {

// What the words are for that it reads, writes or takes the address of, unless that is said already.
void name_words(const Seen& x, Lines& out) {
  const auto add = [&](const char* before, uint64_t address, unsigned bytes, bool begins) {
    const Seen::WordAt& first = x.word_at(address);
    std::string all;
    for (uint64_t a = address; a < address + bytes;) {
      const model::Slot* slot = first.all.at(a);
      if (!slot || (begins && slot->address != a)) break;
      // That a register is kept there the instruction says itself.
      using model::Role;
      const bool own = slot->role == Role::unknown ||
                       (begins && (slot->role == Role::saved_fp || slot->role == Role::return_address));
      const std::string words = own ? "" : words_alone(*slot, first.all);
      const auto said = [&](const std::string& line) { return line.starts_with(words.substr(0, words.find(':'))); };
      if (!words.empty() && std::none_of(out.begin(), out.end(), said)) all += (all.empty() ? "" : " · ") + words;
      a = slot->end();
    }
    if (!all.empty()) out.push_back(before + all);
  };
  if (x.e.flow.kind == Flow::Call || x.e.flow.kind == Flow::Return) return;
  for (const MemoryRead& r : x.e.reads) add("", r.address, r.bytes, false);
  const isa::Reg sp = x.p.amd64() ? isa::kRsp : isa::kSp, fp = x.p.amd64() ? isa::kRbp : isa::Reg{29};
  const bool computes = x.e.reads.empty() && x.e.flow.kind == Flow::Next;
  for (const Change& c : x.e.changes) {
    if (c.kind == Change::Memory &&
        std::none_of(x.e.reads.begin(), x.e.reads.end(), [&](const MemoryRead& r) { return r.address == c.address; }))
      add("", c.address, c.bytes, false);
    if (c.kind == Change::Register && c.reg != sp && c.reg != fp && computes && c.how.kind == Expr::Place &&
        c.how.text == register_name(x.e.isa, sp))
      add("the address of ", c.after, 1, true);
  }
}

}  // namespace

std::vector<std::string> explain(const Prediction& e, const Scene& scene) {
  Lines out = plain_words(e, *scene.names);
  if (!scene.program) return out;
  const Seen x{e, scene, *scene.program};
  if (explain_c(x, out)) return out;
  const Patterns subjects[] = {stack_patterns(), call_patterns(), record_patterns()};
  for (const Patterns& s : subjects)
    for (const Pattern p : s.replacing)
      if (p(x, out)) return out;
  for (const Patterns& s : subjects)
    for (const Pattern p : s.adding) p(x, out);
  name_words(x, out);
  return out;
}

}  // namespace deferscope::traces
