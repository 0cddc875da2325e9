// Go variables by name, from DWARF: those of a frame, those of packages.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "loader/dwarf.h"
#include "session/focus.h"
#include "session/values.h"

namespace deferscope::session {

struct Variable {
  std::string name;
  loader::VariableRole role = loader::VariableRole::local;
  Value value;
  std::string inlined_from;  // the inlined function that it belongs to; empty: the frame's own
};

class Variables {
 public:
  Variables(const Reader& reader, const Focus& focus) : reader_(reader), focus_(focus) {}

  enum class Set : uint8_t { locals, arguments };  // results are arguments
  // Of the chosen frame, declared where it stands. Throws Error if the program has no DWARF or the frame no function.
  std::vector<Variable> of_frame(Set set, const std::string& filter = "") const;
  // Of packages, whose name contains `filter`. Throws Error as above, and if there are more than can be read.
  std::vector<Variable> of_packages(const std::string& filter) const;
  // The variable of the chosen frame, the innermost one of that name. Nothing if there is none, or no DWARF.
  std::optional<Value> local(const std::string& name) const;
  // Whether the frame has that variable by a pointer only: it moved to the heap, or is another frame's.
  bool by_pointer(const std::string& name) const;
  // Whether it will move to the heap in this function, and has not: what it is now is not what it will be.
  bool moves_later(const std::string& name) const;
  // "main.counter", "counter" (of the chosen frame's package), "language.und" (of whatever path).
  std::optional<Value> global(const std::string& name) const;

 private:
  loader::Dwarf* dwarf() const { return reader_.program() ? reader_.program()->dwarf() : nullptr; }
  loader::Dwarf& need_dwarf() const;
  loader::FrameAccess access_to(const Frame& f) const;
  Value value_of(loader::Dwarf& d, const loader::Variable& v, const Frame& f, const loader::FrameAccess& a) const;
  int line_of(const Frame& f) const;
  std::optional<loader::Variable> innermost(const Frame& f, const std::string& name) const;

  const Reader& reader_;
  const Focus& focus_;
};

}  // namespace deferscope::session
