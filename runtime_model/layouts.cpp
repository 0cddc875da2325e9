// The table of struct layouts by version, and how DWARF replaces it.
#include "runtime_model/layouts.h"

#include <fmt/format.h>

#include <algorithm>

#include "loader/dwarf.h"
#include "loader/version.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxStruct = 1 << 16;  // a larger one is none of the runtime's

using loader::kNewestMinor;
using loader::kOldestMinor;

constexpr const char* kStructNames[] = {
    "runtime._defer", "runtime._panic", "runtime.g",       "runtime.m",     "runtime.p",
    "runtime.gobuf",  "runtime.stack",  "runtime.funcval", "runtime.eface", "runtime.savedOpenDeferState"};
static_assert(std::size(kStructNames) == static_cast<size_t>(S::count));

}  // namespace

const char* go_name(S s) { return kStructNames[static_cast<size_t>(s)]; }

// clang-format off
const std::vector<FieldName>& field_names() {
  static const std::vector<FieldName> names = {
    {F::defer_siz, S::defer_, "siz"},
    {F::defer_started, S::defer_, "started"},
    {F::defer_heap, S::defer_, "heap"},
    {F::defer_rangefunc, S::defer_, "rangefunc"},
    {F::defer_openDefer, S::defer_, "openDefer"},
    {F::defer_sp, S::defer_, "sp"},
    {F::defer_pc, S::defer_, "pc"},
    {F::defer_fn, S::defer_, "fn"},
    {F::defer_panic, S::defer_, "_panic"},
    {F::defer_link, S::defer_, "link"},
    {F::defer_head, S::defer_, "head"},
    {F::defer_fd, S::defer_, "fd"},
    {F::defer_varp, S::defer_, "varp"},
    {F::defer_framepc, S::defer_, "framepc"},
    {F::panic_argp, S::panic, "argp"},
    {F::panic_arg, S::panic, "arg"},
    {F::panic_link, S::panic, "link"},
    {F::panic_startPC, S::panic, "startPC"},
    {F::panic_startSP, S::panic, "startSP"},
    {F::panic_pc, S::panic, "pc"},
    {F::panic_sp, S::panic, "sp"},
    {F::panic_lr, S::panic, "lr"},
    {F::panic_fp, S::panic, "fp"},
    {F::panic_retpc, S::panic, "retpc"},
    {F::panic_deferBitsPtr, S::panic, "deferBitsPtr"},
    {F::panic_slotsPtr, S::panic, "slotsPtr"},
    {F::panic_recovered, S::panic, "recovered"},
    {F::panic_aborted, S::panic, "aborted"},
    {F::panic_repanicked, S::panic, "repanicked"},
    {F::panic_goexit, S::panic, "goexit"},
    {F::panic_deferreturn, S::panic, "deferreturn"},
    {F::panic_gopanicFP, S::panic, "gopanicFP"},
    {F::g_stack, S::g, "stack"},
    {F::g_panic, S::g, "_panic"},
    {F::g_defer, S::g, "_defer"},
    {F::g_m, S::g, "m"},
    {F::g_sched, S::g, "sched"},
    {F::g_syscallsp, S::g, "syscallsp"},
    {F::g_syscallpc, S::g, "syscallpc"},
    {F::g_param, S::g, "param"},
    {F::g_atomicstatus, S::g, "atomicstatus"},
    {F::g_goid, S::g, "goid"},
    {F::g_waitreason, S::g, "waitreason"},
    {F::g_sig, S::g, "sig"},
    {F::g_sigcode0, S::g, "sigcode0"},
    {F::g_sigcode1, S::g, "sigcode1"},
    {F::g_sigpc, S::g, "sigpc"},
    {F::g_parentGoid, S::g, "parentGoid"},
    {F::g_gopc, S::g, "gopc"},
    {F::g_startpc, S::g, "startpc"},
    {F::m_g0, S::m, "g0"},
    {F::m_procid, S::m, "procid"},
    {F::m_gsignal, S::m, "gsignal"},
    {F::m_curg, S::m, "curg"},
    {F::m_p, S::m, "p"},
    {F::m_id, S::m, "id"},
    {F::p_id, S::p, "id"},
    {F::p_status, S::p, "status"},
    {F::p_m, S::p, "m"},
    {F::p_deferpool, S::p, "deferpool"},
    {F::gobuf_sp, S::gobuf, "sp"},
    {F::gobuf_pc, S::gobuf, "pc"},
    {F::gobuf_g, S::gobuf, "g"},
    {F::gobuf_ctxt, S::gobuf, "ctxt"},
    {F::gobuf_ret, S::gobuf, "ret"},
    {F::gobuf_lr, S::gobuf, "lr"},
    {F::gobuf_bp, S::gobuf, "bp"},
    {F::stack_lo, S::stack, "lo"},
    {F::stack_hi, S::stack, "hi"},
    {F::funcval_fn, S::funcval, "fn"},
    {F::eface_type, S::eface, "_type"},
    {F::eface_data, S::eface, "data"},
    {F::saved_retpc, S::saved, "retpc"},
    {F::saved_deferBitsOffset, S::saved, "deferBitsOffset"},
    {F::saved_slotsOffset, S::saved, "slotsOffset"},
  };
  return names;
}

