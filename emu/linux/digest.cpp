// Every field of State that Linux adds, mixed into a digest. A field added to state.h belongs here too.
#include "emu/linux/digest.h"

#include "emu/posix/digest.h"

namespace deferscope::emu::linux_ {

void digest_state(const State& s, uint64_t& h) {
  posix::digest(s, h);
  Digest d{h};
  for (const auto& [tid, t] : s.extras)
    d(tid, t.altstack.sp, t.altstack.flags, t.altstack.size, t.clear_tid, t.robust_list, t.robust_size, t.trapno,
      t.error_code, t.fault_address, t.keep_caps);
  d(s.isa, s.trampoline, s.brk_start, s.brk_end, s.mmap_top, s.stack_low, s.stack_high);
  d(s.auxv, s.cmdline, s.environ);
  for (const auto& l : s.loaded) d(l->path, l->sha256, l->slide);
  for (const RLimit& r : s.other_limits) d(r.soft, r.hard);
}

}  // namespace deferscope::emu::linux_
