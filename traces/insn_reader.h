// Reads an instruction trace (docs/trace-format.md): the state at any of its positions, and on from there one
// instruction after the other. Neither the guest's system nor the program's file is needed: instructions are executed
// again from the last set of registers that the trace has.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emu/machine.h"
#include "traces/insn_format.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

// The file's pieces, decompressed as they are asked for. Throws TraceError, one line with the file's name, for damage.
class InsnFile {
 public:
  explicit InsnFile(const std::string& path);
  ~InsnFile();
  InsnFile(const InsnFile&) = delete;

  const std::string& header() const { return header_; }
  const std::optional<std::string>& end() const { return end_; }  // none: its writer was stopped
  size_t pieces() const { return rows_.size(); }
  const insn::Piece& head(size_t i) const { return rows_[i].piece; }
  // Its records, its pages. Valid until some others were asked for.
  std::string_view records(size_t i) { return std::string_view(piece(i)).substr(0, rows_[i].piece.records); }
  const uint8_t* page(uint64_t number);
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Unpacked {
    size_t piece = 0;
    uint64_t used = 0;
    std::string raw;
  };
  bool read_at(uint64_t offset, void* to, size_t n) const;
  bool read_head(uint64_t offset, insn::Piece& head) const;
  std::string unpack(const insn::Row& row) const;
  bool read_index();
  void scan();
  void take(const insn::Row& row);
  const std::string& piece(size_t i);

  std::string path_, header_;
  std::optional<std::string> end_;
  int fd_ = -1;
  uint64_t size_ = 0, uses_ = 0;
  std::vector<insn::Row> rows_;  // of chunks' pieces, in order
  std::vector<Unpacked> unpacked_;
};

class InsnTrace {
 public:
  // Throws TraceError for what is no such trace.
  explicit InsnTrace(const std::string& path);
  ~InsnTrace();
  InsnTrace(const InsnTrace&) = delete;

  static bool is_one(const std::string& path);  // by its first bytes

  const TraceHeader& header() const { return header_; }
  const std::string& binary() const { return binary_; }        // path of the program, as its writer had it
  const std::optional<TraceEnd>& end() const { return end_; }  // none: a prefix
  bool torn() const { return torn_; }                          // InsnWriter::torn
  const isa::CpuModel& cpu_model() const { return cpu_; }

  // Positions that it has: first() to last(). Of an empty one both are 0.
  emu::Position first() const;
  emu::Position last();

  // Where it stands: before the instruction at state().position of state().thread().
  const emu::MachineState& state() const { return state_; }
  bool seek(emu::Position p);  // false: it has none such, and stands anywhere
  bool step();                 // false: there is no more instruction
  // The next instruction is a function of the system's own (a Darwin import), by this name.
  const std::string* host_call() const;
  // The next instruction does nothing but raise a fault.
  bool at_fault() const { return faulted_ && state_.position + 1 == paused_; }

  // For comparing two: runs of instructions between two sets of registers.
  size_t chunks() const { return chunks_.size(); }
  emu::Position chunk_begin(size_t i) const { return file_.head(chunks_[i]).position; }
  // Chunks behind equal ones that say the same are executed alike.
  std::string chunk_bytes(size_t i);

 private:
  class Records;
  struct Item;
  struct Group;
  void begin_chunk(size_t chunk);
  void apply(const Item& item);
  void read_on();
  void settle();
  void execute(emu::Position limit);
  bool forward(emu::Position p);

  InsnFile file_;
  TraceHeader header_;
  std::string binary_;
  std::optional<TraceEnd> end_;
  bool torn_ = false;
  isa::Isa isa_ = isa::Isa::x86_64;
  isa::CpuModel cpu_{};
  std::unique_ptr<emu::Engine> engine_;
  std::vector<size_t> chunks_;  // their first pieces
  std::optional<emu::Position> last_;

  emu::MachineState state_;
  size_t chunk_ = 0;
  std::unique_ptr<Records> records_;  // of the chunk at hand; none: nowhere yet
  std::unique_ptr<Group> group_;      // what the system does at paused_; none: unknown
  emu::Position paused_ = 0;          // how far the instructions go that are known
  bool faulted_ = false;
};

}  // namespace deferscope::traces
