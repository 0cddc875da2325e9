#include "cli/session/guest_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emu/linux/syscall_table.h"
#include "isa/arm64/lift.h"
#include "isa/text/text.h"
#include "isa/x86_64/lift.h"

namespace deferscope::cli {
namespace {

using model::F;

std::string base_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

class ImageSymbols final : public isa::Symbols {
 public:
  explicit ImageSymbols(const loader::Image& image) : image_(image) {}
  isa::SymbolAt at(uint64_t a) const override {
    const auto s = image_.symbol_at(a, loader::SymbolSource::symtab);
    if (!s) return {};
    return {s->name, s->address};
  }

 private:
  const loader::Image& image_;
};

// Functions where a stack ends: nothing called them.
bool is_bottom(std::string_view name) {
  for (std::string_view n : {"runtime.goexit", "runtime.mstart", "runtime.mstart0", "runtime.rt0_go", "runtime.mcall",
                             "runtime.systemstack", "runtime.morestack", "runtime.clone", "runtime._rt0_amd64_linux",
                             "_rt0_amd64_linux", "_rt0_arm64_linux", "_rt0_amd64", "runtime.gogo", "gogo"})
    if (name == n) return true;
  return false;
}

// Behind deferreturn's CALL of jmpdefer; 0 if there is none.
uint64_t call_of_jmpdefer(const model::Program& p) {
  const model::Function* deferreturn = p.function_named("runtime.deferreturn");
  const model::Function* jmpdefer = p.function_named("runtime.jmpdefer");
  if (!deferreturn || !jmpdefer) return 0;
  for (const model::Call& c : p.calls_in(*deferreturn))
    if (c.target == jmpdefer->f.entry) return c.next;
  return 0;
}

}  // namespace

GuestView::GuestView(const emu::Machine& machine, const model::Program* program)
    : machine_(machine), program_(program) {
  if (!program) return;
  const model::Layouts& l = program->layouts();
  goid_ = l[F::g_goid], m_ = l[F::g_m], curg_ = l[F::m_curg];
}

std::optional<uint64_t> GuestView::value(uint64_t address, unsigned bytes) const {
  uint64_t v = 0;
  if (!state().memory.peek(address, &v, bytes)) return std::nullopt;
  return v;
}

std::optional<uint64_t> GuestView::word(uint64_t address) const { return value(address, 8); }

uint64_t GuestView::field(uint64_t base, F f) const {
  if (!program_ || base == 0) return 0;
  const model::FieldAt at = program_->layouts()[f];
  return at ? value(base + static_cast<uint64_t>(at.offset), std::min(at.size, 8u)).value_or(0) : 0;
}

// --- who ---

uint64_t GuestView::current_g(const isa::CpuState& cpu) const {
  if (!amd64()) return cpu.r[28];
  const uint64_t fs = cpu.r[isa::kFsBase];
  return fs ? word(fs - 8).value_or(0) : 0;
}

Who GuestView::who(const emu::Thread& thread) const {
  Who w;
  w.tid = thread.tid;
  if (!program_) return w;
  const uint64_t g = current_g(thread.cpu);
  if (g == 0) return w;
  w.goid = word(g + static_cast<uint64_t>(goid_.offset)).value_or(0);
  w.g = g;
  if (w.goid != 0) return w;
  w.system = true;
  const uint64_t m = word(g + static_cast<uint64_t>(m_.offset)).value_or(0);
  w.g = m ? word(m + static_cast<uint64_t>(curg_.offset)).value_or(0) : 0;
  if (w.g) w.goid = word(w.g + static_cast<uint64_t>(goid_.offset)).value_or(0);
  return w;
}

Standing GuestView::standing_of(const emu::Thread& t) const {
  const isa::CpuState& c = t.cpu;
  Standing s;
  s.who = who(t), s.thread = &t;
  s.pc = c.pc, s.sp = c.r[sp_register()], s.fp = c.r[amd64() ? isa::kRbp : isa::Reg{29}];
  s.lr = amd64() ? 0 : c.r[isa::kX30];
  return s;
}

Standing GuestView::standing(const Who& wanted) const {
  if (who().same(wanted)) return standing_of(state().thread());
  for (const emu::Thread& t : state().threads)
    if (t.status != emu::ThreadStatus::Exited && who(t).same(wanted)) return standing_of(t);
  Standing s;
  s.who = wanted;
  if (!program_ || wanted.g == 0) return s;
  const uint64_t sched = wanted.g + static_cast<uint64_t>(program_->layouts()[F::g_sched].offset);
  s.pc = field(sched, F::gobuf_pc), s.sp = field(sched, F::gobuf_sp);
  s.fp = field(sched, F::gobuf_bp), s.lr = field(sched, F::gobuf_lr);
  return s;
}

uint64_t GuestView::depth(const Who& w, uint64_t at) const {
  if (!w.system) return stack_hi(w.g) - at;
  if (const uint64_t hi = w.g ? stack_hi(w.g) : 0; hi && at <= hi && at > word(w.g).value_or(0)) return hi - at;
  return kSystemDepth + (stack_hi(current_g(cpu())) - at);
}

std::string GuestView::who_text(const Who& w) const {
  if (w.goid == 0) return fmt::format("thread {}", w.tid);
  return fmt::format("g{}{}", w.goid, w.system ? " on the system stack" : "");
}

// --- frames ---

std::vector<Frame> GuestView::frames_from(uint64_t pc, uint64_t sp, uint64_t lr, unsigned limit) const {
  std::vector<Frame> out;
  bool innermost = true;
  while (out.size() < limit) {
    Frame f;
    f.pc = pc, f.sp = sp, f.innermost = innermost;
    f.function = pc ? function(innermost ? pc : pc - 1) : nullptr;
    if (!f.function) {
      if (innermost) out.push_back(f);
      break;
    }
    const int32_t delta = program_->go().funcs.sp_delta(f.function->f, f.lookup_pc()).value_or(0);
    const auto frame_size = static_cast<uint64_t>(std::max(delta, 0));
    if (amd64()) {
      f.ret_slot = sp + frame_size;
      f.cfa = f.ret_slot + 8;
      f.ret = word(f.ret_slot).value_or(0);
    } else {
      // jmpdefer moves SP by hand: its table does not hold; what it returns to is in LR.
      const bool by_hand = innermost && f.function->name() == "runtime.jmpdefer";
      const uint64_t size = by_hand ? 0 : frame_size;
      f.cfa = sp + size;
      f.ret_slot = size ? sp : 0;
      f.ret = size ? word(sp).value_or(0) : innermost ? lr : 0;
      // LR was moved back onto the CALL already, but SP is still deferreturn's: that frame is still there.
      if (by_hand && word(sp) == lr + 4)
        if (const uint64_t back = call_of_jmpdefer(*program_)) f.ret = back;
    }
    out.push_back(f);
    if (f.function->f.flag & 1 || is_bottom(f.function->name())) break;
    pc = f.ret, sp = f.cfa, innermost = false;
  }
  return out;
}

std::vector<Frame> GuestView::frames(const Standing& s, unsigned limit) const {
  std::vector<Frame> out = frames_from(s.pc, s.sp, s.lr, limit);
  const Who& w = s.who;
  if (!s.thread || !w.system || w.g == 0 || out.size() >= limit) return out;
  const model::Layouts& l = program_->layouts();
  const uint64_t sched = w.g + static_cast<uint64_t>(l[F::g_sched].offset);
  const uint64_t gpc = field(sched, F::gobuf_pc), gsp = field(sched, F::gobuf_sp);
  std::vector<Frame> rest = frames_from(gpc, gsp, field(sched, F::gobuf_lr), limit - static_cast<unsigned>(out.size()));
  if (!rest.empty() && rest[0].function) out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::optional<Frame> GuestView::frame0() const {
  const auto f = frames_from(pc(), sp(), amd64() ? 0 : cpu().r[isa::kX30], 1);
  if (f.empty() || !f[0].function) return std::nullopt;
  return f[0];
}

// --- names ---

std::string GuestView::place(uint64_t at) const {
  const auto s = machine_.image().symbol_at(at);
  if (!s) return fmt::format("{:#x}", at);
  const std::string name = model::readable(s->name);
  return s->offset ? fmt::format("{}+{}", name, s->offset) : name;
}

std::string GuestView::line(uint64_t at) const {
  const model::Function* f = function(at);
  if (!f) return {};
  const loader::SourceLine l = program_->go().funcs.line(f->f, at);
  return l.line > 0 ? fmt::format("{}:{}", base_name(l.file), l.line) : std::string();
}

std::string GuestView::inlined(uint64_t at) const {
  const model::Function* f = function(at);
  if (!f) return {};
  const auto stack = program_->go().funcs.inline_stack(f->f, at);
  return stack.size() > 1 ? model::readable(stack[0].function) : std::string();
}

std::string GuestView::funcval(uint64_t v) const {
  const auto code = v % 8 == 0 ? word(v) : std::nullopt;
  const model::Function* f = code ? function(*code) : nullptr;
  return f && f->f.entry == *code ? fmt::format("funcval of {}", model::readable(f->name())) : std::string();
}

std::string GuestView::of(uint64_t v) const {
  if (v < 0x1000) return {};
  if (const auto s = machine_.image().symbol_at(v)) {
    if (s->kind == loader::SymbolKind::function || s->size == 0 || v - s->address < s->size) {
      if (s->kind == loader::SymbolKind::data)
        if (std::string name = funcval(v); !name.empty()) return name;
      if (s->kind == loader::SymbolKind::function || s->size != 0) return place(v);
    }
  }
  const Who w = who();
  if (w.g) {
    const uint64_t lo = word(w.g).value_or(0), hi = stack_hi(w.g);
    if (v >= lo && v < hi) {
      const uint64_t base =
          w.system ? field(w.g + static_cast<uint64_t>(program_->layouts()[F::g_sched].offset), F::gobuf_sp) : sp();
      if (base < lo || base > hi) return "its stack";
      const auto off = static_cast<int64_t>(v - base);
      if (!w.system && off > 0)
        for (const Frame& f : frames(6))
          if (!f.innermost && f.sp == v && f.function)
            return fmt::format("{}'s SP at its call", model::readable(f.function->name()));
      const std::string closure = funcval(v);  // from 1.17 on they lie on the stack too
      const std::string where = w.system   ? std::string("its stack")
                                : off == 0 ? "SP"
                                           : fmt::format("SP{}{}", off < 0 ? "" : "+", traces::say_number(off));
      return closure.empty() ? where : closure + ", " + where;
    }
    if (v == w.g) return fmt::format("g{}", w.goid);
  }
  return funcval(v);
}

std::string GuestView::system_call(uint64_t number) const {
  if (machine_.image().os() != loader::Os::linux_) return {};
  const int row = emu::linux_::find_syscall(amd64() ? 0 : 1, number);
  return row < 0 ? "" : emu::linux_::syscall_rows()[static_cast<size_t>(row)].name;
}

std::string GuestView::instruction_text(uint64_t at, unsigned* size) const {
  uint8_t bytes[16];
  unsigned n = amd64() ? 15 : 4;
  while (n > 0 && !state().memory.peek(at, bytes, n)) --n;
  std::string out;
  if (n == 0) {
    if (size) *size = amd64() ? 1 : 4;
    return "not mapped";
  }
  const isa::Arch arch = amd64() ? isa::Arch::x86_64 : isa::Arch::arm64;
  isa::TextSize t;
  if (syntax == "gnu") {
    t = isa::append_gnu(arch, {bytes, n}, at, out);
  } else {
    isa::TextOptions options;
    options.asm_names = syntax == "asm";
    t = isa::append_go(arch, {bytes, n}, at, ImageSymbols(machine_.image()), options, out);
  }
  if (size) *size = std::max(t.size, 1u);
  return out;
}

isa::Lifted GuestView::lift(uint64_t at) const {
  isa::Lifted in;
  uint8_t bytes[16];
  unsigned n = amd64() ? 15 : 4;
  while (n > 0 && !state().memory.peek(at, bytes, n)) --n;
  if (n == 0 || (!amd64() && n < 4)) {
    in.fault = isa::Fault::Page;
  } else if (amd64()) {
    isa::x86_64::lift(bytes, n, at, in);
  } else {
    uint32_t w;
    std::memcpy(&w, bytes, 4);
    isa::arm64::lift(w, at, in);
  }
  return in;
}

}  // namespace deferscope::cli
