// libdwarf's C interface behind the owners of dwarf_die.h.
#include "loader/dwarf_die.h"

#include <algorithm>
#include <cstring>

#include "loader/printable.h"

namespace deferscope::loader {
namespace {

constexpr std::string_view kShown[] = {".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str",
                                       ".debug_str_offsets"};

using Shown = std::vector<const DwarfSection*>;

// The object that libdwarf asks for sections. Number 0 is the empty one that ELF files have too.
const Shown& sections_of(void* object) { return *static_cast<const Shown*>(object); }

int section_info(void* object, Dwarf_Half index, Dwarf_Obj_Access_Section* out, int*) {
  const Shown& all = sections_of(object);
  *out = {};
  out->name = "";
  if (index > all.size()) return DW_DLV_NO_ENTRY;
  if (index == 0) return DW_DLV_OK;
  out->name = all[index - 1u]->name.c_str();
  out->size = all[index - 1u]->bytes.size();
  return DW_DLV_OK;
}

int load_section(void* object, Dwarf_Half index, Dwarf_Small** data, int*) {
  const Shown& all = sections_of(object);
  if (index == 0 || index > all.size()) return DW_DLV_NO_ENTRY;
  *data = const_cast<Dwarf_Small*>(all[index - 1u]->bytes.data());  // libdwarf does not write to it
  return DW_DLV_OK;
}

Shown choose(const DwarfSections& sections) {
  Shown shown;
  for (const DwarfSection& s : sections.all())
    if (std::find(std::begin(kShown), std::end(kShown), s.name) != std::end(kShown)) shown.push_back(&s);
  return shown;
}

}  // namespace

DwarfSource::DwarfSource(const DwarfSections& sections)
    : shown_(choose(sections)),
      methods_{section_info,
               [](void*) { return DW_OBJECT_LSB; },
               [](void*) -> Dwarf_Small { return 8; },
               [](void*) -> Dwarf_Small { return 8; },
               [](void* object) -> Dwarf_Unsigned { return sections_of(object).size() + 1; },
               load_section,
               nullptr},
      interface_{&shown_, &methods_} {
  Dwarf_Error error = nullptr;
  int result = dwarf_object_init_b(&interface_, nullptr, nullptr, DW_GROUPNUMBER_ANY, &debug_, &error);
  if (!dwarf_found(debug_, result, error)) throw Error("corrupt DWARF: no .debug_info that libdwarf can read");
}

DwarfSource::~DwarfSource() {
  Dwarf_Error error = nullptr;
  if (debug_) dwarf_object_finish(debug_, &error);
}

bool dwarf_found(Dwarf_Debug debug, int result, const Dwarf_Error& error) {
  if (result == DW_DLV_OK) return true;
  if (result == DW_DLV_NO_ENTRY) return false;
  std::string text = error ? dwarf_errmsg(error) : "unknown error";
  if (error && debug) dwarf_dealloc_error(debug, error);
  throw Error("corrupt DWARF: " + text);
}

unsigned Attribute::form() const {
  Dwarf_Half form = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_whatform(handle_, &form, &error), error);
  return form;
}

uint64_t Attribute::number() const {
  Dwarf_Error error = nullptr;
  if (form() == DW_FORM_sec_offset) {
    Dwarf_Off offset = 0;
    dwarf_found(debug_, dwarf_global_formref(handle_, &offset, &error), error);
    return offset;
  }
  if (form() == DW_FORM_sdata || form() == DW_FORM_implicit_const) {
    Dwarf_Signed value = 0;
    dwarf_found(debug_, dwarf_formsdata(handle_, &value, &error), error);
    return static_cast<uint64_t>(value);
  }
  if (form() == DW_FORM_flag || form() == DW_FORM_flag_present) {
    Dwarf_Bool value = 0;
    dwarf_found(debug_, dwarf_formflag(handle_, &value, &error), error);
    return value != 0;
  }
  Dwarf_Unsigned value = 0;
  dwarf_found(debug_, dwarf_formudata(handle_, &value, &error), error);
  return value;
}

bool Attribute::is_indexed_address() const { return dwarf_addr_form_is_indexed(static_cast<int>(form())); }

uint64_t Attribute::address() const {
  Dwarf_Addr value = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_formaddr(handle_, &value, &error), error);
  return value;
}

uint64_t Attribute::address_index() const {
  Dwarf_Unsigned value = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_get_debug_addr_index(handle_, &value, &error), error);
  return value;
}

uint64_t Attribute::reference() const {
  Dwarf_Off value = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_global_formref(handle_, &value, &error), error);
  return value;
}

bool Attribute::is_expression() const {
  unsigned f = form();
  return f == DW_FORM_exprloc || f == DW_FORM_block || f == DW_FORM_block1 || f == DW_FORM_block2 ||
         f == DW_FORM_block4;
}

Bytes Attribute::expression() const {
  Dwarf_Error error = nullptr;
  if (form() == DW_FORM_exprloc) {
    Dwarf_Unsigned size = 0;
    Dwarf_Ptr data = nullptr;
    dwarf_found(debug_, dwarf_formexprloc(handle_, &size, &data, &error), error);
    return {static_cast<const uint8_t*>(data), static_cast<size_t>(size)};
  }
  Dwarf_Block* block = nullptr;
  dwarf_found(debug_, dwarf_formblock(handle_, &block, &error), error);
  Bytes bytes(static_cast<const uint8_t*>(block->bl_data), static_cast<size_t>(block->bl_len));
  dwarf_dealloc(debug_, block, DW_DLA_BLOCK);
  return bytes;
}

Die Die::at(Dwarf_Debug debug, uint64_t offset) {
  Dwarf_Die handle = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug, dwarf_offdie_b(debug, offset, true, &handle, &error), error))
    throw Error(fmt::format("corrupt DWARF: no entry at {:#x}", offset));
  return Die(debug, handle);
}

unsigned Die::tag() const {
  Dwarf_Half tag = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_tag(handle_, &tag, &error), error);
  return tag;
}

uint64_t Die::offset() const {
  Dwarf_Off offset = 0;
  Dwarf_Error error = nullptr;
  dwarf_found(debug_, dwarf_dieoffset(handle_, &offset, &error), error);
  return offset;
}

std::string_view Die::name() const {
  char* text = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug_, dwarf_diename(handle_, &text, &error), error) || !text) return "";
  return printable_name({text, strnlen(text, kMaxName)});
}

std::unique_ptr<Attribute> Die::attribute(unsigned which) const {
  Dwarf_Attribute handle = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug_, dwarf_attr(handle_, static_cast<Dwarf_Half>(which), &handle, &error), error)) return nullptr;
  return std::make_unique<Attribute>(debug_, handle);
}

std::optional<uint64_t> Die::number(unsigned which) const {
  auto a = attribute(which);
  if (!a) return std::nullopt;
  return a->number();
}

std::optional<Die> Die::first_child() const {
  Dwarf_Die handle = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug_, dwarf_child(handle_, &handle, &error), error)) return std::nullopt;
  return Die(debug_, handle);
}

std::optional<Die> Die::next_sibling() const {
  Dwarf_Die handle = nullptr;
  Dwarf_Error error = nullptr;
  if (!dwarf_found(debug_, dwarf_siblingof_b(debug_, handle_, true, &handle, &error), error)) return std::nullopt;
  return Die(debug_, handle);
}

}  // namespace deferscope::loader
