// pclntab: header formats, functions, lines, pc tables, funcdata.
#include "loader/pclntab.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "loader/error.h"
#include "loader/go_tables.h"
#include "loader/printable.h"

namespace deferscope::loader {

// What differs between the four formats of pclntab. Offsets are decimal bytes; -1: the field does not exist.
struct PclnRow {
  uint32_t magic;
  int oldest_minor, newest_minor;
  bool sub_tables;        // the header names where its parts begin (1.16+)
  int text_start;         // offset of textStart in the header
  int sub_table_offsets;  // offset of the five part offsets in the header
  bool relative;          // functab and _func hold u32 offsets from text, funcdata u32 offsets from gofunc (1.18+)
  // Fields of _func; entry is at 0.
  int name, args, deferreturn, pcsp, pcfile, pcln, npcdata, cu_offset, start_line, func_id, flag, nfuncdata;
  int size;  // where the pcdata offsets begin (the struct of 1.16–1.17 is 48 with its tail padding)
  int inline_node_size;
};

namespace {

constexpr PclnRow kRows[] = {
    // magic      minors  sub    ts  offs rel    nam arg dfr psp pfi pln npc  cu  sl  fid flg nfd size inl
    {0xfffffffb, 12, 15, false, -1, -1, false, 8, 12, 16, 20, 24, 28, 32, -1, -1, 36, -1, 39, 40, 20},
    {0xfffffffa, 16, 17, true, -1, 24, false, 8, 12, 16, 20, 24, 28, 32, 36, -1, 40, 41, 43, 44, 20},
    {0xfffffff0, 18, 19, true, 24, 32, true, 4, 8, 12, 16, 20, 24, 28, 32, -1, 36, 37, 39, 40, 20},
    {0xfffffff1, 20, kNewestMinor, true, 24, 32, true, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 41, 43, 44, 16},
};

constexpr uint64_t kMaxFunctions = 1 << 24;
constexpr size_t kMaxInlined = 200;  // functions inlined into one another

const PclnRow* row_of(uint32_t magic) {
  for (const PclnRow& row : kRows)
    if (row.magic == magic) return &row;
  return nullptr;
}

template <class T>
T need(Bytes bytes, uint64_t offset, const char* what) {
  auto value = get<T>(bytes, offset);
  if (!value) throw Error(fmt::format("corrupt pclntab: {} at offset {:#x} lies outside it", what, offset));
  return *value;
}

// Points the header's parts at their bytes. False if an offset lies outside.
bool find_parts(PclnHeader* h) {
  if (!h->row->sub_tables) {
    h->funcnames = h->cutab = h->pctab = h->pcln = h->table;
    h->functab = h->address + 16;
    uint64_t functab_end = 16 + h->nfunc * 16 + 8;
    auto offset = get<uint32_t>(h->table, functab_end);
    if (!offset || *offset >= h->table.size()) return false;
    h->filetab = h->table.subspan(*offset);
    return true;
  }
  Bytes* parts[] = {&h->funcnames, &h->cutab, &h->filetab, &h->pctab, &h->pcln};
  uint64_t at = static_cast<uint64_t>(h->row->sub_table_offsets);
  for (Bytes* part : parts) {
    auto offset = get<uint64_t>(h->table, at);
    if (!offset || *offset >= h->table.size()) return false;
    *part = h->table.subspan(static_cast<size_t>(*offset));
    h->functab = h->address + *offset;  // of the last: functab begins the pcln part
    at += 8;
  }
  return true;
}

// The first and last rows of functab must point at _func records whose entry repeats functab's pc.
bool plausible(const PclnHeader& h) {
  Bytes functab = h.row->sub_tables ? h.pcln : h.table.subspan(16);
  uint64_t entry_size = h.row->relative ? 8 : 16;
  for (uint64_t i : {uint64_t{0}, h.nfunc - 1}) {
    if (h.row->relative) {
      auto pc = get<uint32_t>(functab, i * entry_size), off = get<uint32_t>(functab, i * entry_size + 4);
      if (!pc || !off || get<uint32_t>(h.pcln, *off) != pc) return false;
    } else {
      auto pc = get<uint64_t>(functab, i * entry_size), off = get<uint64_t>(functab, i * entry_size + 8);
      if (!pc || !off || get<uint64_t>(h.pcln, *off) != pc) return false;
    }
  }
  return slice(functab, 0, h.nfunc * entry_size + entry_size / 2).has_value();
}

}  // namespace

int PclnHeader::oldest_minor() const { return row->oldest_minor; }
int PclnHeader::newest_minor() const { return row->newest_minor; }

std::optional<PclnHeader> read_pcln_header(const Memory& memory, uint64_t address) {
  PclnHeader h;
  h.address = address;
  h.table = memory.bytes_from(address);
  auto first = get<uint64_t>(h.table, 0);
  if (!first) return std::nullopt;
  h.magic = static_cast<uint32_t>(*first);
  h.row = row_of(h.magic);
  h.quantum = static_cast<uint8_t>(*first >> 48);
  bool padded = (*first >> 32 & 0xffff) == 0, pointers_of_8 = *first >> 56 == 8;
  if (!h.row || !padded || !pointers_of_8 || (h.quantum != 1 && h.quantum != 4)) return std::nullopt;
  auto nfunc = get<uint64_t>(h.table, 8);
  if (!nfunc || *nfunc == 0 || *nfunc > kMaxFunctions) return std::nullopt;
  h.nfunc = *nfunc;
  if (h.row->text_start >= 0) {
    auto start = get<uint64_t>(h.table, static_cast<uint64_t>(h.row->text_start));
    if (!start) return std::nullopt;
    h.text_start = *start;
  }
  if (!find_parts(&h) || !plausible(h)) return std::nullopt;
  return h;
}

std::optional<PclnHeader> scan_for_pcln_header(const Memory& memory) {
  for (const Segment& s : memory.segments())
    for (uint64_t at = (8 - s.vaddr % 8) % 8; at + 8 <= s.bytes.size(); at += 8) {
      uint64_t first;
      std::memcpy(&first, s.bytes.data() + at, 8);
      if (first >> 56 != 8 || !row_of(static_cast<uint32_t>(first))) continue;
      if (auto header = read_pcln_header(memory, s.vaddr + at)) return header;
    }
  return std::nullopt;
}

FuncTable::FuncTable(const Memory& memory, PclnHeader header, uint64_t text, uint64_t gofunc, int minor,
                     std::vector<TextSection> text_sections)
    : memory_(memory),
      header_(header),
      text_(text),
      gofunc_(gofunc),
      tables_(&go_tables(minor)),
      text_sections_(std::move(text_sections)) {}

// 1.18+: offsets count through all text sections as if they were one (only huge programs have more than one).
uint64_t FuncTable::map_text(uint64_t offset) const {
  if (text_sections_.size() > 1)
    for (const TextSection& s : text_sections_)
      if (offset >= s.offset && (offset < s.end || (&s == &text_sections_.back() && offset == s.end)))
        return s.address + (offset - s.offset);
  return text_ + offset;
}

uint64_t FuncTable::entry_of(size_t i) const {
  if (header_.row->relative) return map_text(need<uint32_t>(header_.pcln, i * 8, "functab entry"));
  return need<uint64_t>(header_.table, header_.functab - header_.address + i * 16, "functab entry");
}

uint64_t FuncTable::record_of(size_t i) const {
  if (header_.row->relative) return need<uint32_t>(header_.pcln, i * 8 + 4, "functab entry");
  return need<uint64_t>(header_.table, header_.functab - header_.address + i * 16 + 8, "functab entry");
}

bool FuncTable::in_order() const {
  for (size_t i = 0; i < size(); i++)
    if (entry_of(i + 1) < entry_of(i)) return false;
  return true;
}

std::vector<std::pair<uint64_t, int32_t>> FuncTable::sp_runs(const Func& f) const {
  std::vector<std::pair<uint64_t, int32_t>> runs;
  if (f.pcsp != 0)
    each_run(f, f.pcsp, [&](uint64_t end, int32_t value) {
      runs.emplace_back(end, value);
      return end < f.end;
    });
  return runs;
}

std::optional<Func> FuncTable::at(uint64_t pc) const {
  size_t low = 0, high = size();  // the answer is the last i with entry_of(i) <= pc
  if (pc < entry_of(0) || pc >= entry_of(high)) return std::nullopt;
  while (high - low > 1) {
    size_t mid = low + (high - low) / 2;
    (entry_of(mid) <= pc ? low : high) = mid;
  }
  return func(low);
}

Func FuncTable::func(size_t i) const {
  if (i >= size()) throw Error(fmt::format("pclntab has {} functions, no number {}", size(), i));
  const PclnRow& row = *header_.row;
  Func f;
  f.index = static_cast<uint32_t>(i);
  f.entry = entry_of(i);
  f.end = entry_of(i + 1);
  f.record = record_of(i);
  auto fixed = slice(header_.pcln, f.record, static_cast<uint64_t>(row.size));
  if (!fixed) throw Error(fmt::format("corrupt pclntab: record {} at offset {:#x} lies outside it", i, f.record));
  auto u32 = [&](int offset) { return offset < 0 ? 0 : *get<uint32_t>(*fixed, static_cast<uint64_t>(offset)); };
  auto u8 = [&](int offset) -> uint8_t { return offset < 0 ? 0 : (*fixed)[static_cast<size_t>(offset)]; };
  f.name = name_at(u32(row.name));
  f.args = static_cast<int32_t>(u32(row.args));
  f.deferreturn = u32(row.deferreturn);
  f.pcsp = u32(row.pcsp);
  f.pcfile = u32(row.pcfile);
  f.pcln = u32(row.pcln);
  f.npcdata = u32(row.npcdata);
  f.cu_offset = u32(row.cu_offset);
  f.start_line = static_cast<int32_t>(u32(row.start_line));
  f.func_id = u8(row.func_id);
  f.flag = u8(row.flag);
  f.nfuncdata = u8(row.nfuncdata);
  return f;
}

std::string_view FuncTable::name_at(uint64_t offset) const {
  auto name = c_string(header_.funcnames, offset);
  if (!name) throw Error(fmt::format("corrupt pclntab: function name at offset {:#x} lies outside it", offset));
  return printable_name(*name);
}

std::vector<Func> FuncTable::find(std::string_view name) const {
  std::hash<std::string_view> hash;
  std::call_once(names_once_, [&] {
    names_.reserve(size());
    uint64_t bytes = 0;  // names may share theirs, but not all one endless text
    for (size_t i = 0; i < size(); i++) {
      uint32_t offset = need<uint32_t>(header_.pcln, record_of(i) + static_cast<uint64_t>(header_.row->name), "_func");
      const std::string_view text = name_at(offset);
      bytes += text.size();
      if (bytes > 16 * header_.table.size() + (1 << 20)) throw Error("corrupt pclntab: its names overlap without end");
      names_.emplace_back(hash(text), static_cast<uint32_t>(i));
    }
    std::sort(names_.begin(), names_.end());
  });
  std::vector<Func> found;
  std::pair<uint64_t, uint32_t> key{hash(name), 0};
  for (auto i = std::lower_bound(names_.begin(), names_.end(), key); i != names_.end() && i->first == key.first; ++i)
    if (Func f = func(i->second); f.name == name) found.push_back(f);
  return found;
}

std::optional<Func> FuncTable::find_first(std::string_view name) const {
  auto found = find(name);
  if (found.empty()) return std::nullopt;
  return found.front();
}

// Calls visit(end of run, value) for each run of the pc table at `offset` until it returns false. A table is pairs of
// varints: the zigzag difference of the value, then the difference of the pc in quanta; the first value starts at -1; a
// value difference of 0 (not in the first pair) ends it.
template <class Visit>
void FuncTable::each_run(const Func& f, uint32_t offset, Visit visit) const {
  uint64_t at = offset, pc = f.entry, runs = 0;
  uint32_t value = static_cast<uint32_t>(-1);
  for (bool first = true;; first = false) {
    if (++runs > 64 && runs > pc - f.entry)
      throw Error(fmt::format("corrupt pclntab: pc table of {} at {:#x} goes nowhere", f.name, offset));
    auto value_delta = uvarint(header_.pctab, &at);
    if (value_delta && *value_delta == 0 && !first) return;
    auto pc_delta = value_delta ? uvarint(header_.pctab, &at) : std::nullopt;
    if (!pc_delta) throw Error(fmt::format("corrupt pclntab: pc table of {} at {:#x} is cut off", f.name, offset));
    uint32_t zigzag = static_cast<uint32_t>(*value_delta);
    value += (zigzag & 1) ? ~(zigzag >> 1) : zigzag >> 1;
    pc += static_cast<uint32_t>(*pc_delta) * uint64_t{header_.quantum};
    if (!visit(pc, static_cast<int32_t>(value))) return;
  }
}

std::optional<int32_t> FuncTable::pc_value(const Func& f, uint32_t offset, uint64_t pc) const {
  if (offset == 0) return std::nullopt;
  std::optional<int32_t> found;
  each_run(f, offset, [&](uint64_t end, int32_t value) {
    if (pc >= end) return true;
    found = value;
    return false;
  });
  return found;
}

std::optional<uint64_t> FuncTable::caller_sp(const Func& f, uint64_t pc, uint64_t sp) const {
  auto delta = sp_delta(f, pc);
  if (!delta) return std::nullopt;
  const uint64_t return_address = header_.quantum == 1 ? 8 : 0;  // pushed by CALL on amd64; part of the frame on arm64
  return sp + static_cast<uint64_t>(int64_t{*delta}) + return_address;
}

uint32_t FuncTable::pcdata_offset(const Func& f, uint32_t table) const {
  if (table >= f.npcdata) return 0;
  return need<uint32_t>(header_.pcln, f.record + static_cast<uint64_t>(header_.row->size) + table * 4ull,
                        "pcdata offset");
}

int32_t FuncTable::pcdata(const Func& f, uint32_t table, uint64_t pc) const {
  return pc_value(f, pcdata_offset(f, table), pc).value_or(-1);
}

std::vector<std::pair<uint64_t, int32_t>> FuncTable::runs(const Func& f, uint32_t offset) const {
  std::vector<std::pair<uint64_t, int32_t>> found;
  if (offset != 0)
    each_run(f, offset, [&](uint64_t end, int32_t value) {
      found.emplace_back(end, value);
      return end < f.end;
    });
  return found;
}

std::vector<std::pair<uint64_t, int32_t>> FuncTable::pcdata_runs(const Func& f, uint32_t table) const {
  return runs(f, pcdata_offset(f, table));
}

std::optional<uint64_t> FuncTable::funcdata(const Func& f, uint32_t index) const {
  if (index >= f.nfuncdata) return std::nullopt;
  uint64_t at = f.record + static_cast<uint64_t>(header_.row->size) + f.npcdata * 4ull;
  if (header_.row->relative) {
    uint32_t offset = need<uint32_t>(header_.pcln, at + index * 4ull, "funcdata offset");
    if (offset == 0xffffffff) return std::nullopt;
    if (gofunc_ == 0) throw Error("funcdata cannot be found: this Go version's moduledata was not recognised");
    return gofunc_ + offset;
  }
  uint64_t base = header_.address + static_cast<uint64_t>(header_.pcln.data() - header_.table.data());
  if ((base + at) % 8 != 0) at += 4;  // the pointers are aligned in memory
  uint64_t pointer = need<uint64_t>(header_.pcln, at + index * 8ull, "funcdata pointer");
  if (pointer == 0) return std::nullopt;
  return pointer;
}

std::string_view FuncTable::file_of(const Func& f, int32_t file) const {
  if (file < 0) return "?";
  std::optional<std::string_view> name;
  if (!header_.row->sub_tables) {
    uint32_t offset = need<uint32_t>(header_.filetab, static_cast<uint64_t>(file) * 4, "file table entry");
    name = c_string(header_.table, offset);
  } else {
    uint64_t at = (uint64_t{f.cu_offset} + static_cast<uint64_t>(file)) * 4;
    uint32_t offset = need<uint32_t>(header_.cutab, at, "file index");
    if (offset == 0xffffffff) return "?";
    name = c_string(header_.filetab, offset);
  }
  if (!name) throw Error(fmt::format("corrupt pclntab: file name {} of {} lies outside it", file, f.name));
  return printable_name(*name);
}

SourceLine FuncTable::line(const Func& f, uint64_t pc) const {
  auto file = pc_value(f, f.pcfile, pc), line = pc_value(f, f.pcln, pc);
  if (!file || !line) return {"?", 0};
  return {file_of(f, *file), *line};
}

int32_t FuncTable::inline_index(const Func& f, uint64_t pc) const { return pcdata(f, tables_->pcdata_inline, pc); }

InlineNode FuncTable::inline_node(const Func& f, int32_t index) const {
  auto tree = funcdata(f, tables_->funcdata_inline);
  uint64_t size = static_cast<uint64_t>(header_.row->inline_node_size);
  auto bytes = tree && index >= 0 ? memory_.bytes_at(*tree + static_cast<uint64_t>(index) * size, size) : std::nullopt;
  if (!bytes) throw Error(fmt::format("corrupt pclntab: {} has no inline tree entry {}", f.name, index));
  InlineNode node;
  if (size == 20) {  // 1.12–1.19: parent i16, funcID u8, pad, file i32, line i32, func i32, parentPc i32
    node.parent = *get<int16_t>(*bytes, 0);
    node.func_id = (*bytes)[2];
    node.call = SourceLine{file_of(f, *get<int32_t>(*bytes, 4)), *get<int32_t>(*bytes, 8)};
    node.function = name_at(*get<uint32_t>(*bytes, 12));
    node.parent_pc = *get<int32_t>(*bytes, 16);
  } else {  // 1.20+: funcID u8, pad, nameOff i32, parentPc i32, startLine i32
    node.func_id = (*bytes)[0];
    node.function = name_at(*get<uint32_t>(*bytes, 4));
    node.parent_pc = *get<int32_t>(*bytes, 8);
    node.start_line = *get<int32_t>(*bytes, 12);
  }
  return node;
}

int32_t FuncTable::inline_parent(const Func& f, const InlineNode& node) const {
  return node.call ? node.parent : inline_index(f, f.entry + static_cast<uint64_t>(int64_t{node.parent_pc}));
}

std::vector<std::pair<uint64_t, int32_t>> FuncTable::inline_runs(const Func& f) const {
  if (!funcdata(f, tables_->funcdata_inline)) return {};
  return pcdata_runs(f, tables_->pcdata_inline);
}

std::vector<InlineFrame> FuncTable::inline_stack(const Func& f, uint64_t pc) const {
  std::vector<InlineFrame> frames;
  SourceLine at = line(f, pc);
  int32_t index = inline_index(f, pc);
  while (index >= 0) {
    if (frames.size() > kMaxInlined)
      throw Error(fmt::format("corrupt pclntab: the inline tree of {} is a circle", f.name));
    InlineNode node = inline_node(f, index);
    frames.push_back({node.function, at, node.func_id, node.start_line, true});
    uint64_t parent_pc = f.entry + static_cast<uint64_t>(int64_t{node.parent_pc});
    at = node.call ? *node.call : line(f, parent_pc);
    index = inline_parent(f, node);
  }
  frames.push_back({f.name, at, f.func_id, f.start_line, false});
  return frames;
}

}  // namespace deferscope::loader
