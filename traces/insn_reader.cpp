#include "traces/insn_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "emu/engine/memory_bus.h"
#include "isa/fp_env.h"
#include "isa/lift.h"
#include "traces/event_reader.h"
#include "traces/json_reader.h"

namespace deferscope::traces {

using insn::Kind;
using insn::Piece;
using insn::Record;
using insn::Row;

namespace {

constexpr size_t kMostUnpacked = 64;        // pieces kept
constexpr uint32_t kMostBytes = 64u << 20;  // of a piece, as it would be if it were whole
constexpr uint64_t kMostOfEnd = 1u << 30;   // of the index
constexpr uint64_t kAddresses = uint64_t{1} << 48;

}  // namespace

// --- pieces ---

InsnFile::InsnFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat st {};
  if (fd_ < 0 || ::fstat(fd_, &st) != 0) throw TraceError(fmt::format("{}: {}", path, std::strerror(errno)));
  size_ = static_cast<uint64_t>(st.st_size);
  char magic[insn::kMagic.size()];
  if (!read_at(0, magic, sizeof magic) || std::string_view(magic, sizeof magic) != insn::kMagic)
    fail("no instruction trace");
  if (!read_index()) scan();
  if (header_.empty()) fail("it ends before its header does");
}

InsnFile::~InsnFile() {
  if (fd_ >= 0) ::close(fd_);
}

void InsnFile::fail(const std::string& what) const { throw TraceError(fmt::format("{}: {}", path_, what)); }

bool InsnFile::read_at(uint64_t offset, void* to, size_t n) const {
  for (size_t done = 0; done < n;) {
    const ssize_t got = ::pread(fd_, static_cast<char*>(to) + done, n - done, static_cast<off_t>(offset + done));
    if (got == 0) return false;
    if (got < 0 && errno != EINTR) fail(std::strerror(errno));
    if (got > 0) done += static_cast<size_t>(got);
  }
  return true;
}

// False: no whole piece stands there.
bool InsnFile::read_head(uint64_t offset, Piece& head) const {
  if (offset + sizeof head > size_ || !read_at(offset, &head, sizeof head)) return false;
  if (static_cast<uint32_t>(head.kind) > static_cast<uint32_t>(Kind::index) || head.records > head.raw)
    fail(fmt::format("damaged: no piece begins at byte {}", offset));
  const bool whole_pages = head.kind != Kind::chunk && head.kind != Kind::more;
  if (!whole_pages && (head.raw - head.records) % insn::kPage != 0)
    fail(fmt::format("damaged: the piece at byte {} has no whole pages", offset));
  return head.stored <= size_ - offset - sizeof head;
}

std::string InsnFile::unpack(const Row& row) const {
  const uint32_t most = row.piece.kind == Kind::index ? static_cast<uint32_t>(kMostOfEnd) : kMostBytes;
  if (row.piece.raw > most) fail(fmt::format("damaged: the piece at byte {} is too large", row.offset));
  std::string stored(row.piece.stored, '\0'), raw(row.piece.raw, '\0');
  if (!read_at(row.offset + sizeof(Piece), stored.data(), stored.size()))
    fail(fmt::format("the piece at byte {} is cut off", row.offset));
  const size_t n = ZSTD_decompress(raw.data(), raw.size(), stored.data(), stored.size());
  if (n != raw.size())
    fail(fmt::format("damaged: the piece at byte {}: {}", row.offset,
                     ZSTD_isError(n) ? ZSTD_getErrorName(n) : "it has another length"));
  return raw;
}

void InsnFile::take(const Row& row) {
  switch (row.piece.kind) {
    case Kind::header: header_ = unpack(row); break;
    case Kind::end: end_ = unpack(row); break;
    case Kind::chunk:
    case Kind::more:
      if (rows_.empty() && row.piece.kind == Kind::more) fail("damaged: its first chunk has no begin");
      rows_.push_back(row);
      break;
    case Kind::index: break;
  }
}