// Measured from DWARF: go1.12.17 1.13.15 1.14.15 1.15.15 1.16.15 1.17.13 1.18.10 1.19.13 1.20.7 1.21.13 1.22.12 1.23.12
// 1.24.13 1.25.14 1.26.11 1.27.4, linux and darwin, amd64 and arm64; these fields lie alike on all four. Source:
// src/runtime/runtime2.go of each release.
const std::vector<LayoutRow>& layout_rows() {
  static const std::vector<LayoutRow> rows = {
    {F::defer_siz, kOldestMinor, 17, 0, 4},
    {F::defer_started, kOldestMinor, 17, 4, 1},
    {F::defer_started, 18, 21, 0, 1},
    {F::defer_heap, 13, 17, 5, 1},
    {F::defer_heap, 18, 21, 1, 1},
    {F::defer_heap, 22, kNewestMinor, 0, 1},
    {F::defer_rangefunc, 22, kNewestMinor, 1, 1},
    {F::defer_openDefer, 14, 17, 6, 1},
    {F::defer_openDefer, 18, 21, 2, 1},
    {F::defer_sp, kOldestMinor, kNewestMinor, 8, 8},
    {F::defer_pc, kOldestMinor, kNewestMinor, 16, 8},
    {F::defer_fn, kOldestMinor, kNewestMinor, 24, 8},
    {F::defer_panic, kOldestMinor, 21, 32, 8},
    {F::defer_link, kOldestMinor, 21, 40, 8},
    {F::defer_link, 22, kNewestMinor, 32, 8},
    {F::defer_head, 22, kNewestMinor, 40, 8},
    {F::defer_fd, 14, 21, 48, 8},
    {F::defer_varp, 14, 21, 56, 8},
    {F::defer_framepc, 14, 21, 64, 8},
    {F::panic_argp, kOldestMinor, 25, 0, 8},
    {F::panic_arg, kOldestMinor, 25, 8, 16},
    {F::panic_arg, 26, kNewestMinor, 0, 16},
    {F::panic_link, kOldestMinor, 25, 24, 8},
    {F::panic_link, 26, kNewestMinor, 16, 8},
    {F::panic_startPC, 22, 25, 32, 8},
    {F::panic_startPC, 26, kNewestMinor, 24, 8},
    {F::panic_startSP, 22, 25, 40, 8},
    {F::panic_startSP, 26, kNewestMinor, 32, 8},
    {F::panic_pc, 14, 21, 32, 8},
    {F::panic_pc, kNewestMinor, kNewestMinor, 40, 8},
    {F::panic_sp, 14, 21, 40, 8},
    {F::panic_sp, 22, 25, 48, 8},
    {F::panic_sp, 26, 26, 40, 8},
    {F::panic_sp, kNewestMinor, kNewestMinor, 48, 8},
    {F::panic_lr, 22, 25, 56, 8},
    {F::panic_lr, 26, 26, 48, 8},
    {F::panic_fp, 22, 25, 64, 8},
    {F::panic_fp, 26, kNewestMinor, 56, 8},
    {F::panic_retpc, 22, 25, 72, 8},
    {F::panic_retpc, 26, kNewestMinor, 64, 8},
    {F::panic_deferBitsPtr, 22, 25, 80, 8},
    {F::panic_deferBitsPtr, 26, kNewestMinor, 72, 8},
    {F::panic_slotsPtr, 22, 25, 88, 8},
    {F::panic_slotsPtr, 26, kNewestMinor, 80, 8},
    {F::panic_recovered, kOldestMinor, 13, 32, 1},
    {F::panic_recovered, 14, 21, 48, 1},
    {F::panic_recovered, 22, 25, 96, 1},
    {F::panic_recovered, 26, kNewestMinor, 88, 1},
    {F::panic_aborted, kOldestMinor, 13, 33, 1},
    {F::panic_aborted, 14, 21, 49, 1},
    {F::panic_repanicked, 25, 25, 97, 1},
    {F::panic_repanicked, 26, kNewestMinor, 89, 1},
    {F::panic_goexit, 14, 21, 50, 1},
    {F::panic_goexit, 22, 24, 97, 1},
    {F::panic_goexit, 25, 25, 98, 1},
    {F::panic_goexit, 26, kNewestMinor, 90, 1},
    {F::panic_deferreturn, 22, 24, 98, 1},
    {F::panic_deferreturn, 25, 25, 99, 1},
    {F::panic_deferreturn, 26, kNewestMinor, 91, 1},
    {F::panic_gopanicFP, 26, 26, 96, 8},
    {F::g_stack, kOldestMinor, kNewestMinor, 0, 16},
    {F::g_panic, kOldestMinor, kNewestMinor, 32, 8},
    {F::g_defer, kOldestMinor, kNewestMinor, 40, 8},
    {F::g_m, kOldestMinor, kNewestMinor, 48, 8},
    {F::g_sched, kOldestMinor, 24, 56, 56},
    {F::g_sched, 25, kNewestMinor, 56, 48},
    {F::g_syscallsp, kOldestMinor, 24, 112, 8},
    {F::g_syscallsp, 25, kNewestMinor, 104, 8},
    {F::g_syscallpc, kOldestMinor, 24, 120, 8},
    {F::g_syscallpc, 25, kNewestMinor, 112, 8},
    {F::g_param, kOldestMinor, 22, 136, 8},
    {F::g_param, 23, 24, 144, 8},
    {F::g_param, 25, kNewestMinor, 136, 8},
    {F::g_atomicstatus, kOldestMinor, 22, 144, 4},
    {F::g_atomicstatus, 23, 24, 152, 4},
    {F::g_atomicstatus, 25, kNewestMinor, 144, 4},
    {F::g_goid, kOldestMinor, 22, 152, 8},
    {F::g_goid, 23, 24, 160, 8},
    {F::g_goid, 25, kNewestMinor, 152, 8},
    {F::g_waitreason, kOldestMinor, 22, 176, 1},
    {F::g_waitreason, 23, 24, 184, 1},
    {F::g_waitreason, 25, kNewestMinor, 176, 1},
    {F::g_sig, kOldestMinor, 16, 224, 4},
    {F::g_sig, 17, 20, 240, 4},
    {F::g_sig, 21, 22, 216, 4},
    {F::g_sig, 23, 23, 224, 4},
    {F::g_sig, 24, 24, 228, 4},
    {F::g_sig, 25, 25, 220, 4},
    {F::g_sig, 26, kNewestMinor, 224, 4},
    {F::g_sigcode0, kOldestMinor, 16, 256, 8},
    {F::g_sigcode0, 17, 20, 272, 8},
    {F::g_sigcode0, 21, 22, 248, 8},
    {F::g_sigcode0, 23, 24, 256, 8},
    {F::g_sigcode0, 25, 25, 248, 8},
    {F::g_sigcode0, 26, kNewestMinor, 256, 8},
    {F::g_sigcode1, kOldestMinor, 16, 264, 8},
    {F::g_sigcode1, 17, 20, 280, 8},
    {F::g_sigcode1, 21, 22, 256, 8},
    {F::g_sigcode1, 23, 24, 264, 8},
    {F::g_sigcode1, 25, 25, 256, 8},
    {F::g_sigcode1, 26, kNewestMinor, 264, 8},
    {F::g_sigpc, kOldestMinor, 16, 272, 8},
    {F::g_sigpc, 17, 20, 288, 8},
    {F::g_sigpc, 21, 22, 264, 8},
    {F::g_sigpc, 23, 24, 272, 8},
    {F::g_sigpc, 25, 25, 264, 8},
    {F::g_sigpc, 26, kNewestMinor, 272, 8},
    {F::g_parentGoid, 21, 22, 272, 8},
    {F::g_parentGoid, 23, 24, 280, 8},
    {F::g_parentGoid, 25, 25, 272, 8},
    {F::g_parentGoid, 26, kNewestMinor, 280, 8},
    {F::g_gopc, kOldestMinor, 16, 280, 8},
    {F::g_gopc, 17, 20, 296, 8},
    {F::g_gopc, 21, 22, 280, 8},
    {F::g_gopc, 23, 24, 288, 8},
    {F::g_gopc, 25, 25, 280, 8},
    {F::g_gopc, 26, kNewestMinor, 288, 8},
    {F::g_startpc, kOldestMinor, 16, 296, 8},
    {F::g_startpc, 17, 20, 312, 8},
    {F::g_startpc, 21, 22, 296, 8},
    {F::g_startpc, 23, 24, 304, 8},
    {F::g_startpc, 25, 25, 296, 8},
    {F::g_startpc, 26, kNewestMinor, 304, 8},
    {F::m_g0, kOldestMinor, kNewestMinor, 0, 8},
    {F::m_procid, kOldestMinor, 24, 72, 8},
    {F::m_procid, 25, kNewestMinor, 64, 8},
    {F::m_gsignal, kOldestMinor, 24, 80, 8},
    {F::m_gsignal, 25, kNewestMinor, 72, 8},
    {F::m_curg, kOldestMinor, 24, 192, 8},
    {F::m_curg, 25, kNewestMinor, 184, 8},
    {F::m_p, kOldestMinor, 24, 208, 8},
    {F::m_p, 25, 25, 200, 8},
    {F::m_p, 26, kNewestMinor, 208, 8},
    {F::m_id, kOldestMinor, 24, 232, 8},
    {F::m_id, 25, 25, 224, 8},
    {F::m_id, 26, kNewestMinor, 232, 8},
    {F::p_id, kOldestMinor, kOldestMinor, 8, 4},
    {F::p_id, 13, kNewestMinor, 0, 4},
    {F::p_status, kOldestMinor, kOldestMinor, 12, 4},
    {F::p_status, 13, kNewestMinor, 4, 4},
    {F::p_m, kOldestMinor, kOldestMinor, 64, 8},
    {F::p_m, 13, 22, 56, 8},
    {F::p_m, 23, kNewestMinor, 48, 8},
    {F::p_deferpool, kOldestMinor, kOldestMinor, 88, 120},
    {F::p_deferpool, 13, 13, 80, 120},
    {F::p_deferpool, 14, 17, 104, 120},
    {F::p_deferpool, 18, 22, 104, 24},
    {F::p_deferpool, 23, 25, 96, 24},
    {F::p_deferpool, 26, kNewestMinor, 104, 24},
    {F::gobuf_sp, kOldestMinor, kNewestMinor, 0, 8},
    {F::gobuf_pc, kOldestMinor, kNewestMinor, 8, 8},
    {F::gobuf_g, kOldestMinor, kNewestMinor, 16, 8},
    {F::gobuf_ctxt, kOldestMinor, kNewestMinor, 24, 8},
    {F::gobuf_ret, kOldestMinor, 24, 32, 8},
    {F::gobuf_lr, kOldestMinor, 24, 40, 8},
    {F::gobuf_lr, 25, kNewestMinor, 32, 8},
    {F::gobuf_bp, kOldestMinor, 24, 48, 8},
    {F::gobuf_bp, 25, kNewestMinor, 40, 8},
    {F::stack_lo, kOldestMinor, kNewestMinor, 0, 8},
    {F::stack_hi, kOldestMinor, kNewestMinor, 8, 8},
    {F::funcval_fn, kOldestMinor, kNewestMinor, 0, 8},
    {F::eface_type, kOldestMinor, kNewestMinor, 0, 8},
    {F::eface_data, kOldestMinor, kNewestMinor, 8, 8},
    {F::saved_retpc, 22, kNewestMinor, 0, 8},
    {F::saved_deferBitsOffset, 22, kNewestMinor, 8, 8},
    {F::saved_slotsOffset, 22, kNewestMinor, 16, 8},
  };
  return rows;
}

