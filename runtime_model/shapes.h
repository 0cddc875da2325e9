// What a Go type is made of, by its name: read from DWARF once, and kept.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace deferscope::loader {
class Dwarf;
}

namespace deferscope::model {

enum class ShapeKind : uint8_t {
  unknown,  // its type is not described
  boolean,
  integer,
  natural,  // unsigned
  address,  // uintptr, unsafe.Pointer
  floating,
  complex,
  string,
  pointer,
  slice,
  array,
  function,
  map,
  channel,
  interface,
  structure
};

struct Shape {
  struct Field {
    std::string name;
    uint64_t offset = 0;
    const Shape* shape = nullptr;
  };
  ShapeKind kind = ShapeKind::unknown;
  std::string name;     // Go's spelling
  std::string made_of;  // loader::Dwarf::underlying of it
  uint64_t size = 0, align = 1;
  std::string element;           // of a pointer: what it points at
  const Shape* items = nullptr;  // of a slice or array
  uint64_t count = 0;            // of an array
  std::vector<Field> fields;     // of a struct
  bool methods = false;          // an interface with methods: its first word is an itab
};

// The value is one word that points, or nil.
constexpr bool is_reference(ShapeKind k) {
  return k == ShapeKind::pointer || k == ShapeKind::map || k == ShapeKind::channel || k == ShapeKind::function;
}

class Types {
 public:
  // nullptr: what the spelling alone tells, of predeclared types and what is made of them. Not owned.
  explicit Types(loader::Dwarf* dwarf) : dwarf_(dwarf) {}
  // Of an unknown kind where nothing describes it. Stays valid.
  const Shape& shape(std::string_view type) const;

 private:
  void fill(Shape& s) const;

  loader::Dwarf* dwarf_;
  mutable std::unordered_map<std::string, Shape> shapes_;
};

// How the register ABI (1.17+ amd64, 1.18+ arm64; cmd/compile/abi-internal.md) hands one value over: in these
// registers, in this order, or on the stack.
struct AbiPart {
  bool floating = false;
  unsigned index = 0;   // in the ABI's sequence of integer or floating-point registers
  uint64_t offset = 0;  // in the value
};
struct AbiPlace {
  std::vector<AbiPart> parts;  // empty: on the stack, or nothing
  uint64_t stack = 0;          // offset from the first stack argument
};

// Assigns values one after another, as the ABI does for parameters, then (`results`) for results.
class AbiWalk {
 public:
  AbiWalk(bool registers, bool amd64)
      : integers_(!registers ? 0
                  : amd64    ? 9
                             : 16),
        floats_(!registers ? 0
                : amd64    ? 15
                           : 16) {}
  AbiPlace next(const Shape& s);
  void results();  // from here on
  unsigned used(bool floating) const { return floating ? next_float_ : next_integer_; }
  uint64_t stack_used() const { return stack_; }

 private:
  bool assign(const Shape& s, uint64_t offset, std::vector<AbiPart>& parts);

  unsigned integers_, floats_;
  unsigned next_integer_ = 0, next_float_ = 0;
  uint64_t stack_ = 0;
};

// A parameter or result as DWARF declares it.
struct Parameter {
  std::string name, type;
  const Shape* shape = nullptr;
  bool result = false;
  AbiPlace place;
};
struct Signature {
  std::vector<Parameter> all;  // parameters, then results
  // What DWARF lists is all there is: every type is known, and the sizes agree with the function's own.
  bool whole = false;
  unsigned integers = 0, floats = 0;  // registers that the results take
};

}  // namespace deferscope::model
