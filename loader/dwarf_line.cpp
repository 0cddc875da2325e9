// The state machine of line number programs and the tables before it.
#include "loader/dwarf_line.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <vector>

#include "loader/error.h"

namespace deferscope::loader {
namespace {

// Reads forward in one program and throws at its end.
class Cursor {
 public:
  Cursor(Bytes bytes, uint64_t program) : bytes_(bytes), program_(program) {}

  bool more() const { return at_ < bytes_.size(); }
  uint64_t at() const { return at_; }
  template <class T>
  T fixed() {
    auto value = get<T>(bytes_, at_);
    if (!value) fail();
    at_ += sizeof(T);
    return *value;
  }
  uint64_t varint() {
    auto value = uvarint(bytes_, &at_);
    if (!value) fail();
    return *value;
  }
  int64_t signed_varint() {
    auto value = svarint(bytes_, &at_);
    if (!value) fail();
    return *value;
  }
  std::string_view string() {
    auto text = c_string(bytes_, at_);
    if (!text) fail();
    at_ += text->size() + 1;
    return *text;
  }
  Bytes block(uint64_t size) {
    auto part = slice(bytes_, at_, size);
    if (!part) fail();
    at_ += size;
    return *part;
  }
  uint64_t offset(bool wide) { return wide ? fixed<uint64_t>() : fixed<uint32_t>(); }
  [[noreturn]] void fail() const {
    throw Error(fmt::format("corrupt DWARF: the line table at {:#x} is damaged", program_));
  }

 private:
  Bytes bytes_;
  uint64_t program_, at_ = 0;
};

struct Header {
  bool wide = false;  // 64-bit DWARF
  uint16_t version = 0;
  uint8_t least_instruction = 1, line_range = 1, opcode_base = 1;
  int8_t line_base = 0;
  bool default_is_stmt = false;
  std::vector<uint8_t> operands;        // of standard opcodes, by opcode - 1
  std::vector<std::string_view> files;  // by the number that the program uses
};

// --- file tables ---

void read_files(Cursor& c, Header& h) {  // versions 2 to 4
  while (!c.string().empty()) {          // directories
  }
  h.files.emplace_back();  // counted from 1
  for (std::string_view name = c.string(); !name.empty(); name = c.string()) {
    h.files.push_back(name);
    c.varint(), c.varint(), c.varint();  // directory, time, length
  }
}

struct Format {
  uint64_t content, form;
};

// One field of a version 5 entry; its text where it is one.
std::string_view read_field(Cursor& c, const Header& h, uint64_t form, const LineSections& sections) {
  switch (form) {
    case DW_FORM_string: return c.string();
    case DW_FORM_line_strp: return c_string(sections.line_str, c.offset(h.wide)).value_or("");
    case DW_FORM_strp: return c_string(sections.str, c.offset(h.wide)).value_or("");
    case DW_FORM_udata: c.varint(); return {};
    case DW_FORM_data1: c.block(1); return {};
    case DW_FORM_data2: c.block(2); return {};
    case DW_FORM_data4: c.block(4); return {};
    case DW_FORM_data8: c.block(8); return {};
    case DW_FORM_data16: c.block(16); return {};
    case DW_FORM_block: c.block(c.varint()); return {};
    default: c.fail();
  }
}

// A table of directories or files: formats, then entries. Gives the names.
std::vector<std::string_view> read_table(Cursor& c, const Header& h, const LineSections& sections) {
  std::vector<Format> formats(c.fixed<uint8_t>());
  for (Format& f : formats) f.content = c.varint(), f.form = c.varint();
  std::vector<std::string_view> names;
  const uint64_t count = c.varint();
  if (formats.empty() && count) c.fail();
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view name;
    for (const Format& f : formats) {
      const std::string_view text = read_field(c, h, f.form, sections);
      if (f.content == DW_LNCT_path) name = text;
    }
    names.push_back(name);
  }
  return names;
}

Header read_header(Cursor& c, bool wide, const LineSections& sections) {
  Header h;
  h.wide = wide;
  h.version = c.fixed<uint16_t>();
  if (h.version < 2 || h.version > 5) c.fail();
  if (h.version >= 5) c.block(2);  // sizes of addresses and segment selectors
  const uint64_t length = c.offset(wide), program = c.at() + length;
  h.least_instruction = c.fixed<uint8_t>();
  if (h.version >= 4) c.block(1);  // operations per instruction: 1 but on VLIW machines
  h.default_is_stmt = c.fixed<uint8_t>() != 0;
  h.line_base = c.fixed<int8_t>();
  h.line_range = c.fixed<uint8_t>();
  h.opcode_base = c.fixed<uint8_t>();
  if (h.line_range == 0 || h.opcode_base == 0) c.fail();
  for (int i = 1; i < h.opcode_base; ++i) h.operands.push_back(c.fixed<uint8_t>());
  if (h.version < 5) {
    read_files(c, h);
  } else {
    read_table(c, h, sections);  // directories
    h.files = read_table(c, h, sections);
  }
  if (program < c.at()) c.fail();
  c.block(program - c.at());
  return h;
}

// --- the program ---

class Machine {
 public:
  Machine(const Header& h, const LineVisit& visit) : h_(h), visit_(visit) { reset(); }

