// What a deferred function does to the results and variables of the function that owns it: values before and after the
// call. Where they lie says DWARF; of results also the code that returns them, so that optimised and stripped programs
// have them; and what the deferred function captured a pointer to.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/chain.h"
#include "runtime_model/events.h"
#include "runtime_model/guest.h"
#include "runtime_model/sources.h"

namespace deferscope::model {

// A piece of memory that is compared.
struct Watched {
  enum class Base : uint8_t {
    frame,  // offset from the owner's SP
    stack,  // below the stack's upper end
    memory  // an address
  } base = Base::frame;
  EffectKind kind = EffectKind::variable;
  bool indirect = false;  // the word there is its address
  uint32_t word = 0;      // Base::stack and memory: which word of the closure, or of the arguments, points there
  bool argument = false;
  int64_t offset = 0;
  int64_t behind = 0;  // indirect: from where the word points
  uint64_t size = 0;
  std::string_view name;  // these live as long as Effects; name empty: by its place
  const Shape* shape = nullptr;
};

// Values at the start of a deferred call. Copied with the tracker.
struct EffectProbe {
  const std::vector<Watched>* owned = nullptr;  // the owner's, kept by Effects
  std::array<Watched, 4> pointed;               // what was captured, the first so many
  size_t pointed_count = 0;
  std::vector<uint8_t> before;  // of all, each with a byte before it: whether it was readable
  bool known = false;           // nothing that it may change is missing
};

class Effects {
 public:
  explicit Effects(const Program& program) : p_(program) {}

  // Reads what `deferred` may change; the frame stands at owner.pc. Cheap after the first time for the same pc.
  // `arguments`: ≤ 1.17.
  EffectProbe before(const Guest& guest, const FrameId& owner, const Deferred& deferred,
                     std::span<const uint8_t> arguments);
  // Compares, and fills the event's effects and unchanged results. The stack may have moved: `owner` says where it is.
  void after(const Guest& guest, const EffectProbe& probe, const FrameId& owner, DeferEnd& end) const;

 private:
  struct Owner {
    std::vector<Watched> watched;
    bool results_known = false;
    uint64_t reach = 0;     // from SP to the end of arguments and results
    int64_t arguments = 0;  // from SP to their begin
  };
  void find(Owner& out, const FrameId& owner);
  void add_variables(Owner& out, const FrameId& owner);
  void add_results(Owner& out, const FrameId& owner);
  bool add_declared_result(Owner& out, const Parameter& x, const ResultPlaces& places);
  void add_unnamed_results(Owner& out, const Function& f, const ResultPlaces& places);
  void add_pointed(EffectProbe& probe, const Guest& guest, const FrameId& owner, const Owner& known, Watched w,
                   uint64_t value, std::string_view name, const Shape* type) const;
  std::string_view keep(std::string s);

  const Program& p_;
  Kept<Owner> by_pc_;
  std::deque<std::string> texts_;
};

}  // namespace deferscope::model