// False: the writer did not come to write one.
bool InsnFile::read_index() {
  constexpr size_t kTail = sizeof(uint64_t) + insn::kEndMagic.size();
  char tail[kTail];
  if (size_ < kTail || !read_at(size_ - kTail, tail, kTail)) return false;
  if (std::string_view(tail + sizeof(uint64_t), insn::kEndMagic.size()) != insn::kEndMagic) return false;
  Row at;
  std::memcpy(&at.offset, tail, sizeof at.offset);
  if (at.offset >= size_ || !read_head(at.offset, at.piece) || at.piece.kind != Kind::index)
    fail("damaged: its index is not where it says");
  const std::string rows = unpack(at);
  for (size_t i = 0; i + sizeof(Row) <= rows.size(); i += sizeof(Row)) {
    Row row;
    std::memcpy(&row, rows.data() + i, sizeof row);
    Piece there;
    if (row.offset >= size_ || !read_head(row.offset, there) || std::memcmp(&there, &row.piece, sizeof there) != 0)
      fail(fmt::format("damaged: its index does not fit the piece at byte {}", row.offset));
    take(row);
  }
  return true;
}

void InsnFile::scan() {
  Row row{insn::kMagic.size(), {}};
  for (; read_head(row.offset, row.piece); row.offset += sizeof(Piece) + row.piece.stored) take(row);
}

const std::string& InsnFile::piece(size_t i) {
  for (Unpacked& u : unpacked_)
    if (u.piece == i && u.used) return u.used = ++uses_, u.raw;
  if (unpacked_.size() < kMostUnpacked) unpacked_.emplace_back();
  Unpacked& oldest = *std::min_element(unpacked_.begin(), unpacked_.end(),
                                       [](const Unpacked& a, const Unpacked& b) { return a.used < b.used; });
  oldest.used = 0;
  oldest.raw = unpack(rows_[i]);
  oldest.piece = i, oldest.used = ++uses_;
  return oldest.raw;
}

const uint8_t* InsnFile::page(uint64_t number) {
  const auto behind = std::upper_bound(rows_.begin(), rows_.end(), number,
                                       [](uint64_t n, const Row& row) { return n < row.piece.pages; });
  if (behind == rows_.begin()) fail(fmt::format("damaged: page {} is nowhere", number));
  const auto i = static_cast<size_t>(behind - rows_.begin()) - 1;
  const Piece& head = rows_[i].piece;
  const uint64_t at = head.records + (number - head.pages) * insn::kPage;
  if (at + insn::kPage > head.raw) fail(fmt::format("damaged: page {} is nowhere", number));
  return reinterpret_cast<const uint8_t*>(piece(i).data() + at);
}

// --- records ---

struct InsnTrace::Item {
  Record kind = Record::stop;
  emu::Position position = 0;  // pause, fault, resume
  uint64_t address = 0;        // page, store
  uint64_t number = 0;         // of a stored page
  int tid = 0;
  std::vector<std::pair<uint8_t, uint64_t>> registers;  // resume: differences
  std::string bytes;                                    // store; name of a host call
};

// What the system does where instructions pause.
struct InsnTrace::Group {
  std::vector<Item> items;  // resume is the last, if it is there
  bool stop = false;        // the next chunk says it
  std::string host_call;
  bool is_host_call = false;
};

class InsnTrace::Records {
 public:
  // Of a chunk, from its first piece on.
  Records(InsnFile& file, size_t first) : file_(file), piece_(first) { take_piece(); }

  // The threads as they are at the chunk's begin.
  void start(isa::Isa isa, emu::MachineState& state) {
    if (byte() != static_cast<uint8_t>(Record::start)) damaged();
    state.position = position_ = number();
    const auto current = static_cast<int>(number());
    const uint64_t threads = number();
    if (threads > 1'000'000) damaged();
    state.threads.clear();
    for (uint64_t i = 0; i < threads; ++i) {
      insn::Registers r{};
      emu::Thread t;
      t.tid = static_cast<int>(number());
      for (uint64_t n = number(); n > 0; --n) {
        const uint64_t reg = number();
        if (reg >= r.size()) damaged();
        r[reg] = number();
      }
      insn::set_registers(isa, r, t.cpu);
      state.threads.push_back(std::move(t));
      if (state.threads.back().tid == current) state.current = i;
    }
    if (state.threads.empty()) damaged();
  }

