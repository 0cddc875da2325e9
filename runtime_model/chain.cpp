// Merging the linked records with what only the frames know. Every list is bounded and every word checked.
#include "runtime_model/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxArguments = 1 << 16;
constexpr uint64_t kPoison = 1;  // badDefer(): the list was taken

Storage storage_of(const Guest& g, uint64_t record, const Goroutine& gr) {
  const bool has_heap = static_cast<bool>(g.program().layouts()[F::defer_heap]);
  const bool on_stack = record >= gr.lo && record < gr.hi;
  return on_stack || (has_heap && !g.field(record, F::defer_heap)) ? Storage::stack : Storage::heap;
}

// 1.14–1.21: what a panic or Goexit added for an open-coded frame. Its pc is the CALL deferreturn of that function.
struct OpenRecord {
  uint64_t at = 0, sp = 0;
  const Function* owner = nullptr;
  bool of(const Frame& f) const { return f.sp == sp && f.function == owner; }
};

class Reader {
 public:
  Reader(const Guest& g, const Goroutine& gr, const Unwound& u, ReadBudget& budget, Chain& out)
      : g_(g), gr_(gr), frames_(u.frames), complete_(u.complete), budget_(budget), out_(out) {}

  void read() {
    linked();
    open_frames();
    stale_records();
    std::stable_sort(out_.entries.begin(), out_.entries.end(), [](const ChainEntry& a, const ChainEntry& b) {
      return a.sp != b.sp ? a.sp < b.sp : a.stale > b.stale;  // it runs in the other's place
    });
    panics();
  }

 private:
  void note(const std::string& what) {  // once: 300 lists with one fault are one note
    if (std::find(out_.notes.begin(), out_.notes.end(), what) == out_.notes.end()) out_.notes.push_back(what);
  }

  // True: the next record of a list may be read. Else a note says why the list ends here.
  bool take(uint64_t record, const char* list) {
    if (!seen_.insert(record).second) return note(fmt::format("{} has a loop, or joins one read before", list)), false;
    if (!g_.try_word(record)) return note(fmt::format("{} leaves memory", list)), false;
    return afford();
  }

  bool afford() {
    if (budget_.records) return --budget_.records, true;
    note(fmt::format("more than {} records in all: the others are not read", ReadBudget::kRecords));
    return false;
  }

  std::vector<uint8_t> bytes_at(uint64_t address, uint64_t n) {
    std::vector<uint8_t> out;
    if (n > budget_.bytes) return note("too many bytes in records and arguments: the others are not read"), out;
    budget_.bytes -= n;
    out.resize(n);
    if (!g_.read(address, out.data(), n)) out.clear();
    return out;
  }

  void linked() {
    for (uint64_t d = gr_.defer; d && take(d, "the list of records"); d = g_.field(d, F::defer_link)) {
      if (g_.field(d, F::defer_openDefer)) {
        const Function* owner = g_.program().location(g_.field(d, F::defer_pc)).function;
        open_records_.push_back({d, g_.field(d, F::defer_sp), owner});
        continue;
      }
      const bool head = g_.field(d, F::defer_rangefunc) != 0;
      out_.entries.push_back(entry(d, head ? Storage::rangefunc : storage_of(g_, d, gr_)));
      out_.entries.back().list_head = head;
      if (head) range_list(d, out_.entries.back());
    }
  }

  // Copies what the list's records leave unset (sp, pc) from the record that opened the list.
  void range_list(uint64_t d0, const ChainEntry opened) {
    const uint64_t head = g_.field(d0, F::defer_head);
    for (uint64_t d = head ? g_.word(head) : 0; d && d != kPoison && take(d, "a rangefunc list");
         d = g_.field(d, F::defer_link)) {
      ChainEntry e = entry(d, Storage::rangefunc);
      e.sp = opened.sp;
      e.pc = opened.pc;
      e.owner = opened.owner;
      e.incomplete = false;
      out_.entries.push_back(std::move(e));
    }
  }

  ChainEntry entry(uint64_t d, Storage s) {
    ChainEntry e;
    e.storage = s;
    e.record = d;
    e.sp = g_.field(d, F::defer_sp);
    e.pc = g_.field(d, F::defer_pc);
    e.owner = e.pc ? g_.program().location(e.pc - 1).function : nullptr;
    e.deferred = read_deferred(g_, g_.field(d, F::defer_fn));
    e.running = g_.field(d, F::defer_started) != 0;
    e.incomplete = e.sp == 0 || e.pc == 0;
    if (d == gr_.defer) half_filled(e);
    e.raw = raw_fields(g_, S::defer_, d);
    const uint64_t size = g_.program().layouts().size(S::defer_);
    e.bytes = bytes_at(d, size);
    const uint64_t siz = g_.field(d, F::defer_siz);
    if (siz && siz < kMaxArguments) e.arguments = bytes_at(d + size, siz);
    return e;
  }

  // The newest record while deferproc, or newdefer for it, has linked it and not yet stored its fields: those that
  // freedefer cleared. It is its caller's. Before that the newest record is an older one, whole.
  void half_filled(ChainEntry& e) {
    if (!e.incomplete && e.deferred.funcval) return;
    for (size_t i = 0; i + 1 < frames_.size() && i < 8; ++i) {
      if (frames_[i].function->name() != "runtime.deferproc") continue;
      const Frame& owner = frames_[i + 1];
      e.incomplete = true;
      e.sp = owner.sp, e.pc = owner.pc, e.owner = owner.function;
      return;
    }
  }

