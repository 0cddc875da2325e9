// Layouts of moduledata and how a right one is told from chance.
#include "loader/moduledata.h"

#include "loader/version.h"

namespace deferscope::loader {
namespace {

// Byte offsets by version; -1: no such field. Between `text` and `gcbss` the fields are consecutive words, in the order
// of ModuleData, with covctrs and ecovctrs before `end` in 1.20+.
struct Row {
  int oldest_minor, newest_minor;
  int size, ftab, findfunctab, minpc, text, end, types, etypes, rodata, gofunc, epclntab, textsectmap, hasmain, next;
};

constexpr Row kRows[] = {
    // minors         size ftab find minpc text end typ  ety  rod  gof  epc textsect hasmain next
    {kOldestMinor, 15, 456, 24, 72, 80, 96, 176, 200, 208, -1, -1, -1, 216, 392, 448},
    {16, 17, 536, 128, 152, 160, 176, 256, 280, 288, -1, -1, -1, 296, 472, 528},
    {18, 19, 552, 128, 152, 160, 176, 256, 280, 288, 296, 304, -1, 312, 488, 544},
    {20, 20, 568, 128, 152, 160, 176, 272, 296, 304, 312, 320, -1, 328, 504, 560},
    {21, 22, 592, 128, 152, 160, 176, 272, 296, 304, 312, 320, -1, 328, 528, 584},
    {23, 25, 584, 128, 152, 160, 176, 272, 296, 304, 312, 320, -1, 328, 528, 576},
    {26, 26, 592, 128, 152, 160, 176, 272, 296, 304, 312, 320, 328, 336, 536, 584},
    {27, kNewestMinor, 568, 128, 152, 160, 176, 272, 296, 312, 336, 344, 352, 360, 512, 560},
};

// Reads words of one candidate; any unreadable word makes it not ok.
struct Words {
  const Memory& memory;
  uint64_t address;
  bool ok = true;

  uint64_t at(int offset) {
    if (offset < 0) return 0;
    auto word = memory.read_u64(address + static_cast<uint64_t>(offset));
    ok = ok && word.has_value();
    return word.value_or(0);
  }
};

ModuleData fields(Words& w, const Row& row) {
  ModuleData m;
  m.address = w.address;
  m.size = static_cast<uint64_t>(row.size);
  m.oldest_minor = row.oldest_minor;
  m.newest_minor = row.newest_minor;
  m.pclntab = w.at(0);
  m.findfunctab = w.at(row.findfunctab);
  m.minpc = w.at(row.minpc);
  m.maxpc = w.at(row.minpc + 8);
  uint64_t* run[] = {&m.text,  &m.etext, &m.noptrdata, &m.enoptrdata, &m.data,
                     &m.edata, &m.bss,   &m.ebss,      &m.noptrbss,   &m.enoptrbss};
  int offset = row.text;
  for (uint64_t* field : run) *field = w.at(offset), offset += 8;
  m.end = w.at(row.end);
  m.gcdata = w.at(row.end + 8);
  m.gcbss = w.at(row.end + 16);
  m.types = w.at(row.types);
  m.etypes = w.at(row.etypes);
  m.rodata = w.at(row.rodata);
  m.gofunc = w.at(row.gofunc);
  m.epclntab = w.at(row.epclntab);
  m.textsectmap = w.at(row.textsectmap);
  m.textsectmap_len = w.at(row.textsectmap + 8);
  m.has_main = w.memory.read_u8(w.address + static_cast<uint64_t>(row.hasmain)).value_or(0) != 0;
  return m;
}

bool right(Words& w, const Row& row, const ModuleData& m, const PclnHeader& header) {
  const Memory& memory = w.memory;
  auto mapped = [&](uint64_t address) { return memory.segment_at(address) != nullptr; };
  bool pcln = m.pclntab == header.address && w.at(row.ftab) == header.functab && w.at(row.ftab + 8) == header.nfunc + 1;
  bool text = m.text <= m.minpc && m.minpc < m.maxpc && m.maxpc <= m.etext && mapped(m.text) && mapped(m.minpc);
  bool data = m.noptrdata <= m.enoptrdata && m.data <= m.edata && m.bss <= m.ebss && m.noptrbss <= m.enoptrbss &&
              m.types < m.etypes && mapped(m.types);
  bool later = (row.rodata < 0 || (mapped(m.rodata) && m.rodata <= m.types)) && (row.gofunc < 0 || mapped(m.gofunc)) &&
               (row.epclntab < 0 || m.epclntab > m.pclntab);
  // The tail tells rows apart whose front is the same: one text section at least, hasmain a bool, no next module in the
  // file.
  bool tail = m.textsectmap_len >= 1 && m.textsectmap_len <= 4096 && w.at(row.textsectmap + 16) == m.textsectmap_len &&
              mapped(m.textsectmap) && memory.read_u64(m.textsectmap) == 0 &&
              memory.read_u8(m.address + static_cast<uint64_t>(row.hasmain)).value_or(2) <= 1 && w.at(row.next) == 0;
  return w.ok && pcln && text && data && later && tail;
}

std::optional<ModuleData> try_row(const Memory& memory, uint64_t address, const PclnHeader& header, const Row& row) {
  Words words{memory, address};
  ModuleData m = fields(words, row);
  if (!right(words, row, m, header)) return std::nullopt;
  return m;
}

}  // namespace

std::optional<ModuleData> read_moduledata(const Memory& memory, uint64_t address, const PclnHeader& header, int minor) {
  for (const Row& row : kRows)
    if (minor >= row.oldest_minor && minor <= row.newest_minor)
      if (auto m = try_row(memory, address, header, row)) return m;
  for (size_t i = sizeof kRows / sizeof kRows[0]; i-- > 0;)
    if (kRows[i].newest_minor >= header.oldest_minor() && kRows[i].oldest_minor <= header.newest_minor())
      if (auto m = try_row(memory, address, header, kRows[i])) return m;
  return std::nullopt;
}

std::optional<ModuleData> scan_for_moduledata(const Memory& memory, const PclnHeader& header, int minor) {
  for (const Segment& s : memory.segments()) {
    if (!s.write) continue;
    for (uint64_t at = (8 - s.vaddr % 8) % 8; at + 8 <= s.bytes.size(); at += 8) {
      uint64_t word;
      std::memcpy(&word, s.bytes.data() + at, 8);
      if (word != header.address) continue;
      if (auto m = read_moduledata(memory, s.vaddr + at, header, minor)) return m;
    }
  }
  return std::nullopt;
}

}  // namespace deferscope::loader