  // False: the trace is cut off there.
  bool next(Item& out) {
    if (p_ == end_ && !next_piece()) return false;
    out = {};
    out.kind = static_cast<Record>(byte());
    switch (out.kind) {
      case Record::zeros: out.address = page(); break;
      case Record::bytes: out.address = page(), out.number = next_page_++; break;
      case Record::again: out.address = page(), out.number = next_page_ - number(); break;
      case Record::pause:
      case Record::fault: out.position = position_ += number(); break;
      case Record::host_call: out.bytes = text(number()); break;
      case Record::store: out.address = number(), out.bytes = text(number()); break;
      case Record::resume: resume(out); break;
      case Record::stop: break;
      default: damaged();
    }
    return true;
  }

  void skip_start() {
    emu::MachineState ignored;
    start(isa::Isa::x86_64, ignored);
  }
  emu::Position position() const { return position_; }

 private:
  void take_piece() {
    const std::string_view records = file_.records(piece_);
    text_ = records;
    p_ = reinterpret_cast<const uint8_t*>(text_.data()), end_ = p_ + text_.size();
    next_page_ = file_.head(piece_).pages;
  }
  bool next_piece() {
    if (piece_ + 1 >= file_.pieces() || file_.head(piece_ + 1).kind != Kind::more) return false;
    ++piece_;
    take_piece();
    return p_ != end_ || next_piece();
  }
  [[noreturn]] void damaged() const { file_.fail(fmt::format("damaged: no record in piece {}", piece_)); }
  uint8_t byte() {
    if (p_ == end_) damaged();
    return *p_++;
  }
  uint64_t number() {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint64_t b = byte();
      v |= (b & 0x7f) << shift;
      if (b < 0x80) return v;
    }
    damaged();
  }
  std::string text(uint64_t n) {
    if (n > static_cast<uint64_t>(end_ - p_)) damaged();
    p_ += n;
    return {reinterpret_cast<const char*>(p_ - n), n};
  }
  uint64_t page() {
    last_page_ += insn::unfold(number()) * insn::kPage;
    if (last_page_ >= kAddresses) damaged();
    return last_page_;
  }
  void resume(Item& out) {
    out.position = position_ += number();
    out.tid = static_cast<int>(number());
    const uint64_t n = number();
    if (n > insn::kRegisters) damaged();
    for (uint64_t i = 0; i < n; ++i) {
      const uint64_t reg = number();
      if (reg >= insn::kRegisters) damaged();
      out.registers.emplace_back(static_cast<uint8_t>(reg), insn::unfold(number()));
    }
  }

  InsnFile& file_;
  size_t piece_;
  std::string text_;
  const uint8_t* p_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint64_t next_page_ = 0, last_page_ = 0;
  emu::Position position_ = 0;
};

// --- the trace ---

InsnTrace::InsnTrace(const std::string& path) : file_(path) {
  EventReader reader(path);
  const size_t line = file_.header().find('\n');
  reader.read(std::string_view(file_.header()).substr(0, line), header_);
  if (line != std::string::npos)
    binary_ = file_.header().substr(line + 1, file_.header().find('\n', line + 1) - line - 1);
  if (file_.end()) {
    const std::string& text = *file_.end();
    const size_t cut = text.find('\n');
    TraceEnd end;
    if (reader.read(std::string_view(text).substr(0, cut), end)) file_.fail("damaged: its end is an event");
    end_ = std::move(end);
    torn_ = cut != std::string::npos && text.find("torn", cut) != std::string::npos;
  }
  for (size_t i = 0; i < file_.pieces(); ++i)
    if (file_.head(i).kind == Kind::chunk) chunks_.push_back(i);

  isa_ = header_.goarch == "arm64" ? isa::Isa::arm64 : isa::Isa::x86_64;
  const loader::Os os = header_.goos == "darwin" ? loader::Os::darwin : loader::Os::linux_;
  const isa::CpuModel* model = isa::find_cpu_model(isa_, header_.cpu);
  if (!model) file_.fail(fmt::format("the CPU model {} is not known here", header_.cpu));
  cpu_ = emu::system_cpu(os, *model);
  engine_ = std::make_unique<emu::Engine>(isa_, cpu_);
  engine_->use_host_code("auto");
  state_.isa = isa_;
  state_.level = cpu_.level;
  state_.os = emu::make_os(os, isa_);
}

