// Line breakpoints after delve's rules (pkg/proc/breakpoints.go, FindFileLocation), inlined copies from pclntab.
#include "runtime_model/lines.h"

#include <algorithm>
#include <map>
#include <set>

namespace deferscope::model {
namespace {

constexpr uint64_t kLongestInstruction = 16;

struct Row {
  uint64_t pc;
  bool is_stmt;
};

std::string_view base_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

// Rows of DWARF's line tables that are of this line. Their files often lack the directory, which pclntab has.
struct DwarfRows {
  std::vector<Row> rows;
  std::map<uint64_t, int32_t> prologue_ends;  // pc, line
};

DwarfRows dwarf_rows(const Program& p, std::string_view file, int32_t line) {
  DwarfRows out;
  const std::string_view name = base_name(file);
  p.dwarf()->each_line_row([&](const loader::LineRow& row) {
    if (row.end_sequence) return;
    if (row.prologue_end) out.prologue_ends.emplace(row.address, row.line);
    if (row.line != line || base_name(row.file) != name) return;
    const Location& at = p.location(row.address);
    if (at.function && file_matches(at.file, file)) out.rows.push_back({row.address, row.is_stmt});
  });
  return out;
}

// A stretch of one jump joins two others, and nothing of the statement happens there.
bool is_only_a_jump(const Program& p, uint64_t begin, uint64_t end) {
  bool jump = false;
  each_instruction(p.image(), begin, end, [&](const Insn& i) { return jump = as_jump(i) && i.next() >= end, false; });
  return jump;
}

// Whether `target` is where a loop begins: something leads there that only `target` itself leads to.
bool is_loop(const Program& p, const Function& f, uint64_t target) {
  struct Step {
    std::optional<uint64_t> next, jump;
  };
  std::map<uint64_t, Step> code;
  each_instruction(p.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    const bool stays = !as_jump(i) && !is_return(i) && !is_indirect_jump(i);
    code[i.pc] = {stays ? std::optional(i.next()) : std::nullopt, jump_target(i)};
    return true;
  });
  std::set<uint64_t> reached;
  std::vector<uint64_t> open{f.f.entry};
  while (!open.empty()) {
    const uint64_t pc = open.back();
    open.pop_back();
    const auto at = code.find(pc);
    if (pc == target || at == code.end() || !reached.insert(pc).second) continue;
    if (at->second.next) open.push_back(*at->second.next);
    if (at->second.jump) open.push_back(*at->second.jump);
  }
  return std::any_of(code.begin(), code.end(), [&](const auto& c) {
    return (c.second.next == target || c.second.jump == target) && !reached.contains(c.first);
  });
}

// Behind a conditional defer without optimisation, paths join in jumps that have the next line's number: one path
// stands on such a jump, all of them come to where it leads. (Delve stops one of them.)
uint64_t behind_join(const Program& p, const Function& f, uint64_t pc) {
  const loader::FuncTable& funcs = p.go().funcs;
  const int32_t line = funcs.line(f.f, pc).line, node = funcs.inline_index(f.f, pc);
  for (int hops = 0; hops < 8; ++hops) {
    std::optional<uint64_t> to;
    each_instruction(p.image(), pc, std::min(pc + kLongestInstruction, f.f.end),
                     [&](const Insn& i) { return to = as_jump(i), false; });
    if (!to || *to <= pc || !f.f.contains(*to) || funcs.line(f.f, *to).line != line ||
        funcs.inline_index(f.f, *to) != node || is_loop(p, f, *to))
      break;
    pc = *to;
  }
  return pc;
}

std::vector<Row> table_rows(const Program& p, std::string_view file, int32_t line) {
  std::vector<Row> out;
  const loader::FuncTable& funcs = p.go().funcs;
  for (size_t i = 0; i < funcs.size(); ++i) {
    const loader::Func f = funcs.func(i);
    uint64_t begin = f.entry;
    for (const auto& [end, at] : funcs.line_runs(f)) {
      if (at == line && file_matches(funcs.line(f, begin).file, file))
        out.push_back({begin, !is_only_a_jump(p, begin, end)});
      begin = end;
    }
  }
  return out;
}

}  // namespace

bool file_matches(std::string_view path, std::string_view wanted) {
  if (!path.ends_with(wanted)) return false;
  return path.size() == wanted.size() || wanted[0] == '/' || path[path.size() - wanted.size() - 1] == '/';
}

uint64_t behind_prologue(const Program& p, const Function& f) {
  const int32_t line = p.location(f.f.entry).line;
  uint64_t found = f.f.entry;
  each_instruction(p.image(), f.f.entry, f.f.end, [&](const Insn& i) {
    if (p.sp_delta(f, i.pc).value_or(0) <= 0) return !is_return(i);
    if (p.go().funcs.line(f.f, i.pc).line == line) found = i.pc;
    return false;
  });
  return found;
}

std::vector<uint64_t> line_addresses(const Program& p, std::string_view file, int32_t line) {
  DwarfRows known;
  bool has_dwarf = p.dwarf() != nullptr;
  try {
    if (has_dwarf) known = dwarf_rows(p, file, line);
  } catch (const loader::Error&) {  // damaged: as if stripped
    has_dwarf = false;
    known = {};
  }
  std::vector<Row> rows = has_dwarf ? known.rows : table_rows(p, file, line);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.pc < b.pc; });

  struct Chosen {
    const Function* function;
    Row row;
  };
  std::map<std::pair<uint64_t, int32_t>, Chosen> chosen;  // by function and inlined call
  for (const Row& row : rows) {
    const Function* f = p.function_at(row.pc);
    if (!f || f->wrapper) continue;  // a wrapper has its defer statement's line, and nobody wrote it
    const int32_t node = p.go().funcs.inline_index(f->f, row.pc);
    const auto [it, fresh] = chosen.try_emplace({f->f.entry, node}, Chosen{f, row});
    if (!fresh && row.is_stmt && !it->second.row.is_stmt) it->second.row = row;
  }

  std::vector<uint64_t> out;
  for (const auto& [key, c] : chosen) {
    uint64_t pc = c.row.pc;
    if (pc == c.function->f.entry && key.second < 0) {
      const auto end = known.prologue_ends.lower_bound(pc);
      const bool marked = end != known.prologue_ends.end() && end->first < c.function->f.end && end->second == line;
      pc = marked ? end->first : behind_prologue(p, *c.function);
    }
    out.push_back(behind_join(p, *c.function, pc));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<InlinedCopy> inlined_copies(const Program& p, const std::function<bool(std::string_view)>& wanted) {
  std::vector<InlinedCopy> out;
  const loader::FuncTable& funcs = p.go().funcs;
  for (size_t i = 0; i < funcs.size(); ++i) {
    const loader::Func f = funcs.func(i);
    std::map<int32_t, uint64_t> entries;  // of nodes, an outer one's from the inner ones in it too
    uint64_t begin = f.entry;
    for (const auto& [end, node] : funcs.inline_runs(f)) {
      for (int32_t n = node; n >= 0 && entries.try_emplace(n, begin).second;)
        n = funcs.inline_parent(f, funcs.inline_node(f, n));
      begin = end;
    }
    for (const auto& [node, entry] : entries) {
      const std::string_view name = funcs.inline_node(f, node).function;
      if (wanted(name)) out.push_back({name, entry, p.function_at(f.entry)});
    }
  }
  return out;
}

}  // namespace deferscope::model
