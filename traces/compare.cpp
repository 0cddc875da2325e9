#include "traces/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "traces/align.h"

namespace deferscope::traces {
namespace {

using Pairs = std::vector<std::pair<uint32_t, uint32_t>>;
using Happenings = std::span<const Happening>;

// By what happenings are found again, the strictest first: all of them; without values, which may be unknown on one
// side; what they happened to.
enum class By : uint8_t { all, meaning, subject };

uint64_t key(const Happening& h, By by) {
  const uint64_t meaning = uint64_t{h.subject} << 32 | h.outcome;
  switch (by) {
    case By::all: return (meaning ^ uint64_t{h.values} * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    case By::meaning: return meaning;
    default: return h.subject;
  }
}

void match(Pairs& out, Happenings a, size_t a0, Happenings b, size_t b0, By by) {
  if (a.empty() || b.empty()) return;
  const auto keys = [by](Happenings of) {
    std::vector<uint64_t> all(of.size());
    for (size_t i = 0; i < of.size(); ++i) all[i] = key(of[i], by);
    return all;
  };
  const Pairs same = align(keys(a), keys(b));
  size_t i = 0, j = 0;
  const auto between = [&](size_t to_i, size_t to_j) {
    if (by != By::subject)
      match(out, a.subspan(i, to_i - i), a0 + i, b.subspan(j, to_j - j), b0 + j,
            by == By::all ? By::meaning : By::subject);
  };
  for (const auto& [x, y] : same) {
    between(x, y);
    out.emplace_back(a0 + x, b0 + y);
    i = x + 1, j = y + 1;
  }
  between(a.size(), b.size());
}

// Whether the same happens to the same things, one by one, with other values if need be: then there is nothing to look
// for. (A search would pair what has the same values by chance.)
bool in_step(Happenings a, Happenings b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Happening& x, const Happening& y) { return key(x, By::meaning) == key(y, By::meaning); });
}

std::string counted(const std::map<std::string, uint64_t>& values) {
  std::string out;
  for (const auto& [value, n] : values) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", value);
    if (n > 1) out += fmt::format("{}×{}", value.empty() ? "" : " ", n);
  }
  return out;
}

// The most frequent, and between which all lie.
std::string measured(const std::map<std::string, uint64_t>& values) {
  uint64_t least = UINT64_MAX, most = 0, often = 0, usual = 0;
  for (const auto& [text, n] : values) {
    const uint64_t value = std::strtoull(text.c_str(), nullptr, 10);
    least = std::min(least, value), most = std::max(most, value);
    if (n > often || (n == often && value < usual)) often = n, usual = value;
  }
  return least == most ? std::to_string(usual) : fmt::format("{} ({} to {})", usual, least, most);
}

// A variable of which one has the address, the other the value.
bool captures_otherwise(const Fields& a, const Fields& b) {
  const auto has = [](const Fields& f, std::string_view name, bool address) {
    return std::any_of(f.begin(), f.end(), [&](const auto& field) {
      const auto& [key, value] = field;
      return key == kProvesCapture && value.starts_with('&') == address && value.substr(address) == name;
    });
  };
  return std::any_of(a.begin(), a.end(), [&](const auto& field) {
    const auto& [key, value] = field;
    const bool address = value.starts_with('&');
    return key == kProvesCapture && has(b, value.substr(address), !address);
  });
}

}  // namespace

Comparison::Comparison(const std::vector<Column>& columns, const Texts& texts)
    : columns_(columns), texts_(texts), changed_(columns.size()) {
  unite_strands();
  for (ComparedStrand& s : strands_) {
    fill(s);
    compare(s);
  }
  compare_mechanism();
}

// In the order of the first column that has them; output and end stay last.
void Comparison::unite_strands() {
  std::map<std::string, size_t> known;
  for (size_t c = 0; c < columns_.size(); ++c)
    for (const Strand& strand : columns_[c].story.strands) {
      const auto [it, fresh] = known.try_emplace(strand.name, strands_.size());
      if (fresh)
        strands_.push_back({strand.name, strand.kind, std::vector<const Strand*>(columns_.size()), {}, {}, {}});
      strands_[it->second].of[c] = &strand;
    }
  std::stable_sort(strands_.begin(), strands_.end(),
                   [](const ComparedStrand& a, const ComparedStrand& b) { return a.kind < b.kind; });
}

