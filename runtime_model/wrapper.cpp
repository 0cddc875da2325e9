// What a wrapper stands for: `defer f(x)` is compiled to a closure F.func1, F.dwrap.1 or F.deferwrap1 that calls f. The
// funcID says that it is one. For what: its inline tree, else its call, helpers of the compiler left out; where it
// calls through a word that the closure captured (a function value, an interface's method), that word, once there is
// one.
#include <array>
#include <map>

#include "runtime_model/program.h"

namespace deferscope::model {
namespace {

bool starts(std::string_view s, std::string_view with) { return s.substr(0, with.size()) == with; }

// Calls that the compiler adds to what the source says: stack checks, write barriers, copies, boxes for interfaces.
constexpr std::string_view kHelpers[] = {
    "runtime.morestack",   "runtime.newobject", "runtime.gcWriteBarrier", "runtime.wb",   "runtime.typedmemmove",
    "runtime.typedmemclr", "runtime.duff",      "runtime.convT",          "runtime.conv", "runtime.mallocgc",
    "runtime.panicwrap",   "runtime.panicnil",  "runtime.racefuncenter"};
// Functions of the runtime that stand for something of the language.
struct Builtin {
  std::string_view function, name;
};
constexpr Builtin kBuiltins[] = {{"runtime.closechan", "close"},      {"runtime.mapdelete", "delete"},
                                 {"runtime.printlock", "print"},      {"runtime.gopanic", "panic"},
                                 {"runtime.gorecover", "recover"},    {"runtime.memmove", "copy"},
                                 {"runtime.slicestringcopy", "copy"}, {"runtime.slicecopy", "copy"},
                                 {"runtime.memclr", "clear"},         {"runtime.mapclear", "clear"}};

bool is_helper(std::string_view name) {
  for (std::string_view h : kHelpers)
    if (starts(name, h)) return true;
  return false;
}

std::string_view builtin(std::string_view name) {
  for (const Builtin& b : kBuiltins)
    if (starts(name, b.function)) return b.name;
  return {};
}

// Where a value comes from: the closure, a word that it captured, a word that such a one points at.
struct Source {
  enum Kind : uint8_t { none, closure, captured, behind } kind = none;
  uint32_t offset = 0;  // of the captured word
  uint32_t at = 0;      // behind: offset from where it points
};

// Follows the captured words through registers and the frame, in order of address.
class Follower {
 public:
  Follower(isa::Reg context, isa::Reg sp) : sp_(sp) { regs_[context].kind = Source::closure; }

  void see(const Insn& i) {
    for (unsigned n = 0; n < i.in->count; ++n) {
      const isa::Uop& u = i.in->uops[n];
      if (u.op == isa::Op::Store && u.width == 8 && u.mem.base == sp_ && u.mem.index == isa::kZero)
        frame_[u.mem.disp] = of(u.b);
      Source to;
      if (u.op == isa::Op::Load && u.width == 8 && u.mem.index == isa::kZero && u.mem.seg == isa::kZero)
        to = loaded(u.mem);
      if (u.op == isa::Op::Mov && !u.b_imm && u.width == 8) to = of(u.b);
      Source second;
      if (u.op == isa::Op::LoadPair && u.width == 8 && u.mem.index == isa::kZero) {  // arm64, 1.25+
        isa::Mem next = u.mem;
        next.disp += u.width;
        to = loaded(u.mem), second = loaded(next);
      }
      const bool writes = u.op != isa::Op::Store && u.op != isa::Op::StorePair;
      if (writes && u.dst < isa::kRegs) regs_[u.dst] = to;
      if (writes && u.dst2 < isa::kRegs) regs_[u.dst2] = second;
    }
  }
  Source of(isa::Reg r) const { return r < isa::kRegs ? regs_[r] : Source{}; }
  void called() { regs_ = {}; }

 private:
  Source loaded(const isa::Mem& m) const {
    if (m.base == sp_) {
      const auto it = frame_.find(m.disp);
      return it == frame_.end() ? Source{} : it->second;
    }
    const Source base = of(m.base);
    if (m.disp < 0) return {};
    const auto disp = static_cast<uint32_t>(m.disp);
    if (base.kind == Source::closure && disp) return {Source::captured, disp, 0};
    if (base.kind == Source::captured) return {Source::behind, base.offset, disp};
    return {};
  }

