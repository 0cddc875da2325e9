// Where the fields of the runtime's structs lie in a given program: from its own DWARF where it has one, else from a
// table by version (layouts.cpp), measured on one patch release of every minor version. A test holds every row of the
// table against the DWARF of real programs.
//
//     const Layouts l = Layouts::of(image, minor);
//     if (auto f = l[F::defer_link]) … f.offset, f.size
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/image.h"

namespace deferscope::model {

enum class S : uint8_t { defer_, panic, g, m, p, gobuf, stack, funcval, eface, saved, count };

// Struct, underscore, field as Go names them (leading underscores dropped).
// clang-format off
enum class F : uint8_t {
  defer_siz, defer_started, defer_heap, defer_rangefunc, defer_openDefer, defer_sp, defer_pc, defer_fn,
  defer_panic, defer_link, defer_head, defer_fd, defer_varp, defer_framepc, panic_argp, panic_arg, panic_link,
  panic_startPC, panic_startSP, panic_pc, panic_sp, panic_lr, panic_fp, panic_retpc, panic_deferBitsPtr,
  panic_slotsPtr, panic_recovered, panic_aborted, panic_repanicked, panic_goexit, panic_deferreturn,
  panic_gopanicFP, g_stack, g_panic, g_defer, g_m, g_sched, g_syscallsp, g_syscallpc, g_param, g_atomicstatus,
  g_goid, g_waitreason, g_sig, g_sigcode0, g_sigcode1, g_sigpc, g_parentGoid, g_gopc, g_startpc, m_g0, m_procid,
  m_gsignal, m_curg, m_p, m_id, p_id, p_status, p_m, p_deferpool, gobuf_sp, gobuf_pc, gobuf_g, gobuf_ctxt,
  gobuf_ret, gobuf_lr, gobuf_bp, stack_lo, stack_hi, funcval_fn, eface_type, eface_data, saved_retpc,
  saved_deferBitsOffset, saved_slotsOffset,
  count
};
// clang-format on

struct FieldAt {
  int32_t offset = -1;  // bytes; -1: this version has no such field
  uint32_t size = 0;
  explicit operator bool() const { return offset >= 0; }
};

struct FieldName {
  F field;
  S owner;
  const char* name;  // in DWARF
};

struct LayoutRow {
  F field;
  int oldest, newest;  // minor versions
  int32_t offset;
  uint32_t size;
};

struct SizeRow {
  S of;
  int oldest, newest;
  uint32_t size;
};

class Layouts {
 public:
  // `minor` 0: unknown. Takes DWARF where the image has it; says in source() and notes() what was used. Costs about
  // 15 ms with DWARF, nothing without.
  static Layouts of(const loader::Image& image, int minor, bool use_dwarf = true);
  // From the table alone. Minors newer than the table take its newest rows.
  static Layouts of_table(int minor);

  FieldAt operator[](F f) const { return fields_[static_cast<size_t>(f)]; }
  uint32_t size(S s) const { return sizes_[static_cast<size_t>(s)]; }
  bool from_dwarf() const { return from_dwarf_; }
  // What a reader should know: "go1.28 is newer than the built-in tables: layouts from DWARF".
  const std::vector<std::string>& notes() const { return notes_; }
  // The fields of a struct that exist here, in order of offset.
  std::vector<FieldName> fields(S s) const;

 private:
  bool read_dwarf(const loader::Image& image);
  std::array<FieldAt, static_cast<size_t>(F::count)> fields_;
  std::array<uint32_t, static_cast<size_t>(S::count)> sizes_{};
  bool from_dwarf_ = false;
  std::vector<std::string> notes_;
};

const char* go_name(S s);  // "runtime._defer"

// The tables, for the test.
const std::vector<FieldName>& field_names();
const std::vector<LayoutRow>& layout_rows();
const std::vector<SizeRow>& size_rows();

}  // namespace deferscope::model