// g's size only bounds reads; m's and p's differ between systems and are not needed.
const std::vector<SizeRow>& size_rows() {
  static const std::vector<SizeRow> rows = {
    {S::defer_, kOldestMinor, 13, 48},
    {S::defer_, 14, 21, 72},
    {S::defer_, 22, kNewestMinor, 48},
    {S::panic, kOldestMinor, 13, 40},
    {S::panic, 14, 21, 56},
    {S::panic, 22, 26, 104},
    {S::panic, kNewestMinor, kNewestMinor, 96},
    {S::g, kOldestMinor, 16, 376},
    {S::g, 17, 20, 392},
    {S::g, 21, 21, 408},
    {S::g, 22, 22, 424},
    {S::g, 23, 23, 432},
    {S::g, 24, 25, 440},
    {S::g, 26, kNewestMinor, 456},
    {S::gobuf, kOldestMinor, 24, 56},
    {S::gobuf, 25, kNewestMinor, 48},
    {S::stack, kOldestMinor, kNewestMinor, 16},
    {S::funcval, kOldestMinor, kNewestMinor, 8},
    {S::eface, kOldestMinor, kNewestMinor, 16},
    {S::saved, 22, kNewestMinor, 24},
  };
  return rows;
}
// clang-format on

Layouts Layouts::of_table(int minor) {
  Layouts l;
  const int m = std::clamp(minor, kOldestMinor, kNewestMinor);
  for (const LayoutRow& r : layout_rows())
    if (m >= r.oldest && m <= r.newest) l.fields_[static_cast<size_t>(r.field)] = {r.offset, r.size};
  for (const SizeRow& r : size_rows())
    if (m >= r.oldest && m <= r.newest) l.sizes_[static_cast<size_t>(r.of)] = r.size;
  return l;
}

