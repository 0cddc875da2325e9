// What a disassembly lists: the functions of a program in objdump's order, the symbols that name addresses, and the
// bytes of .text.
//
// Names come from the file's symbol table, as objdump takes them. A stripped file has none: then the functions of Go's
// pclntab stand in (names as the runtime knows them, no data symbols), and padding counts to the function before it.
// All addresses here are those of the file (position-independent programs: before relocation), as objdump prints them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "isa/text/text.h"
#include "loader/image.h"

namespace deferscope::cli {

using loader::ListedSymbol;

class Listing : public isa::Symbols {
 public:
  // Throws loader::Error if the file has no code to list.
  explicit Listing(const loader::Image& image);

  isa::SymbolAt at(std::uint64_t address) const override;
  const std::vector<ListedSymbol>& symbols() const { return symbols_; }
  isa::Isa isa() const { return isa_; }
  bool stripped() const { return stripped_; }
  std::uint64_t text_start() const { return start_; }
  std::uint64_t text_end() const { return start_ + text_.size(); }
  // The bytes [from, to) cut to .text.
  std::span<const std::uint8_t> bytes(std::uint64_t from, std::uint64_t to) const;

  // Where the padding at the end of the function [from, to) starts, to the byte: the last instruction may reach into
  // what looks like it. `to` if there is none, or the symbol table says sizes (ELF's does).
  std::uint64_t padding_of(std::uint64_t from, std::uint64_t to) const;

  // The function of pclntab that holds `address`; nothing for code that is not Go's.
  std::optional<loader::Func> function(std::uint64_t address) const;
  // File and line; as objdump has it, "" and 0 outside functions, "" and -1 where the function has no lines.
  loader::SourceLine line(const std::optional<loader::Func>& f, std::uint64_t address) const;
  std::uint64_t runtime_address(std::uint64_t address) const { return address + bias_; }
  const loader::GoProgram* go() const { return go_; }
  const loader::ListingInfo* assembly() const { return image_.listing(); }  // nullptr: a linked program
  const loader::Memory& memory() const { return image_.memory(); }

 private:
  void take_file_symbols(const loader::Image& image);
  void take_pclntab();

  loader::Image image_;                // owns what the names and bytes are views of
  std::vector<ListedSymbol> symbols_;  // by address
  loader::Bytes text_;
  std::uint64_t start_ = 0, bias_ = 0;
  const loader::GoProgram* go_ = nullptr;
  isa::Isa isa_;
  bool stripped_ = false;
};

}  // namespace deferscope::cli