InsnTrace::~InsnTrace() = default;

bool InsnTrace::is_one(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char magic[insn::kMagic.size()];
  const ssize_t n = ::read(fd, magic, sizeof magic);
  ::close(fd);
  return n == static_cast<ssize_t>(sizeof magic) && std::string_view(magic, sizeof magic) == insn::kMagic;
}

emu::Position InsnTrace::first() const { return chunks_.empty() ? 0 : chunk_begin(0); }

emu::Position InsnTrace::last() {
  if (last_ || chunks_.empty()) return last_.value_or(0);
  Records records(file_, chunks_.back());
  records.skip_start();
  Item item;
  while (records.next(item)) {
  }
  return *(last_ = records.position());
}

std::string InsnTrace::chunk_bytes(size_t i) {
  std::string out;
  const size_t end = i + 1 < chunks_.size() ? chunks_[i + 1] : file_.pieces();
  for (size_t p = chunks_[i]; p < end; ++p) {
    out += file_.records(p);
    const Piece& head = file_.head(p);
    for (uint64_t n = 0; n < (head.raw - head.records) / insn::kPage; ++n)
      out.append(reinterpret_cast<const char*>(file_.page(head.pages + n)), insn::kPage);
  }
  return out;
}

void InsnTrace::begin_chunk(size_t chunk) {
  chunk_ = chunk;
  state_.memory = emu::Memory();
  engine_->drop_blocks();
  records_ = std::make_unique<Records>(file_, chunks_[chunk]);
  records_->start(isa_, state_);
  read_on();
}

// Where instructions go on, and what the system did before.
void InsnTrace::apply(const Item& item) {
  emu::Memory& memory = state_.memory;
  const auto page = [&] {  // what the chunk does not reach cannot be read
    if (!memory.is_mapped(item.address, insn::kPage))
      memory.map(item.address, insn::kPage, emu::kRead | emu::kWrite | emu::kExec);
  };
  switch (item.kind) {
    case Record::zeros: page(), memory.discard(item.address, insn::kPage); break;
    case Record::bytes:
    case Record::again: page(), memory.poke(item.address, file_.page(item.number), insn::kPage); break;
    case Record::store: memory.poke(item.address, item.bytes.data(), item.bytes.size()); break;
    case Record::resume: {
      state_.position = item.position;
      auto& threads = state_.threads;
      const auto at = std::find_if(threads.begin(), threads.end(), [&](const auto& t) { return t.tid == item.tid; });
      const bool fresh = at == threads.end();
      state_.current = static_cast<size_t>(at - threads.begin());
      if (fresh) threads.emplace_back().tid = item.tid;
      isa::CpuState& cpu = state_.cpu();
      insn::Registers r = fresh ? insn::Registers{} : insn::registers_of(isa_, cpu);
      for (const auto& [reg, more] : item.registers) r[reg] += more;
      insn::set_registers(isa_, r, cpu);
      break;
    }
    default: break;
  }
}

