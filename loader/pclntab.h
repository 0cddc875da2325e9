// pclntab, Go's own function table: which function, file, line, frame size and compiler tables belong to a pc. It
// survives `-s -w`.
//
// The bytes are decoded when asked for; opening a table reads its header only. Every lookup checks its bounds and
// throws Error where the table is corrupt; "not in any function" is an empty optional, not an error. All addresses are
// relocated guest addresses. Formats: src/runtime/symtab.go and cmd/link/internal/ld/pcln.go of the
// releases 1.12 to 1.27.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/bytes.h"
#include "loader/memory.h"

namespace deferscope::loader {

struct PclnRow;   // what differs between the four formats; a table in pclntab.cpp
struct GoTables;  // which PCDATA and FUNCDATA index a Go version uses

// The header at the start of pclntab.
struct PclnHeader {
  const PclnRow* row = nullptr;
  uint64_t address = 0;  // of the header
  uint32_t magic = 0;    // 0xfffffffb (1.12–1.15), fffffffa (1.16–1.17), fffffff0 (1.18–1.19), fffffff1 (1.20+)
  uint8_t quantum = 1;   // pc deltas count in this unit: 1 amd64, 4 arm64
  uint64_t nfunc = 0;    // functions in functab
  uint64_t text_start = 0;                              // 1.18–1.25: the text base; 0 otherwise
  uint64_t functab = 0;                                 // address of functab
  Bytes table, funcnames, cutab, filetab, pctab, pcln;  // each up to the end of the segment

  int oldest_minor() const;  // of the versions that write this magic
  int newest_minor() const;
};

// Reads and checks the header at `address`; nothing if it is not one.
std::optional<PclnHeader> read_pcln_header(const Memory& memory, uint64_t address);
// Looks through all segments for a valid header; nothing if there is none.
std::optional<PclnHeader> scan_for_pcln_header(const Memory& memory);

// One function: the runtime's _func record and its neighbours in functab.
struct Func {
  std::string_view name;  // as the runtime knows it: "main.f·dwrap·1" (1.17), "main.F[...]" (1.18–1.20); no ".abi0".
                          // Owned by the Image
  uint64_t entry = 0;
  uint64_t end = 0;          // the next function's entry (padding included)
  uint32_t index = 0;        // in functab
  int32_t args = 0;          // bytes of stack arguments; negative: unknown
  uint32_t deferreturn = 0;  // offset from entry of the first CALL deferreturn (1.12–1.13 amd64: +1), 0 if none
  int32_t start_line = 0;    // 1.20+; 0 before
  uint32_t cu_offset = 0;    // 1.16+
  uint8_t func_id = 0;       // runtime.funcID; numbering differs per version
  uint8_t flag = 0;          // 1 TopFrame, 2 SPWrite (1.17+), 4 Asm (1.18+)
  uint32_t pcsp = 0, pcfile = 0, pcln = 0;  // offsets into pctab
  uint32_t npcdata = 0;
  uint8_t nfuncdata = 0;
  uint64_t record = 0;  // offset of the _func in the pcln part

  bool contains(uint64_t pc) const { return pc - entry < end - entry; }
};

struct SourceLine {
  std::string_view file;  // as compiled in; "?" where the table has none
  int32_t line = 0;
};

// One logical frame at a pc: the innermost inlined function first, the real one last.
struct InlineFrame {
  std::string_view function;
  SourceLine at;           // where this frame's function stands: the pc's own line, or its call of the next inner frame
  uint8_t func_id = 0;     // funcID of the (inlined) function, so wrappers can be told
  int32_t start_line = 0;  // 1.20+
  bool inlined = false;
};

// A node of a function's inline tree as stored.
struct InlineNode {
  int32_t parent = -1;    // 1.12–1.19: index of the parent node, -1 for the function itself
  int32_t parent_pc = 0;  // offset from the entry of an instruction in the parent that stands for the call
  uint8_t func_id = 0;
  std::string_view function;
  std::optional<SourceLine> call;  // 1.12–1.19: file and line of the call; later versions: look up parent_pc
  int32_t start_line = 0;          // 1.20+
};

class FuncTable {
 public:
  // `text`: runtime.text, the base of the 1.18+ offsets. `gofunc`: base of the 1.18+ funcdata offsets, 0 if unknown
  // (then funcdata throws). `minor`: the Go version, for the index of the inline tables. `text_sections`: see map_text;
  // empty is usual.
  struct TextSection {
    uint64_t offset, end, address;
  };
  FuncTable(const Memory& memory, PclnHeader header, uint64_t text, uint64_t gofunc, int minor,
            std::vector<TextSection> text_sections);
  FuncTable(const FuncTable&) = delete;

