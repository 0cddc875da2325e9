// Reading a listing's text: symbols with bytes, relocations and instructions, out of whatever stands around them.
// Internal to the room.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isa/isa.h"
#include "loader/bytes.h"

namespace deferscope::loader {

struct ListedReloc {
  uint32_t offset = 0, size = 0;
  std::string type;    // "8", "R_CALL", "RelocType(-32763)"
  std::string symbol;  // a linked program's name; "" for none
  int64_t addend = 0;
  uint32_t line = 0;  // of the text
};

struct ListedInsn {
  uint32_t offset = 0;
  uint32_t line = 0;
  std::string file;
  int32_t source_line = 0;
  std::string text;
};

enum class ListedKind : uint8_t { text, rodata, data, bss };

struct TextSymbol {
  std::string name, listed;  // main.f, "".f
  ListedKind kind = ListedKind::text;
  uint32_t line = 0;  // of its head
  uint32_t size = 0;
  bool sized = false;  // the head says the size
  int32_t arguments = 0, locals = 0, frame = -1;
  int func_id = -1;  // as the head says it (1.16+)
  bool wrapper = false;
  std::vector<uint8_t> bytes;
  std::vector<bool> covered;
  uint32_t missing = 0;  // bytes that no line gave
  std::vector<ListedReloc> relocs;
  std::vector<ListedInsn> insns;
  std::string damage;  // why it is not used: ""
};

struct ListedText {
  std::vector<TextSymbol> symbols;  // complete ones, of each name the first
  std::vector<std::string> notes;
  size_t without_bytes = 0;          // functions with instructions and no byte
  std::string first_bare;            // the first of them
  std::string source;                // the Go file that most instructions name
  std::map<std::string, int> hints;  // shapes seen, for the version (listing_version.cpp)
  std::optional<isa::Isa> isa;
};

// Reads all of it; never throws for what the text holds. `name` is for notes.
void read_listing_text(std::string_view text, const std::string& name, ListedText* out);

}  // namespace deferscope::loader
