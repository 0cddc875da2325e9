// DWARF 4 and 5 of a Go program: struct layouts by name, variables of a function and where they are. libdwarf reads the
// entries, from sections that this room bounded and decompressed.
//
// Opening indexes the top-level entries (about 15 ms for a 2 MB program), so open it when first needed and keep it. One
// thread at a time. Everything that is malformed throws Error ("corrupt DWARF: …"); everything that is not there is an
// empty optional. Addresses are relocated.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/dwarf_line.h"
#include "loader/dwarf_location.h"
#include "loader/image.h"

namespace deferscope::loader {

struct Field {
  std::string name;
  uint64_t offset = 0, size = 0;  // bytes
  std::string type;               // Go spelling: "*runtime._defer", "uintptr"
};

struct StructLayout {
  std::string name;
  uint64_t size = 0;
  std::vector<Field> fields;  // in order of offset; blank fields are named "_"

  const Field* field(std::string_view wanted) const;  // nullptr if there is none
};

enum class VariableRole : uint8_t { parameter, result, local };

struct Variable {
  std::string name;  // a leading '&': the variable lives on the heap and this is its address
  std::string type;
  uint64_t size = 0;
  VariableRole role = VariableRole::local;
  int32_t line = 0;                                  // of its declaration; 0 if not said
  std::string inlined_from;                          // the inlined function it belongs to; empty: the function's own
  std::vector<std::pair<uint64_t, uint64_t>> scope;  // [low, high) where it is visible; empty: the whole function
  // Go 1.23+, of a variable that a closure captured: where it lies in the closure (bytes, behind the function's
  // address).
  std::optional<uint64_t> closure_offset;

  // Of a parameter or result that moved to the heap ('&'): its own entry, for where it has not moved yet.
  std::shared_ptr<const Variable> before_heap;

  bool visible_at(uint64_t pc) const;

  // How its location and type are stored; for Dwarf::locate.
  Bytes expression;
  std::optional<uint64_t> list;
  size_t unit = 0;
  uint64_t type_entry = 0;
  bool frame_base_is_cfa = true;  // always in Go code; C code of cgo may differ, and locate() refuses it
};

struct FunctionInfo {
  std::string name;
  uint64_t entry = 0, end = 0;
  // Parameters and results first as declared, then locals by block. Each once: what the compiler says of one in several
  // entries (twice the same in 1.20–1.26; "r" and "&r" of one that moved to the heap) is one here.
  std::vector<Variable> variables;
};

class Dwarf {
 public:
  // nullptr if the file has no DWARF (stripped with -w or -s).
  static std::unique_ptr<Dwarf> open(const Image& image);
  ~Dwarf();

  int version() const;  // of the first unit: 4 or 5

  // The layout of a struct type, "runtime._defer". Strings, slices and interfaces are structs too: "string", "[]int",
  // "runtime.eface".
  std::optional<StructLayout> struct_layout(std::string_view type) const;
  // Size of any named type; pointers and functions are 8.
  std::optional<uint64_t> type_size(std::string_view type) const;
  // What a type is made of, as Go spells it: "main.Stack" → "[]int", "main.Colour" → "uint8"; of every function type
  // "func()" or its own name. Structs, interfaces and what is not known keep their names.
  std::string underlying(std::string_view type) const;
  // A package's variable, "main.counter" or "golang.org/x/text/language.und"; its location holds at any pc.
  std::optional<Variable> global(std::string_view name) const;
  std::vector<std::string_view> globals() const;  // their names, sorted; they live as long as this object
  // The function that holds pc, with its variables.
  std::optional<FunctionInfo> function_at(uint64_t pc) const;
  // Every row of every unit's line table, in the table's order (a sequence ascends). Decoded anew each time: about 10
  // ms for a 2 MB program.
  void each_line_row(const LineVisit& visit) const;
  // Where the variable is when the frame stands at pc (a return address: give pc-1). Location::optimised_away() says
  // that it is nowhere.
  // Go's compiler names the parts of a struct without the padding between them (go1.17–1.27); the pieces come with
  // their true offsets where the type's fields show them.
  Location locate(const Variable& variable, uint64_t pc, const FrameAccess& frame) const;
  // The same in the frame of a caller, whose registers are not known: where it was at the call if that is memory, else
  // where it will be when the call returns (a value in a register has its copy in the frame by then).
  Location locate_in_caller(const Variable& variable, uint64_t return_address, const FrameAccess& frame) const;

 private:
  struct State;
  explicit Dwarf(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The version of DWARF in the file, read without decompressing more than its first bytes; nothing if there is none or
// it is damaged.
std::optional<int> dwarf_version(const Image& image);

}  // namespace deferscope::loader