// Up to the pause that ends the next instructions, and what happens there.
void InsnTrace::read_on() {
  group_.reset();
  faulted_ = false;
  paused_ = state_.position;
  Item item;
  while (true) {
    if (!records_->next(item)) return;
    if (item.kind == Record::pause || item.kind == Record::fault) break;
    if (item.kind == Record::stop || item.kind == Record::resume) file_.fail("damaged: a pause is missing");
    apply(item);
  }
  if (item.position < state_.position) file_.fail("damaged: a position lies before the last");
  paused_ = item.position, faulted_ = item.kind == Record::fault;
  Group group;
  while (records_->next(item)) {
    if (item.kind == Record::pause || item.kind == Record::fault) file_.fail("damaged: two pauses follow each other");
    if (item.kind == Record::host_call) group.host_call = item.bytes, group.is_host_call = true;
    group.stop = item.kind == Record::stop;
    group.items.push_back(item);
    if (group.stop || item.kind == Record::resume) {
      group_ = std::make_unique<Group>(std::move(group));
      return;
    }
  }
}

const std::string* InsnTrace::host_call() const {
  if (!group_ || !group_->is_host_call || state_.position != paused_) return nullptr;
  return &group_->host_call;
}

// One position is one state: what the system does here is done, but for functions of its own, which are instructions.
void InsnTrace::settle() {
  while (group_ && state_.position == paused_) {
    if (group_->stop) {
      if (chunk_ + 1 >= chunks_.size() || chunk_begin(chunk_ + 1) != state_.position) return;
      begin_chunk(chunk_ + 1);
    } else {
      if (group_->items.back().position != state_.position) return;
      for (const Item& item : group_->items) apply(item);
      read_on();
    }
  }
}

// Instructions up to `limit`, none of which the system has a part in.
void InsnTrace::execute(emu::Position limit) {
  isa::CpuState& cpu = state_.cpu();
  while (state_.position < limit) {
    isa::fp_enter(cpu, isa_);
    emu::RunExit exit = engine_->run(cpu, state_.memory, limit - state_.position, state_.position);
    state_.position += exit.executed;
    if (exit.kind == emu::RunExit::Watch) {
      uint8_t bytes[16] = {};
      const unsigned n = state_.memory.fetch(cpu.pc, bytes, isa::longest(isa_));
      isa::Lifted in;
      isa::lift(isa_, {bytes, n}, cpu.pc, in, state_.level);
      emu::MemoryBus bus(state_.memory);
      exit.outcome = isa::evaluate(in, cpu, bus, cpu_, state_.position);
      exit.kind = exit.outcome.kind == isa::Outcome::Fault ? emu::RunExit::Fault : emu::RunExit::Budget;
      ++state_.position;
    }
    isa::fp_fold(cpu, isa_);
    isa::fp_leave();
    // A system call that changed nothing has no pause.
    const bool goes_on = exit.kind == emu::RunExit::Budget || exit.kind == emu::RunExit::Syscall;
    if (!goes_on)
      file_.fail(
          fmt::format("position {}: the instruction at {:#x} cannot be executed as it was", state_.position, cpu.pc));
  }
}

bool InsnTrace::forward(emu::Position p) {
  settle();
  while (state_.position < p) {
    const emu::Position limit = faulted_ ? paused_ - 1 : paused_;
    if (state_.position < limit) {
      execute(std::min(p, limit));
    } else if (faulted_ && state_.position < paused_) {
      ++state_.position;
    } else if (group_ && group_->stop) {
      if (chunk_ + 1 >= chunks_.size()) return false;
      begin_chunk(chunk_ + 1);
    } else if (group_) {
      for (const Item& item : group_->items) apply(item);
      read_on();
    } else {
      return false;
    }
    settle();
  }
  return true;
}

bool InsnTrace::seek(emu::Position p) {
  if (chunks_.empty() || p < first()) return false;
  const auto behind = std::upper_bound(chunks_.begin(), chunks_.end(), p,
                                       [&](emu::Position at, size_t piece) { return at < file_.head(piece).position; });
  const auto chunk = static_cast<size_t>(behind - chunks_.begin()) - 1;
  if (!records_ || chunk != chunk_ || p < state_.position) begin_chunk(chunk);
  return forward(p) && state_.position == p;
}

bool InsnTrace::step() { return records_ && forward(state_.position + 1); }

}  // namespace deferscope::traces