  void step(Cursor& c) {
    const uint8_t opcode = c.fixed<uint8_t>();
    if (opcode >= h_.opcode_base) return special(opcode);
    if (opcode == 0) return extended(c);
    switch (opcode) {
      case DW_LNS_copy: emit(); return;
      case DW_LNS_advance_pc: advance(c.varint()); return;
      case DW_LNS_advance_line: add_line(c.signed_varint()); return;
      case DW_LNS_set_file: file_ = c.varint(); return;
      case DW_LNS_set_column: c.varint(); return;
      case DW_LNS_negate_stmt: row_.is_stmt = !row_.is_stmt; return;
      case DW_LNS_set_basic_block: return;
      case DW_LNS_const_add_pc: advance((255u - h_.opcode_base) / h_.line_range); return;
      case DW_LNS_fixed_advance_pc: row_.address += c.fixed<uint16_t>(); return;
      case DW_LNS_set_prologue_end: row_.prologue_end = true; return;
      case DW_LNS_set_epilogue_begin: return;
      case DW_LNS_set_isa: c.varint(); return;
      default:
        for (uint8_t n = h_.operands[opcode - 1u]; n > 0; --n) c.varint();
    }
  }

 private:
  void reset() {
    row_ = {};
    row_.line = 1;
    row_.is_stmt = h_.default_is_stmt;
    file_ = 1;
  }

  void special(uint8_t opcode) {
    const unsigned adjusted = opcode - unsigned{h_.opcode_base};
    advance(adjusted / h_.line_range);
    add_line(h_.line_base + static_cast<int>(adjusted % h_.line_range));
    emit();
  }

  void extended(Cursor& c) {
    const uint64_t length = c.varint();
    if (length == 0) return;
    const uint64_t from = c.at();
    switch (c.fixed<uint8_t>()) {
      case DW_LNE_end_sequence:
        row_.end_sequence = true;
        emit();
        reset();
        break;
      case DW_LNE_set_address: row_.address = c.fixed<uint64_t>(); break;
      default: break;
    }
    const uint64_t read = c.at() - from;
    if (read > length) c.fail();
    c.block(length - read);
  }

  void advance(uint64_t operations) { row_.address += operations * h_.least_instruction; }
  void add_line(int64_t n) {
    row_.line = static_cast<int32_t>(static_cast<uint32_t>(row_.line) + static_cast<uint64_t>(n));
  }

  void emit() {
    row_.file = file_ < h_.files.size() ? h_.files[static_cast<size_t>(file_)] : std::string_view();
    visit_(row_);
    row_.prologue_end = false;
  }

  const Header& h_;
  const LineVisit& visit_;
  LineRow row_;
  uint64_t file_ = 1;
};

}  // namespace

uint64_t each_line_row(const LineSections& sections, uint64_t offset, const LineVisit& visit) {
  const Bytes rest = offset < sections.line.size() ? sections.line.subspan(static_cast<size_t>(offset)) : Bytes{};
  Cursor start(rest, offset);
  uint64_t length = start.fixed<uint32_t>();
  const bool wide = length == 0xffffffff;
  if (wide) length = start.fixed<uint64_t>();
  Cursor c(start.block(length), offset);
  const Header h = read_header(c, wide, sections);
  Machine machine(h, visit);
  while (c.more()) machine.step(c);
  return start.at();
}

}  // namespace deferscope::loader
