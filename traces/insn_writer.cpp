#include "traces/insn_writer.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <new>

namespace deferscope::traces {

using insn::Kind;
using insn::put;
using insn::Record;

namespace insn {

Registers registers_of(isa::Isa isa, const isa::CpuState& c) {
  Registers out{};
  const bool arm = isa == isa::Isa::arm64;
  const unsigned integers = arm ? 32 : 16;
  std::copy_n(c.r.begin(), integers, out.begin());
  out[kPc] = c.pc;
  out[kFlags] = arm ? c.nzcv() : c.eflags();
  out[kThread] = c.r[isa::kFsBase], out[kThread2] = c.r[isa::kGsBase];
  out[kFloat] = arm ? c.fpcr : c.mxcsr, out[kFloatStatus] = c.fpsr;
  out[kMonitor] = c.monitor.address, out[kMonitorBytes] = c.monitor.size;
  for (unsigned i = 0; i < 32; ++i) out[kVector + 2 * i] = c.v[i].lo, out[kVector + 2 * i + 1] = c.v[i].hi;
  std::copy_n(c.x87.significand.begin(), 8, out.begin() + kX87);
  std::memcpy(&out[kX87Exponents], c.x87.exponent.data(), 16);
  out[kX87Words] = kX87Reset ^ (uint64_t{c.x87.control} << 32 | uint64_t{c.x87.status} << 16 | c.x87.full);
  return out;
}

void set_registers(isa::Isa isa, const Registers& from, isa::CpuState& c) {
  const bool arm = isa == isa::Isa::arm64;
  const unsigned integers = arm ? 32 : 16;
  std::copy_n(from.begin(), integers, c.r.begin());
  c.pc = from[kPc];
  arm ? c.set_nzcv(from[kFlags]) : c.set_eflags(from[kFlags]);
  c.r[isa::kFsBase] = from[kThread], c.r[isa::kGsBase] = from[kThread2];
  (arm ? c.fpcr : c.mxcsr) = static_cast<uint32_t>(from[kFloat]), c.fpsr = static_cast<uint32_t>(from[kFloatStatus]);
  c.monitor = {from[kMonitor], static_cast<uint8_t>(from[kMonitorBytes])};
  for (unsigned i = 0; i < 32; ++i) c.v[i].lo = from[kVector + 2 * i], c.v[i].hi = from[kVector + 2 * i + 1];
  std::copy_n(from.begin() + kX87, 8, c.x87.significand.begin());
  std::memcpy(c.x87.exponent.data(), &from[kX87Exponents], 16);
  const uint64_t words = kX87Reset ^ from[kX87Words];
  c.x87.control = static_cast<uint16_t>(words >> 32), c.x87.status = static_cast<uint16_t>(words >> 16);
  c.x87.full = static_cast<uint8_t>(words);
}

}  // namespace insn

namespace {

constexpr size_t kPieceBytes = 1 << 20;            // of records and pages together
constexpr size_t kMostWaiting = 16;                // pieces
constexpr uint64_t kChunkPages = 16 << 10;         // stored ones: a chunk that reaches much is shorter
constexpr size_t kMostNumbered = size_t{1} << 20;  // pages that are known to be stored; then it begins anew
constexpr int kLevel = 1;

bool all_zero(const uint8_t* bytes) {
  for (uint64_t i = 0; i < insn::kPage; i += 64) {
    uint64_t w[8], any = 0;
    std::memcpy(w, bytes + i, sizeof w);
    for (const uint64_t x : w) any |= x;
    if (any) return false;
  }
  return true;
}

}  // namespace

InsnWriter::InsnWriter(emu::Machine& machine, std::string_view header, InsnOptions options,
                       std::function<void(std::string_view)> write)
    : m_(machine), options_(options), write_(std::move(write)), worker_(kMostWaiting, [this](Raw& raw) {
        piece(raw.head.kind, raw.records, raw.pages, raw.head);
        raw.records.clear(), raw.pages.clear();
      }) {
  write_(insn::kMagic);
  offset_ = insn::kMagic.size();
  piece(Kind::header, header, {}, {});
  m_.set_witness(this);
}

InsnWriter::~InsnWriter() { m_.set_witness(nullptr); }

// --- what the machine tells ---

// Whether something of the slice that begins is.
bool InsnWriter::wanted(const emu::MachineState& s) const {
  return !over_ && s.slice_end > options_.from && s.position < options_.to;
}

void InsnWriter::resumes(const emu::MachineState& s) {
  if (active_ && (s.position - began_ >= options_.chunk || chunk_pages_ >= kChunkPages || s.position >= options_.to))
    stop();
  executing_ = true;
  if (!active_) return wanted(s) ? start(s) : void(over_ = over_ || s.position >= options_.to);
  const int tid = s.thread().tid;
  insn::Registers& before = threads_[tid].registers;
  const insn::Registers now = insn::registers_of(s.isa, s.cpu());
  if (!told_ && !faulted_ && tid == tid_ && s.position == paused_ && now == before) return;
  tell_pause();
  put(raw_.records, Record::resume);
  put_position(s.position);
  put(raw_.records, static_cast<uint64_t>(tid));
  uint64_t changed = 0;
  for (size_t i = 0; i < now.size(); ++i) changed += now[i] != before[i];
  put(raw_.records, changed);
  for (size_t i = 0; i < now.size(); ++i)
    if (now[i] != before[i]) put(raw_.records, i), put(raw_.records, insn::fold(now[i] - before[i]));
  before = now, tid_ = tid;
  hand_over_if_full();
}

void InsnWriter::pauses(const emu::MachineState& s, bool faulted) {
  executing_ = false;
  if (!active_) return;
  paused_ = s.position, told_ = false, faulted_ = faulted;
  threads_[tid_].registers = insn::registers_of(s.isa, s.cpu());
  const uint64_t pc = s.cpu().pc;
  if (!s.os->is_host_call(pc)) return;
  tell_pause();
  const std::string name = s.os->host_call_name(pc);
  put(raw_.records, Record::host_call);
  put(raw_.records, name.size());
  raw_.records += name;
}

void InsnWriter::reached(uint64_t page, const uint8_t* bytes) {
  if (!active_ || !known_.insert(page).second) return;
  if (!executing_) tell_pause();
  keep(page, bytes);
}

void InsnWriter::stored(uint64_t address, const uint8_t* bytes, uint64_t n) {
  if (!active_) return;
  code_.erase(emu::page_of(address));
  if (executing_) return;
  tell_pause();
  put(raw_.records, Record::store);
  put(raw_.records, address);
  put(raw_.records, n);
  raw_.records.append(reinterpret_cast<const char*>(bytes), n);
  hand_over_if_full();
}

void InsnWriter::replaced(uint64_t begin, uint64_t end) {
  if (!active_) return;
  const auto drop = [&](auto& pages, auto page_at) {
    bool any = false;
    if ((end - begin) / insn::kPage < pages.size()) {
      for (uint64_t page = begin; page < end; page += insn::kPage) any |= pages.erase(page) != 0;
    } else {
      any = std::erase_if(pages, [&](const auto& p) { return page_at(p) >= begin && page_at(p) < end; }) != 0;
    }
    return any;
  };
  const bool known = drop(known_, [](uint64_t p) { return p; });
  drop(code_, [](const auto& p) { return p.first; });
  torn_ = torn_ || (known && executing_);
}

// --- what is kept of it ---

void InsnWriter::start(const emu::MachineState& s) {
  active_ = true;
  began_ = last_ = paused_ = s.position, last_page_ = 0, tid_ = s.thread().tid, chunk_pages_ = 0, faulted_ = false;
  told_ = true;
  known_.clear();
  threads_.clear();
  kind_ = Kind::chunk;
  std::string& out = raw_.records;
  put(out, Record::start);
  put(out, s.position);
  put(out, static_cast<uint64_t>(tid_));
  put(out, s.threads.size());
  for (const emu::Thread& t : s.threads) {
    const insn::Registers& r = threads_[t.tid].registers = insn::registers_of(s.isa, t.cpu);
    put(out, static_cast<uint64_t>(t.tid));
    put(out, static_cast<uint64_t>(std::count_if(r.begin(), r.end(), [](uint64_t v) { return v != 0; })));
    for (size_t i = 0; i < r.size(); ++i)
      if (r[i]) put(out, i), put(out, r[i]);
  }
  code_pages(s.memory);
  m_.mutable_state().memory.flush_tlb();  // what is reached is told from here on
}

// Code that is translated already is not fetched again.
void InsnWriter::code_pages(const emu::Memory& memory) {
  std::vector<uint64_t> pages(memory.code_pages().begin(), memory.code_pages().end());
  std::sort(pages.begin(), pages.end());
  uint8_t bytes[insn::kPage];
  for (const uint64_t page : pages) {
    if (!known_.insert(page).second) continue;
    if (const auto stored = code_.find(page); stored != code_.end()) {
      put_page(Record::again, page);
      put(raw_.records, page_count_ - stored->second);
    } else if (memory.peek(page, bytes, sizeof bytes)) {
      keep(page, bytes);
      if (const auto number = pages_.find(std::bit_cast<Hash>(XXH3_128bits(bytes, sizeof bytes)));
          number != pages_.end())
        code_[page] = number->second;
    }
  }
}

void InsnWriter::stop() {
  tell_pause();
  put(raw_.records, Record::stop);
  active_ = false;
  hand_over();
}

// The first record of what the system does says where the instructions before it ended.
void InsnWriter::tell_pause() {
  if (told_) return;
  told_ = true;
  put(raw_.records, faulted_ ? Record::fault : Record::pause);
  put_position(paused_);
}

void InsnWriter::put_position(uint64_t p) { put(raw_.records, p - last_), last_ = p; }

void InsnWriter::put_page(Record how, uint64_t page) {
  put(raw_.records, how);
  put(raw_.records, insn::fold((page - last_page_) / insn::kPage));
  last_page_ = page;
}

void InsnWriter::keep(uint64_t page, const uint8_t* bytes) {
  if (all_zero(bytes)) return put_page(Record::zeros, page);
  if (pages_.size() >= kMostNumbered) pages_.clear();
  const auto [known, fresh] = pages_.try_emplace(std::bit_cast<Hash>(XXH3_128bits(bytes, insn::kPage)), page_count_);
  put_page(fresh ? Record::bytes : Record::again, page);
  if (!fresh) return put(raw_.records, page_count_ - known->second);
  raw_.pages.append(reinterpret_cast<const char*>(bytes), insn::kPage);
  ++page_count_, ++chunk_pages_;
  hand_over_if_full();
}

// --- the file ---

// Between any two records.
void InsnWriter::hand_over_if_full() {
  if (raw_.records.size() + raw_.pages.size() >= kPieceBytes) hand_over();
}

void InsnWriter::hand_over() {
  if (raw_.records.empty()) return;
  raw_.head.kind = kind_, raw_.head.position = began_;
  raw_.head.pages = page_count_ - raw_.pages.size() / insn::kPage;
  kind_ = Kind::more;
  raw_ = worker_.exchange(std::move(raw_));
}

// In the worker's thread but for the first and the last.
void InsnWriter::piece(Kind kind, std::string_view records, std::string_view pages, insn::Piece head) {
  std::string raw(records);
  raw += pages;
  made_.resize(sizeof head + ZSTD_compressBound(raw.size()));
  const size_t n =
      ZSTD_compress(made_.data() + sizeof head, made_.size() - sizeof head, raw.data(), raw.size(), kLevel);
  if (ZSTD_isError(n)) throw std::bad_alloc();
  head.kind = kind, head.raw = static_cast<uint32_t>(raw.size()), head.stored = static_cast<uint32_t>(n);
  head.records = static_cast<uint32_t>(records.size());
  std::memcpy(made_.data(), &head, sizeof head);
  const insn::Row row{offset_, head};
  index_.append(reinterpret_cast<const char*>(&row), sizeof row);
  write_({made_.data(), sizeof head + n});
  offset_ += sizeof head + n;
}

void InsnWriter::finish(std::string_view end) {
  const uint64_t now = m_.state().position;
  if (active_ && !executing_ && now > paused_) {  // the guest ended in a function of the system's
    tell_pause();
    put(raw_.records, Record::resume);
    put_position(now);
    put(raw_.records, static_cast<uint64_t>(tid_));
    put(raw_.records, 0);
    paused_ = now, told_ = faulted_ = false;
  }
  if (active_) stop();
  over_ = true;
  worker_.finish();
  piece(Kind::end, end, {}, {});
  const uint64_t index = offset_;
  const std::string rows = index_;
  piece(Kind::index, rows, {}, {});
  std::string last(reinterpret_cast<const char*>(&index), sizeof index);
  last += insn::kEndMagic;
  write_(last);
}

}  // namespace deferscope::traces
