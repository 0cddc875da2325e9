// libdwarf's handles with owners, and its errors as exceptions. Internal to the room.
#pragma once
#include <dwarf.h>
#include <fmt/format.h>
#include <libdwarf.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/dwarf_sections.h"

namespace deferscope::loader {

// Hands sections to libdwarf: only those that entries need. Lists and .debug_addr are read in dwarf_lists.cpp, and this
// release of libdwarf frees memory twice on damaged ones. Not movable: libdwarf keeps its address.
class DwarfSource {
 public:
  explicit DwarfSource(const DwarfSections& sections);
  ~DwarfSource();
  DwarfSource(const DwarfSource&) = delete;
  Dwarf_Debug handle() const { return debug_; }

 private:
  std::vector<const DwarfSection*> shown_;
  Dwarf_Obj_Access_Methods methods_;
  Dwarf_Obj_Access_Interface interface_;
  Dwarf_Debug debug_ = nullptr;
};

// True for DW_DLV_OK, false for DW_DLV_NO_ENTRY, throws Error otherwise (and frees libdwarf's error). `error` by
// reference: the call that gives `result` fills it, and arguments are evaluated in any order.
bool dwarf_found(Dwarf_Debug debug, int result, const Dwarf_Error& error);

class Attribute {
 public:
  Attribute(Dwarf_Debug debug, Dwarf_Attribute handle) : debug_(debug), handle_(handle) {}
  Attribute(const Attribute&) = delete;
  ~Attribute() { dwarf_dealloc(debug_, handle_, DW_DLA_ATTR); }

  unsigned form() const;
  // Number in any integer or section-offset form.
  uint64_t number() const;
  bool is_indexed_address() const;
  uint64_t address() const;  // not for indexed ones
  uint64_t address_index() const;
  uint64_t reference() const;  // offset in .debug_info of the entry it refers to
  bool is_expression() const;
  Bytes expression() const;

 private:
  Dwarf_Debug debug_;
  Dwarf_Attribute handle_;
};

// One debugging information entry.
class Die {
 public:
  Die(Dwarf_Debug debug, Dwarf_Die handle) : debug_(debug), handle_(handle) {}
  Die(Die&& other) noexcept : debug_(other.debug_), handle_(std::exchange(other.handle_, nullptr)) {}
  Die& operator=(Die&& other) noexcept {
    std::swap(debug_, other.debug_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Die() {
    if (handle_) dwarf_dealloc_die(handle_);
  }

  static Die at(Dwarf_Debug debug, uint64_t offset);

  unsigned tag() const;
  uint64_t offset() const;
  std::string_view name() const;                               // empty if it has none; lives as long as the Dwarf_Debug
  std::unique_ptr<Attribute> attribute(unsigned which) const;  // nullptr if it has none
  std::optional<uint64_t> number(unsigned which) const;
  std::optional<Die> first_child() const;
  std::optional<Die> next_sibling() const;
  Dwarf_Debug debug() const { return debug_; }

 private:
  Dwarf_Debug debug_;
  Dwarf_Die handle_;
};

}  // namespace deferscope::loader
