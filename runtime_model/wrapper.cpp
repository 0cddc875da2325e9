// What a wrapper stands for: `defer f(x)` is compiled to a closure F.func1, F.dwrap.1 or F.deferwrap1 that calls f. The
// funcID says that it is one; its inline tree, else the target of its call, says for what.
#include "runtime_model/program.h"

namespace deferscope::model {
namespace {

bool is_prologue(std::string_view name) { return name.substr(0, 17) == "runtime.morestack"; }

}  // namespace

Wrapped Program::find_wrapped(const Function& f) const {
  Wrapped w;
  w.is_wrapper = f.wrapper;
  if (!f.wrapper) return w;
  uint64_t call = 0, jump = 0;
  std::string inlined;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    const auto c = as_call(i);
    const Function* target = c && c->target ? function_at(c->target) : nullptr;
    if (target && !is_prologue(target->name()) && !call) call = c->target;
    const auto j = as_jump(i);
    if (j && !f.f.contains(*j) && !jump) jump = *j;
    if (inlined.empty()) {
      const auto frames = go_->funcs.inline_stack(f.f, i.pc);
      if (frames.size() >= 2) inlined = std::string(frames[frames.size() - 2].function);
    }
    return inlined.empty();
  });
  const Function* target = function_at(call ? call : jump);
  if (!inlined.empty()) {
    w.function = inlined;
    w.found_by = "inline tree";
  } else if ((call || jump) && target) {
    w.function = target->name();
    w.found_by = call ? "call target" : "jump target";
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

}  // namespace deferscope::model
