// Values of the guest as Go sees them: what a variable holds, parts of it, what a pointer points at.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/shapes.h"

namespace deferscope::session {

class Reader;

struct Value {
  std::string type;                 // in Go's spelling; empty: a number
  std::vector<uint8_t> bytes;       // as in memory; of a string literal in an expression: its characters
  std::optional<uint64_t> address;  // where it lies; not of numbers, and not if in registers or in pieces
  bool gone = false;                // optimised away at this place
  bool literal = false;             // a string of the expression
  std::string symbol;               // of a number: the data symbol whose address it is, for want of a type

  static Value number(uint64_t v, std::string type = "");
  uint64_t word(size_t offset = 0) const;  // up to 8 bytes from there
};

using ValueKind = model::ShapeKind;

// A field by name, or what an interface holds.
struct Part {
  std::string name;
  Value value;
};

// Types are the model's (runtime_model/shapes.h): from the program's DWARF, else by their spelling.
class Values {
 public:
  explicit Values(const Reader& reader);

  // --- what a value is and consists of; none of these throws ---
  ValueKind kind(const Value& v) const;                       // of a number: address
  const std::string& made_of(const std::string& type) const;  // Shape::made_of
  std::vector<Part> fields(const Value& structure) const;
  std::string element_type(const Value& v) const;  // of a slice or array; else empty
  // Of a slice or array: how many there are, and one of them, without bytes if it is not readable.
  uint64_t count(const Value& v) const;
  Value element_at(const Value& v, uint64_t index) const;
  std::optional<Value> target(const Value& pointer) const;  // nothing if nil, not readable, or of no bytes
  // The bytes of a string, at most so many of them.
  std::string characters(const Value& string, uint64_t most) const;
  // What an interface holds: its dynamic type, and the value where that is known and readable.
  struct Dynamic {
    uint64_t type_word = 0, data = 0;  // type_word 0: the interface is nil
    std::string type;                  // empty: not readable
    bool sized = false;                // the type is described
    std::optional<Value> value;
  };
  Dynamic dynamic(const Value& interface) const;

  Value read(const std::string& type, uint64_t address) const;  // throws Error if it is not mapped
  uint64_t size_of(const std::string& type) const;              // bytes; 8 if the type is not known

  // These throw Error with what is wrong with them.
  Value pointed_at(const Value& pointer) const;                // of a number: the word at that address
  Value field(const Value& v, const std::string& name) const;  // through a pointer; also those of embedded structs
  Value element(const Value& v, int64_t index) const;          // of an array, slice or string, through a pointer
  Value length(const Value& v, bool capacity) const;
  std::string text_of(const Value& string) const;  // a string's characters
  // A number, bool, pointer; of interfaces and slices the first word, which is 0 if they are nil.
  int64_t as_number(const Value& v) const;
  // Where an expression that should be an address leads: pointers and numbers say it, other variables lie there.
  uint64_t as_address(const Value& v) const;
  bool is_string(const Value& v) const;

 private:
  const model::Shape& shape(const std::string& type) const;
  const model::Shape& shape(const Value& v) const { return shape(v.type); }
  std::vector<uint8_t> bytes_at(uint64_t address, uint64_t n) const;  // empty if not readable
  Value part(const Value& of, uint64_t offset, const model::Shape& shape) const;
  std::optional<Value> field_within(const Value& v, const std::string& name, int depth) const;

  const Reader& reader_;
  model::Types spelled_;  // where there is no program
};

}  // namespace deferscope::session
