// C code, and the border between it and Go: what symbols of the program and its libraries tell. No instruction of C
// code means anything to Go.
#include <fmt/format.h>

#include "runtime_model/c_frames.h"
#include "traces/explain_scene.h"

namespace deferscope::traces {
namespace {

using model::CPlace;

class Border {
 public:
  explicit Border(const Seen& x) : x_(x), guest_(x.p, *x.s.state), here_(model::c_place(guest_, x.e.pc)) {}

  void from_c(Lines& out) const {
    const bool go = here_.file.find("not told of") != std::string::npos;
    out.push_back(fmt::format("{}: {}{}", go ? "Go code of a library" : "C code",
                              here_.plt ? "the table of jumps (PLT) of " : "", here_.plt ? file(here_) : here_.text()));
    const Flow& f = x_.e.flow;
    if (!x_.p.in_c(f.target) && leaves()) {
      const char* how = f.kind == Flow::Return ? "returns to Go: " : "calls Go: ";
      out.push_back(how + x_.at(f.target));
      const model::Function* to = x_.p.function_at(f.target);
      if (f.kind != Flow::Return && to && to->name() == "crosscall2")
        out.push_back("Go saves C's registers on this stack, then goes on on a goroutine's");
      return;
    }
    if (!leaves()) return;
    const CPlace to = model::c_place(guest_, f.target);
    if (!to.known) return;
    if (here_.plt)
      out.push_back(to.plt ? "the loader has not yet looked up whose function that is: it does now"
                           : "jumps to " + to.text() + ", as the loader has bound it");
    else if (to.plt)
      out.push_back("calls through the PLT of " + file(to) + ": the jump there leads to the function itself");
    else if (f.kind == Flow::Return)
      out.push_back("returns to " + to.text());
    else if (f.kind == Flow::Call || (!to.function.empty() && to.offset == 0 && to.function != here_.function))
      out.push_back((f.kind == Flow::Call ? "calls " : "jumps to ") + to.text());
  }

  // A call by Go's assembly, or its way back.
  bool to_c(Lines& out) const {
    const Flow& f = x_.e.flow;
    if (!leaves() || !x_.p.in_c(f.target)) return false;
    const CPlace to = model::c_place(guest_, f.target);
    if (!to.known) return false;
    if (f.kind == Flow::Return)
      out.push_back("returns to C: " + to.text());
    else
      out.push_back(fmt::format("calls C: {}, on the system's stack", to.text()));
    return true;
  }

 private:
  bool leaves() const {
    const Flow::Kind k = x_.e.flow.kind;
    return k == Flow::Call || k == Flow::Jump || k == Flow::Return;
  }
  static std::string file(const CPlace& p) { return p.file.empty() ? "the program" : p.file; }

  const Seen& x_;
  model::Guest guest_;
  CPlace here_;
};

}  // namespace

bool explain_c(const Seen& x, Lines& out) {
  if (!x.p.image().uses_cgo() || x.p.image().os() != loader::Os::linux_) return false;
  if (!x.p.in_c(x.e.pc)) return Border(x).to_c(out);
  Border(x).from_c(out);
  return true;
}

}  // namespace deferscope::traces