  const PclnHeader& header() const { return header_; }
  size_t size() const { return static_cast<size_t>(header_.nfunc); }
  uint64_t text() const { return text_; }               // runtime.text
  uint64_t first_pc() const { return entry_of(0); }     // moduledata.minpc
  uint64_t end_pc() const { return entry_of(size()); }  // moduledata.maxpc

  // By address: O(log n), no allocation.
  std::optional<Func> at(uint64_t pc) const;
  // The functab's row i < size().
  Func func(size_t i) const;
  // By exact name: the first call builds an index over all names (about 0.1 µs each). Several functions can share a
  // name: an assembly function and its ABI wrapper do.
  std::vector<Func> find(std::string_view name) const;
  std::optional<Func> find_first(std::string_view name) const;

  // File and line of the instruction at pc (inlined code: of the innermost inlined function).
  SourceLine line(const Func& f, uint64_t pc) const;
  // The line of each stretch of the function, in order of pc: (first pc behind it, line). Reading a function whole
  // costs less than asking for each pc.
  std::vector<std::pair<uint64_t, int32_t>> line_runs(const Func& f) const { return runs(f, f.pcln); }
  // SP of the caller before the call minus SP, less the return address: the frame's bytes at pc. Nothing if the
  // function has no table.
  std::optional<int32_t> sp_delta(const Func& f, uint64_t pc) const { return pc_value(f, f.pcsp, pc); }
  // The same for all of a function: (end, value) of each run of code with one value.
  std::vector<std::pair<uint64_t, int32_t>> sp_runs(const Func& f) const;
  // True if no function begins before the one before it. Looks at all.
  bool in_order() const;
  // The caller's SP as it was before its call, for a frame whose SP is `sp` at pc: what DWARF calls the CFA and the
  // runtime frame.fp.
  std::optional<uint64_t> caller_sp(const Func& f, uint64_t pc, uint64_t sp) const;
  // PCDATA `table` at pc; -1 where the function has no such table, as the runtime says.
  int32_t pcdata(const Func& f, uint32_t table, uint64_t pc) const;
  // The table's runs for reading it whole: (first pc behind the run, value), in order of pc. Empty if the function has
  // no such table.
  std::vector<std::pair<uint64_t, int32_t>> pcdata_runs(const Func& f, uint32_t table) const;
  // Address of FUNCDATA `index`; nothing if the function has none.
  std::optional<uint64_t> funcdata(const Func& f, uint32_t index) const;

  // Innermost inlined node at pc (an index for inline_node), -1 if the instruction is the function's own.
  int32_t inline_index(const Func& f, uint64_t pc) const;
  InlineNode inline_node(const Func& f, int32_t index) const;
  // The node that holds node `index`; -1: the function's own code.
  int32_t inline_parent(const Func& f, const InlineNode& node) const;
  // inline_index of each stretch of the function: (first pc behind it, index). Empty if nothing was inlined.
  std::vector<std::pair<uint64_t, int32_t>> inline_runs(const Func& f) const;
  // All logical frames at pc, innermost first; the last is f itself. For a return address give pc-1, as the runtime
  // does.
  std::vector<InlineFrame> inline_stack(const Func& f, uint64_t pc) const;

 private:
  uint64_t entry_of(size_t i) const;
  uint64_t record_of(size_t i) const;
  uint64_t map_text(uint64_t offset) const;
  std::string_view name_at(uint64_t offset) const;
  std::string_view file_of(const Func& f, int32_t file) const;
  std::optional<int32_t> pc_value(const Func& f, uint32_t offset, uint64_t pc) const;
  std::vector<std::pair<uint64_t, int32_t>> runs(const Func& f, uint32_t offset) const;
  uint32_t pcdata_offset(const Func& f, uint32_t table) const;
  template <class Visit>
  void each_run(const Func& f, uint32_t offset, Visit visit) const;

  const Memory& memory_;
  PclnHeader header_;
  uint64_t text_, gofunc_;
  const GoTables* tables_;
  std::vector<TextSection> text_sections_;
  mutable std::once_flag names_once_;
  mutable std::vector<std::pair<uint64_t, uint32_t>> names_;  // (hash, index), sorted
};

}  // namespace deferscope::loader