// A column after the other: its happenings take the rows of the same ones before, and new rows between them.
void Comparison::fill(ComparedStrand& s) {
  const size_t width = columns_.size();
  std::vector<Happening> last;  // of each row
  for (size_t c = 0; c < width; ++c) {
    if (!s.of[c]) continue;
    const std::vector<Happening>& own = s.of[c]->happenings;
    Pairs pairs;
    if (in_step(last, own))
      for (uint32_t i = 0; i < own.size(); ++i) pairs.emplace_back(i, i);
    else
      match(pairs, last, 0, own, 0, By::all);
    std::vector<uint32_t> cells;
    std::vector<Happening> merged;
    size_t row = 0, next = 0;
    const auto old_rows = [&](size_t to) {
      for (; row < to; ++row) {
        cells.insert(cells.end(), s.cells.begin() + static_cast<ptrdiff_t>(row * width),
                     s.cells.begin() + static_cast<ptrdiff_t>((row + 1) * width));
        merged.push_back(last[row]);
      }
    };
    const auto new_rows = [&](size_t to) {
      for (; next < to; ++next) {
        cells.resize(cells.size() + width);
        cells[cells.size() - width + c] = static_cast<uint32_t>(next + 1);
        merged.push_back(own[next]);
      }
    };
    for (const auto& [x, y] : pairs) {
      old_rows(x), new_rows(y);
      old_rows(x + 1);
      cells[cells.size() - width + c] = y + 1;
      merged.back() = own[y];
      next = y + 1;
    }
    old_rows(last.size()), new_rows(own.size());
    s.cells.swap(cells);
    last.swap(merged);
  }
}

const Happening* Comparison::at(const ComparedStrand& s, size_t row, size_t column) const {
  const uint32_t n = s.cells[row * columns_.size() + column];
  return n ? &s.of[column]->happenings[n - 1] : nullptr;
}

std::vector<int> Comparison::classes(const ComparedStrand& s, size_t row) const {
  std::vector<int> out(columns_.size(), -1);
  int classes = 0;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const Happening* const own = at(s, row, c);
    if (!columns_[c].usable() || (!own && !columns_[c].complete() && row >= s.ends[c])) continue;
    for (size_t before = 0; before < c && out[c] < 0; ++before) {
      const Happening* const other = at(s, row, before);
      if (out[before] >= 0 && (own && other ? same(texts_, *own, *other) : own == other)) out[c] = out[before];
    }
    if (out[c] < 0) out[c] = classes++;
  }
  return out;
}

void Comparison::compare(ComparedStrand& s) {
  s.ends.assign(columns_.size(), 0);
  const size_t n = rows(s);
  for (size_t c = 0; c < columns_.size(); ++c)
    for (size_t row = n; row > 0 && !s.ends[c]; --row)
      if (at(s, row - 1, c)) s.ends[c] = row;
  for (size_t row = 0; row < n; ++row) {
    if (alike(s, row)) {
      note_captures(s, row);
      continue;
    }
    const std::vector<int> of = classes(s, row);
    int before = -1;
    bool differs = false;
    for (size_t c = 0; c < of.size(); ++c) {
      if (of[c] < 0) continue;
      if (before >= 0 && of[c] != before) differs = changed_[c] = true;
      before = of[c];
    }
    if (differs) s.different.push_back(static_cast<uint32_t>(row));
  }
  semantic_ += s.different.size();
}

// What most rows are, told fast.
bool Comparison::alike(const ComparedStrand& s, size_t row) const {
  const Happening* const first = at(s, row, 0);
  for (size_t c = 1; c < columns_.size(); ++c) {
    const Happening* const own = at(s, row, c);
    if (!first || !own || !same(texts_, *first, *own)) return false;
  }
  return first;
}

void Comparison::note_captures(const ComparedStrand& s, size_t row) {
  for (size_t c = 1; c < columns_.size(); ++c) {
    const Happening &a = *at(s, row, c - 1), &b = *at(s, row, c);
    if (!a.evidence || !b.evidence || a.evidence == b.evidence) continue;
    if (!looked_at_.insert({a.subject, a.evidence, b.evidence}).second) continue;
    if (!captures_otherwise(fields_of(texts_[a.evidence]), fields_of(texts_[b.evidence]))) continue;
    recaptured_.emplace_back(&s, row);
    return;
  }
}

void Comparison::compare_mechanism() {
  std::set<std::pair<std::string, std::string>> keys;
  for (const Column& c : columns_)
    for (const auto& [key, values] : c.story.mechanism) keys.insert(key);
  for (const auto& key : keys) {
    ComparedMechanism row{key.first, key.second, {}, false, is_measured(key.second)};
    const auto text = row.measured ? measured : counted;
    const std::string* before = nullptr;
    for (const Column& c : columns_) {
      const auto it = c.story.mechanism.find(key);
      row.values.push_back(it == c.story.mechanism.end() ? "" : text(it->second));
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (!columns_[c].usable() || !columns_[c].complete()) continue;
      row.different |= before && *before != row.values[c];
      before = &row.values[c];
    }
    mechanic_ += row.different && !row.measured;
    mechanism_.push_back(std::move(row));
  }
}

size_t Comparison::usable() const {
  return static_cast<size_t>(
      std::count_if(columns_.begin(), columns_.end(), [](const Column& c) { return c.usable(); }));
}

}  // namespace deferscope::traces
