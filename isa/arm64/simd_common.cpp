// The lifts that all SIMD formats share.
#include "isa/arm64/simd.h"

namespace deferscope::isa::arm64 {

void emit_lanes(Emit& e, const Set& set, uint32_t log, uint32_t form, uint32_t m, uint32_t n, uint32_t d,
                uint32_t parameter) {
  const Helper* h = set.of(log);
  if (!h || (log == 3 && form == kHalf)) return e.undefined();
  e.vec_op(*h, vec(d), vec(n), vec(m), form | uint64_t{parameter} << 8);
}

void emit_long(Emit& e, const Set& set, uint32_t log, uint32_t form, uint32_t m, uint32_t n, uint32_t d,
               uint32_t parameter) {
  const Helper* h = set.of(log);
  if (!h) return e.undefined();
  e.vec_op(*h, vec(d), vec(n), vec(m), form | uint64_t{parameter} << 8);
}

// Fewer than four lanes have no across form.
void emit_across(Emit& e, const Set& set, uint32_t log, bool q, uint32_t n, uint32_t d) {
  if (log == 3 || (log == 2 && !q)) return e.undefined();
  emit_lanes(e, set, log, q, n, n, d);
}

void emit_by_element(Emit& e, const Set& set, uint32_t log, uint32_t form, bool is_long, uint32_t m, unsigned index,
                     uint32_t n, uint32_t d) {
  const Helper* h = set.of(log);
  if (!h || (!is_long && log == 3 && form == kHalf)) return e.undefined();
  e.vec_op(kDupLane[log], kVT0, vec(m), vec(m), kFull | uint64_t{index} << 8);
  e.vec_op(*h, vec(d), vec(n), kVT0, form);
}

void by_element_fp_form(Emit& e, const Set& set, uint32_t form, bool z, bool L, uint32_t m, bool H, uint32_t n,
                        uint32_t d) {
  if (z && L) return e.undefined();
  const unsigned index = z ? H : (H ? 2u : 0u) | (L ? 1u : 0u);
  emit_by_element(e, set, z ? 3 : 2, form, false, m, index, n, d);
}

}  // namespace deferscope::isa::arm64
