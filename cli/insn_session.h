// `trace --level insn`: every instruction of a run, to a file (docs/trace-format.md).
#pragma once
#include <memory>
#include <string>

#include "cli/trace.h"

namespace deferscope::cli {

// As TraceSession: attached to a machine before it runs.
class InsnSession {
 public:
  // `binary`: path of the program, for readers.
  InsnSession(emu::Machine& machine, const TraceFlags& flags, const std::string& binary);
  ~InsnSession();
  void finish(const std::string& why = "");
  void cut_short(const std::string& why);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace deferscope::cli