// Replaces what DWARF knows. A struct that DWARF does not have (nobody uses it) keeps the table's rows.
bool Layouts::read_dwarf(const loader::Image& image) {
  const auto dwarf = loader::Dwarf::open(image);
  if (!dwarf) return false;
  bool any = false;
  for (size_t i = 0; i < static_cast<size_t>(S::count); ++i) {
    const auto layout = dwarf->struct_layout(kStructNames[i]);
    if (!layout) continue;
    any = true;
    if (layout->size > kMaxStruct)
      throw loader::Error(fmt::format("corrupt DWARF: {} has {} bytes", kStructNames[i], layout->size));
    sizes_[i] = static_cast<uint32_t>(layout->size);
    for (const FieldName& n : field_names()) {
      if (static_cast<size_t>(n.owner) != i) continue;
      const loader::Field* f = layout->field(n.name);
      if (f && (f->offset > layout->size || f->size > layout->size - f->offset))
        throw loader::Error(fmt::format("corrupt DWARF: {}.{} lies outside it", kStructNames[i], n.name));
      fields_[static_cast<size_t>(n.field)] =
          f ? FieldAt{static_cast<int32_t>(f->offset), static_cast<uint32_t>(f->size)} : FieldAt{};
    }
  }
  return any;
}

Layouts Layouts::of(const loader::Image& image, int minor, bool use_dwarf) {
  Layouts l = of_table(minor);
  const bool newer = minor > kNewestMinor;
  try {
    l.from_dwarf_ = use_dwarf && l.read_dwarf(image);
  } catch (const loader::Error& e) {
    l = of_table(minor);
    l.notes_.push_back(fmt::format("{}; layouts from the built-in table", e.what()));
  }
  if (newer)
    l.notes_.push_back(fmt::format("go1.{} is newer than the built-in tables (go1.{}): layouts from {}", minor,
                                   kNewestMinor, l.from_dwarf_ ? "DWARF" : "the newest row, which may be wrong"));
  return l;
}

std::vector<FieldName> Layouts::fields(S s) const {
  std::vector<FieldName> out;
  for (const FieldName& n : field_names())
    if (n.owner == s && (*this)[n.field]) out.push_back(n);
  std::stable_sort(out.begin(), out.end(), [this](const FieldName& a, const FieldName& b) {
    return (*this)[a.field].offset < (*this)[b.field].offset;
  });
  return out;
}

}  // namespace deferscope::model
