// What an event owns of what a program says: names for functions, frames, deferred functions.
#pragma once
#include "runtime_model/chain.h"
#include "runtime_model/events.h"

namespace deferscope::model {

class Naming {
 public:
  explicit Naming(const Program& program) : p_(program) {}
  Name function(const Function* f);  // as texts print it; none for nullptr
  Name function(const FrameId& f) { return f.inlined ? f.inlined : function(f.function); }
  EventFrame frame(const FrameId& f) { return {function(f), f.sp, f.depth, f.pc, f.call}; }
  DeferredFunction deferred(const Deferred& d);
  void tell(const Deferred& d, DeferredFunction& out);  // the same; `out` is new

 private:
  struct Wraps {
    bool wrapper = false;
    Name function;
  };
  const Wraps& wraps(const Function* f);
  Name kept(std::string_view text);
  const Program& p_;
  Kept<Name> functions_;  // by Function
  Kept<Wraps> wraps_;     // by Function
  Kept<Name> texts_;      // by address: texts of the program, which never move
};

}  // namespace deferscope::model