  isa::Reg sp_;
  std::array<Source, isa::kRegs> regs_{};
  std::map<int64_t, Source> frame_;
};

constexpr int kMaxInstructions = 4096;  // a wrapper is short

// main.wrap·1: what the compiler makes of `defer print(…)` up to 1.17. Not one for recover: it has no such flag.
bool wraps_builtin(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot != std::string_view::npos && starts(name.substr(dot + 1), "wrap·");
}

}  // namespace

// What the compiler inlined into a wrapper, where there is no inline tree (in listings): FUNCDATA_WrapInfo (1.18+) is
// its offset in the code; a method value's wrapper has the method's name.
static const Function* wrap_info(const Program& p, const Function& f) {
  constexpr uint32_t kWrapInfo = 7;
  constexpr std::string_view kMethodValue = "-fm";
  if (p.image().listing() && f.name().ends_with(kMethodValue))
    return p.function_named(f.name().substr(0, f.name().size() - kMethodValue.size()));
  const auto at = p.image().listing() && f.wrapper ? p.go().funcs.funcdata(f.f, kWrapInfo) : std::nullopt;
  const auto offset = at ? p.image().memory().read_u32(*at) : std::nullopt;
  return offset ? p.function_at(p.go().funcs.text() + *offset) : nullptr;
}

Wrapped Program::find_wrapped(const Function& f) const {
  Wrapped w;
  w.is_wrapper = f.wrapper;
  if (const Function* inlined = wrap_info(*this, f)) {
    w.function = inlined->name();
    w.found_by = "wrap info";
    return w;
  }
  // A promoted method that only adjusts its receiver and jumps on is no wrapper to the runtime: it leaves no frame.
  if (!f.wrapper && !wraps_builtin(f.name()) && location(f.f.entry).file != "<autogenerated>") return w;
  uint64_t call = 0, jump = 0;
  std::string inlined;
  std::string_view in_language;
  bool decided = false;
  Follower follow(context_register(isa()), amd64() ? isa::kRsp : isa::kSp);
  int left = kMaxInstructions;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    follow.see(i);
    const auto c = as_call(i);
    const Function* target = c && c->target ? function_at(c->target) : nullptr;
    if (target && !is_helper(target->name()) && !call) {
      const std::string_view word = builtin(target->name());
      if (word.empty() && !decided)
        call = c->target;
      else if (in_language.empty())
        in_language = word;
      decided = decided || (!word.empty() && word != "copy" && word != "clear");  // those also serve other calls
    }
    if (c && !c->target && !w.through) {
      const Source s = follow.of(i.in->uops[i.in->count - 1].a);
      if (s.kind == Source::behind) w.through = s.offset, w.through_at = s.at;
    }
    if (c) follow.called();
    const auto j = as_jump(i);
    if (j && !f.f.contains(*j) && !jump) jump = *j;
    if (inlined.empty()) {
      const auto frames = go_->funcs.inline_stack(f.f, i.pc);
      if (frames.size() >= 2) inlined = std::string(frames[frames.size() - 2].function);
    }
    return inlined.empty() && --left > 0;
  });
  const Function* target = function_at(call ? call : jump);
  if (!inlined.empty()) {
    w.function = inlined;
    w.found_by = "inline tree";
    w.through = 0;
  } else if (w.through) {
    w.found_by = "captured word";
  } else if ((call || jump) && target && !(jump && !call && is_helper(target->name()))) {
    w.function = target->name();
    w.found_by = call ? "call target" : "jump target";
  } else if (!in_language.empty()) {
    w.function = in_language;
    w.found_by = "call target";
  }
  return w;
}

const Wrapped& Program::wrapped(const Function& f) const {
  const auto [wrapped, fresh] = wrapped_.of(&f);
  if (fresh) try {
      *wrapped = find_wrapped(f);
    } catch (const loader::Error&) {
    }
  return *wrapped;
}

std::string Program::stands_for(const Function& f) const {
  constexpr int kDepth = 4;
  std::string name = wrapped(f).function;
  if (!f.wrapper && name.empty()) name = builtin(f.name());
  for (int depth = 0; depth < kDepth && !name.empty(); ++depth) {
    const Function* next = function_named(name);
    const std::string further = !next                              ? ""
                                : !wrapped(*next).function.empty() ? wrapped(*next).function
                                                                   : std::string(builtin(name));
    if (further.empty()) break;
    name = further;
  }
  return name;
}

}  // namespace deferscope::model
