// Texts of a file or a guest on their way to a reader. A terminal acts on control characters, draws text backwards at
// bidirectional ones and shows nothing of others, so whoever wrote the file could write on the screen what he likes.
// Everything of that kind is escaped, here and nowhere else:
//
//   C0 and DEL                            \n \t \r \x1b       as in a Go string
//   C1, bidirectional, invisible          \u0085 \u202e
//   a byte that is no UTF-8               \xff
//
// All other characters stay as they are. Names of a file (functions, files, symbols, sections, types, build settings)
// are escaped when they are read, so no stage has others, and JSON shows the same. What the guest makes (the text of a
// panic, a string) stays as it is in the model and in JSON, which escapes by its own rules; text writers escape it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace deferscope::loader {

// The character at s[i]. `size` bytes; one, with `valid` false, where there is no UTF-8.
struct Character {
  uint32_t code = 0;
  uint8_t size = 1;
  bool valid = true;
};
Character character_at(std::string_view s, size_t i);
// True for what is escaped above: C0, DEL, C1, bidirectional, invisible.
bool is_control(uint32_t code);

std::string printable(std::string_view s);
// The same; what needs no escaping is returned as it is, else a text that lives as long as the process.
std::string_view printable_name(std::string_view s);
// Whole lines: '\n' and '\t' stay.
std::string printable_lines(std::string_view s);

}  // namespace deferscope::loader
