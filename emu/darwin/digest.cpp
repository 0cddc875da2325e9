// Every field of State that Darwin adds, mixed into a digest. A field added to state.h belongs here too.
#include "emu/darwin/digest.h"

#include "emu/posix/digest.h"

namespace deferscope::emu::darwin {

void digest_state(const State& s, uint64_t& h) {
  posix::digest(s, h);
  Digest d{h};
  for (const auto& [tid, t] : s.extras)
    d(tid, t.block, t.mapping, t.mapping_size, t.detached, t.rounds, t.in_cond, t.variables, t.altstack.sp,
      t.altstack.size, t.altstack.flags, t.trapno, t.error_code, t.fault_address);
  for (const auto& [pthread, t] : s.ended) d(pthread, t.mapping, t.mapping_size, t.value);
  for (const auto& [key, destructor] : s.keys) d(key, destructor);
  d(s.isa, s.mmap_base, s.heap.size(), s.heap_end, s.zone, s.watches_signals, s.initialised);
  for (const auto& [address, size] : s.heap) d(address, size);
  for (const auto& [text, address] : s.texts) d(text, address);
  d(s.program_words, s.environment, s.exit_status);
  for (const AtExit& f : s.at_exit) d(f.function, f.argument);
  for (const RLimit& r : s.limits) d(r.soft, r.hard);
}

}  // namespace deferscope::emu::darwin
