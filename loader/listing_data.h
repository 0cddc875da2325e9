// Data of the runtime that listings use and that is not in them. Internal to the room.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deferscope::loader {

struct SuppliedData {
  std::vector<uint8_t> bytes;
  bool writable = false;
  uint32_t align = 8;
  int32_t name_at = -1;   // the 4 bytes there take the offset of `type_name` in the section of types
  std::string type_name;  // as a name's data: flags, length, text
  // The 8 bytes there take another symbol's address.
  int32_t pointer_at = -1;
  std::string pointer;
};

// A variable, a table or a basic type's description of the runtime of Go 1.`minor`; nothing if there is none of that
// name. Types under either spelling: type.int, type:int.
std::optional<SuppliedData> supplied_data(std::string_view name, int minor);

// The types of errors that the runtime makes, as names of symbols.
std::vector<std::string> error_types(int minor);

}  // namespace deferscope::loader
