// Where _defer records on the heap come from and go to: a pool of each P, one of all Ps, the heap. To Go 1.17 a pool
// has a list for each size of arguments.
#include <algorithm>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kSlice = 24;  // bytes of a list's header: where, how many, of how many

// runtime.deferclass (≤ 1.17): arguments of up to `first` bytes, then 16 more for each class. A record's size is
// rounded up to 16 bytes, which leaves that many for arguments.
int class_of(uint64_t siz, uint32_t header) {
  const uint64_t first = ((header + 15) & ~uint64_t{15}) - header;
  return siz <= first ? 0 : static_cast<int>(std::min<uint64_t>((siz - first + 15) / 16, 1 << 20));
}

}  // namespace

// The list of a P's pool for records of that class; nothing where there is none.
Tracker::PoolList Tracker::pool_list(const G& g, int size_class) const {
  const uint64_t p = guest_.field(guest_.field(g.g, F::g_m), F::m_p), first = guest_.address_of(p, F::p_deferpool);
  const uint64_t lists = p_.layouts()[F::p_deferpool].size / kSlice;
  PoolList out;
  if (!p || !first || (size_class >= 0 && static_cast<uint64_t>(size_class) >= lists)) return out;
  const uint64_t at = first + kSlice * static_cast<uint64_t>(std::max(0, size_class));
  out.there = true;
  out.length = guest_.word(at + 8);
  out.capacity = guest_.word(at + 16);
  return out;
}

int Tracker::size_class(uint64_t siz) const {
  return p_.layouts()[F::defer_siz] ? class_of(siz & 0xffffffff, p_.layouts().size(S::defer_)) : -1;
}

// First instruction of newdefer.
void Tracker::on_taking(const Hook&) {
  G* g = current();
  if (!g) return;
  g->taking = {};
  g->taking.under_way = true;
  g->taking.size_class = size_class(guest_.argument(Arg::newdefer_siz));
  const PoolList list = pool_list(*g, g->taking.size_class);
  g->taking.there = list.there, g->taking.length = list.length;
  const Function* caller = p_.location(guest_.return_address() - 1).function;
  if (caller && caller->name() == "runtime.deferproc")
    g->taking.owner = frame_id(*g, g->registering.return_address, g->hi - g->registering.depth);
}

void Tracker::on_fresh(const Hook&) {
  if (G* g = current()) g->taking.fresh = true;
}

// RET of newdefer: the record is the result.
void Tracker::on_taken(const Hook&) {
  G* g = current();
  if (!g || !g->taking.under_way) return;
  const Moving m = std::exchange(g->taking, {});
  Event e = make<RecordTake>(*g);
  RecordTake& take = e.as<RecordTake>();
  take.record = guest_.argument(Arg::newdefer_result);
  take.size_class = m.size_class;
  take.pool = m.fresh ? Pool::heap : m.length ? Pool::p : Pool::central;
  take.left = pool_list(*g, m.size_class).length;
  if (take.pool == Pool::central) take.moved = take.left + 1;
  tell_of_runtime(e, m.owner);
}

// First instruction of freedefer (its argument) or popDefer (the goroutine's first).
void Tracker::on_giving(const Hook&) {
  G* g = current();
  if (!g) return;
  g->giving = {};
  const ArgPlace argument = p_.place(Arg::freedefer_d);
  const uint64_t d = argument ? guest_.argument(Arg::freedefer_d) : guest_.field(g->g, F::g_defer);
  const bool heap = !p_.layouts()[F::defer_heap] || (guest_.field(d, F::defer_heap) & 0xff);
  if (!d || !heap) return;
  g->giving.under_way = true;
  g->giving.record = d;
  g->giving.size_class = size_class(guest_.field(d, F::defer_siz));
  const PoolList list = pool_list(*g, g->giving.size_class);
  g->giving.there = list.there, g->giving.length = list.length, g->giving.capacity = list.capacity;
  g->giving.owner = frame_id(*g, guest_.field(d, F::defer_pc), guest_.field(d, F::defer_sp));
}

void Tracker::on_given(const Hook&) {
  G* g = current();
  if (!g || !g->giving.under_way) return;
  const Moving m = std::exchange(g->giving, {});
  Event e = make<RecordGive>(*g);
  RecordGive& give = e.as<RecordGive>();
  give.record = m.record;
  give.size_class = m.size_class;
  give.pool = m.there ? Pool::p : Pool::heap;
  give.left = pool_list(*g, m.size_class).length;
  if (m.there && m.length == m.capacity) give.moved = m.length + 1 - give.left;
  tell_of_runtime(e, m.owner);
}

}  // namespace deferscope::model