  void open_frames() {
    for (const Frame& f : frames_) {
      const OpenCoded* o = f.function ? g_.program().open_coded(*f.function) : nullptr;
      if (!o) continue;
      OpenFrame of;
      of.function = f.function;
      of.sp = f.sp;
      of.bits_address = f.varp - o->bits_offset;
      of.valid = f.entered && o->valid_from && f.lookup >= o->valid_from && g_.read(of.bits_address, &of.bits, 1);
      for (const OpenRecord& r : open_records_)
        if (r.of(f)) of.record = r.at;
      if (of.valid) slots(f, *o, of);
      out_.open_frames.push_back(of);
    }
  }

  void slots(const Frame& f, const OpenCoded& o, const OpenFrame& of) {
    for (size_t i = o.slots.size(); i-- > 0;) {
      if (!(of.bits & (1u << i))) continue;
      if (!afford()) return;
      ChainEntry e;
      e.storage = Storage::open_coded;
      e.sp = f.sp;
      e.owner = f.function;
      e.slot = static_cast<int>(i);
      e.slot_address = f.varp - o.slots[i];
      e.record = of.record;
      e.deferred = read_deferred(g_, g_.word(e.slot_address));
      out_.entries.push_back(std::move(e));
    }
  }

  // openDefer records whose frame is not on the stack any more (golang/go#48898); another may stand in its place.
  void stale_records() {
    if (!complete_) return;
    for (const OpenRecord& r : open_records_) {
      if (std::any_of(frames_.begin(), frames_.end(), [&](const Frame& f) { return r.of(f); })) continue;
      const OpenCoded* o = r.owner ? g_.program().open_coded(*r.owner) : nullptr;
      const uint64_t varp = g_.field(r.at, F::defer_varp);
      uint8_t bits = 0;
      if (o) g_.read(varp - o->bits_offset, &bits, 1);
      const size_t before = out_.entries.size();
      for (size_t i = o ? o->slots.size() : 0; i-- > 0;)
        if (bits >> i & 1 && afford()) add_stale(r, static_cast<int>(i), varp - o->slots[i]);
      if (out_.entries.size() == before) add_stale(r, -1, 0);
    }
  }

  void add_stale(const OpenRecord& r, int slot, uint64_t slot_address) {
    ChainEntry e;
    e.storage = Storage::open_coded;
    e.stale = true;
    e.sp = r.sp, e.record = r.at, e.owner = r.owner;
    e.slot = slot, e.slot_address = slot_address;
    if (slot_address) e.deferred = read_deferred(g_, g_.word(slot_address));
    out_.entries.push_back(std::move(e));
  }

  void panics() {
    for (uint64_t p = gr_.panic; p && take(p, "the list of panics"); p = g_.field(p, F::panic_link)) {
      PanicEntry e;
      e.record = p;
      e.type = g_.word(g_.address_of(p, F::panic_arg));
      e.data = g_.word(g_.address_of(p, F::panic_arg) + 8);
      e.recovered = g_.field(p, F::panic_recovered) & 0xff;
      e.aborted = g_.field(p, F::panic_aborted) & 0xff;
      e.goexit = g_.field(p, F::panic_goexit) & 0xff;
      e.deferreturn = g_.field(p, F::panic_deferreturn) & 0xff;
      e.repanicked = g_.field(p, F::panic_repanicked) & 0xff;
      e.value = e.goexit ? std::string("Goexit") : panic_value(g_, e.type, e.data);
      budget_.bytes -= std::min(budget_.bytes, e.value.size());
      e.raw = raw_fields(g_, S::panic, p);
      e.bytes = bytes_at(p, g_.program().layouts().size(S::panic));
      out_.panics.push_back(std::move(e));
    }
  }

  const Guest& g_;
  const Goroutine& gr_;
  const std::vector<Frame>& frames_;
  bool complete_;
  ReadBudget& budget_;
  Chain& out_;
  std::unordered_set<uint64_t> seen_;  // records: all lists together
  std::vector<OpenRecord> open_records_;
};

}  // namespace

Deferred read_deferred(const Guest& g, uint64_t funcval) {
  Deferred d;
  d.funcval = funcval;
  if (!funcval) return d;
  d.entry = g.word(funcval);
  d.function = g.program().location(d.entry).function;  // cached, unlike function_at
  if (!d.function || d.function->f.entry != d.entry) return d;
  if (const Wrapped& w = g.program().wrapped(*d.function); w.through)
    d.target = g.program().location(g.word(g.word(funcval + w.through) + w.through_at)).function;
  const ContextWords& words = g.program().context_words(*d.function);
  d.captured_complete = words.complete;
  d.captured.reserve(words.words.size());
  for (const ContextWords::Word& w : words.words) {
    uint64_t v = 0;
    if (w.size <= 8 && g.read(funcval + w.offset, &v, w.size))
      d.captured.push_back({w.offset, w.size, v, w.address, w.name, w.type});
  }
  return d;
}

std::vector<RawField> raw_fields(const Guest& g, S s, uint64_t record) {
  std::vector<RawField> out;
  for (const FieldName& n : g.program().layouts().fields(s)) {
    const FieldAt at = g.program().layouts()[n.field];
    for (uint32_t part = 0; part < at.size; part += 8) {  // an eface is two words
      const uint32_t size = std::min<uint32_t>(8, at.size - part);
      uint64_t v = 0;
      const auto offset = static_cast<uint32_t>(at.offset) + part;
      if (g.read(record + offset, &v, size)) out.push_back({n.name, offset, size, v});
    }
  }
  return out;
}

Chain read_chain(const Guest& guest, const Goroutine& g, const Unwound& frames, ReadBudget& budget) {
  Chain out;
  Reader(guest, g, frames, budget, out).read();
  return out;
}

Chain read_chain(const Guest& guest, const Goroutine& g, const Unwound& frames) {
  ReadBudget budget;
  return read_chain(guest, g, frames, budget);
}

}  // namespace deferscope::model
