#include "traces/compare_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "loader/printable.h"
#include "traces/story_text.h"
#include "traces/typeset.h"

namespace deferscope::traces {
namespace {

using loader::printable;

std::string padded(std::string text, size_t width) {
  const size_t own = columns_of(text);
  if (own < width) text.append(width - own, ' ');
  return text;
}

std::string plural(uint64_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

constexpr size_t kPlace = 16;

// "main.go:12      main.f defers main.g"
std::string line_of(const Texts& texts, const ComparedStrand& s, const Happening& h) {
  const std::string text = sentence(texts, h);
  return s.kind == Strand::goroutine ? padded(place_text(texts, h), kPlace) + " " + text : text;
}

std::string title(const ComparedStrand& s) {
  return s.kind == Strand::goroutine ? "goroutine " + printable(s.name) : s.name;
}

// A reason is given once, however many rows it explains.
void add_reasons(std::vector<std::string>& to, std::vector<std::string> lines) {
  for (std::string& line : lines)
    if (std::find(to.begin(), to.end(), line) == to.end()) to.push_back(std::move(line));
}

// --- two columns ---

class Unified {
 public:
  Unified(const Comparison& c, const ComparedStrand& s, size_t a, size_t b, size_t context)
      : c_(c), s_(s), a_(a), b_(b), context_(context) {}

  void write(const TextSink& to) {
    std::vector<uint32_t> rows;
    for (const uint32_t row : s_.different) {
      const std::vector<int> of = c_.classes(s_, row);
      if (of[a_] >= 0 && of[b_] >= 0 && of[a_] != of[b_]) rows.push_back(row);
    }
    size_t next = 0;  // the row behind what is written
    bool first = true;
    for (size_t i = 0; i < rows.size();) {
      size_t last = i;
      while (last + 1 < rows.size() && rows[last + 1] - rows[last] <= 2 * context_ + 1) ++last;
      const size_t begin = std::max<size_t>(next, rows[i] > context_ ? rows[i] - context_ : 0);
      const size_t end = std::min<size_t>(c_.rows(s_), rows[last] + context_ + 1);
      if (first) to(fmt::format("@@ {} @@\n", title(s_)));
      if (begin > next) to(fmt::format("  … {} the same\n", begin - next));
      first = false;
      hunk(to, begin, end);
      next = end;
      i = last + 1;
    }
    if (!first && next < c_.rows(s_)) to(fmt::format("  … {} the same\n", c_.rows(s_) - next));
  }

 private:
  // Neighbouring differences: all that is gone, then all that came.
  void hunk(const TextSink& to, size_t row, size_t end) {
    std::string gone, came;
    std::vector<std::string> reasons;
    const auto differences = [&] {
      to(gone), to(came);
      for (const std::string& line : reasons) to("  " + line + "\n");
      gone.clear(), came.clear(), reasons.clear();
    };
    for (; row < end; ++row) {
      const Happening *const a = c_.at(s_, row, a_), *const b = c_.at(s_, row, b_);
      if (!a && !b) continue;  // another column's
      const std::vector<int> of = c_.classes(s_, row);
      if (of[a_] < 0 || of[b_] < 0 || of[a_] == of[b_]) {
        differences();
        to("  " + line_of(c_.texts(), s_, a ? *a : *b) + "\n");
        continue;
      }
      if (a) gone += "- " + line_of(c_.texts(), s_, *a) + "\n";
      if (b) came += "+ " + line_of(c_.texts(), s_, *b) + "\n";
      add_reasons(reasons, why(c_, s_, row));
    }
    differences();
  }

  const Comparison& c_;
  const ComparedStrand& s_;
  size_t a_, b_, context_;
};

// --- more columns ---

// Rows of a text and a cell a column, laid out together.
class Table {
 public:
  explicit Table(std::vector<std::string> labels) : labels_(std::move(labels)) {}

  void line(std::string text) { rows_.push_back({std::move(text), {}, {}, true}); }
  void row(std::string text, std::vector<std::string> cells, std::vector<int> of) {
    rows_.push_back({std::move(text), std::move(cells), std::move(of), false});
  }

  void write(const TextSink& to, size_t width) {
    std::vector<std::pair<size_t, size_t>> groups;  // first and last column
    for (size_t c = 0; c < labels_.size(); ++c) groups.emplace_back(c, c);
    size_t text = 0;
    for (const Row& r : rows_)
      if (!r.whole) text = std::max(text, columns_of(r.text));
    text = std::min(text, std::max<size_t>(width / 2, 24));
    if (text + total(groups) > width) groups = folded();
    if (text + total(groups) > width && width > text)
      most_ = std::clamp((width - text) / groups.size(), kLeastCell + kBeside, kMostCell + kBeside) - kBeside;
    for (size_t begin = 0; begin < groups.size();) {
      size_t end = begin, used = text;
      while (end < groups.size() && (end == begin || used + cell_width(groups[end]) <= width))
        used += cell_width(groups[end++]);
      if (begin) to("\n");
      block(to, text, {groups.begin() + static_cast<ptrdiff_t>(begin), groups.begin() + static_cast<ptrdiff_t>(end)},
            begin > 0);
      begin = end;
    }
  }

 private:
  struct Row {
    std::string text;
    std::vector<std::string> cells;
    std::vector<int> of;
    bool whole;
  };
  using Groups = std::vector<std::pair<size_t, size_t>>;
  static constexpr size_t kLeastCell = 12, kMostCell = 32, kBeside = 4;  // kBeside: the mark, and what is between

  std::string label(std::pair<size_t, size_t> g) const {
    return g.first == g.second ? labels_[g.first] : fmt::format("{} – {}", labels_[g.first], labels_[g.second]);
  }
  size_t cell_width(std::pair<size_t, size_t> g) const {
    size_t most = columns_of(label(g));
    for (const Row& r : rows_)
      if (!r.whole) most = std::max(most, std::min(columns_of(r.cells[g.first]), most_) + 2);
    return most + 2;
  }
  size_t total(const Groups& groups) const {
    size_t sum = 0;
    for (const auto& g : groups) sum += cell_width(g);
    return sum;
  }
  // Neighbours that are the same in every row are one.
  Groups folded() const {
    Groups out;
    for (size_t c = 0; c < labels_.size(); ++c) {
      const bool same = c > 0 && std::all_of(rows_.begin(), rows_.end(), [c](const Row& r) {
                          return r.whole || (r.of[c] == r.of[c - 1] && r.cells[c] == r.cells[c - 1]);
                        });
      if (same)
        out.back().second = c;
      else
        out.emplace_back(c, c);
    }
    return out;
  }
  void block(const TextSink& to, size_t text, const Groups& groups, bool again) const {
    std::string out(text, ' ');
    for (const auto& g : groups) out += "  " + padded(label(g), cell_width(g) - 2);
    to(trimmed(out) + "\n");
    for (const Row& r : rows_) {
      if (r.whole) {
        if (!again) to(r.text + "\n");
        continue;
      }
      out = padded(cut(r.text, text), text);
      for (const auto& g : groups) {
        const size_t c = g.first;
        int before = -1;
        for (size_t b = 0; b < c; ++b)
          if (r.of[b] >= 0) before = r.of[b];
        const bool marked = r.of[c] >= 0 && before >= 0 && r.of[c] != before;
        out += "  " + padded(cut(r.cells[c], most_) + (marked ? " ◀" : ""), cell_width(g) - 2);
      }
      to(trimmed(out) + "\n");
    }
  }
  static std::string trimmed(std::string s) {
    s.erase(s.find_last_not_of(' ') + 1);
    return s;
  }

  std::vector<std::string> labels_;
  std::vector<Row> rows_;
  size_t most_ = kMostCell;  // of a cell's characters
};

std::vector<std::string> labels(const Comparison& c) {
  std::vector<std::string> out;
  for (const Column& column : c.columns()) out.push_back(column.label);
  return out;
}

class Matrix {
 public:
  Matrix(const Comparison& c, const CompareTextOptions& options) : c_(c), o_(options), table_(labels(c)) {}

  void write(const TextSink& to) {
    for (const ComparedStrand& s : c_.strands()) {
      size_t next = 0;
      for (size_t i = 0; i < s.different.size();) {
        size_t last = i;
        while (last + 1 < s.different.size() && s.different[last + 1] - s.different[last] <= 2 * o_.context + 1) ++last;
        const size_t begin = std::max<size_t>(next, s.different[i] > o_.context ? s.different[i] - o_.context : 0);
        const size_t end = std::min<size_t>(c_.rows(s), s.different[last] + o_.context + 1);
        if (next == 0) table_.line(title(s));
        if (begin > next) table_.line(fmt::format("  … {} the same", begin - next));
        for (size_t row = begin; row < end; ++row) put(s, row);
        next = end;
        i = last + 1;
      }
      if (next && next < c_.rows(s)) table_.line(fmt::format("  … {} the same", c_.rows(s) - next));
    }
    table_.write(to, o_.width);
    for (const std::string& line : reasons_) to(line + "\n");
  }

 private:
  void put(const ComparedStrand& s, size_t row) {
    const std::vector<int> of = c_.classes(s, row);
    const bool same = !std::binary_search(s.different.begin(), s.different.end(), row);
    std::vector<std::string> cells;
    const Happening* any = nullptr;
    for (size_t c = 0; c < of.size(); ++c) {
      const Happening* const h = c_.at(s, row, c);
      if (!any && h) any = h;
      std::string how = h && !same ? outcome_text(c_.texts(), *h) : "";
      cells.push_back(h ? (how.empty() ? "✓" : how) : of[c] < 0 ? "?" : "—");
    }
    std::string text = same ? sentence(c_.texts(), *any) : subject_text(c_.texts(), *any);
    if (s.kind == Strand::goroutine) text = padded(place_text(c_.texts(), *any), kPlace) + " " + text;
    table_.row("  " + text, std::move(cells), of);
    if (same) return;
    add_reasons(reasons_, why(c_, s, row));
  }

  const Comparison& c_;
  const CompareTextOptions& o_;
  Table table_;
  std::vector<std::string> reasons_;
};

// --- mechanism ---

std::string subject_of_mechanism(const std::string& text) {
  const Fields fields = fields_of(text);
  std::string out;
  const auto is = [&](std::string_view key) { return printable(field(fields, key)); };
  const std::string owner = is("frame.function"), event = is("event");
  if (event.empty()) return fmt::format("{} defer in {}", padded(is("defer.line"), kPlace), owner);
  return fmt::format("{} {}{}{}", padded("", kPlace), event, owner.empty() ? "" : " in ", owner);
}

void write_mechanism(const TextSink& to, const Comparison& c, const CompareTextOptions& o) {
  const bool two = c.columns().size() == 2;
  Table table(labels(c));
  std::string before;
  for (const ComparedMechanism& m : c.mechanism()) {
    if (!m.different) continue;
    const std::string subject = subject_of_mechanism(m.subject);
    if (subject != before) two ? to("  " + subject + "\n") : table.line("  " + subject);
    before = subject;
    if (two) {
      for (size_t i = 0; i < 2; ++i)
        if (!m.values[i].empty()) to(fmt::format("{}   {}: {}\n", "-+"[i], m.field, printable(m.values[i])));
      continue;
    }
    std::vector<int> of;
    for (size_t i = 0; i < m.values.size(); ++i)
      of.push_back(c.columns()[i].usable() && c.columns()[i].complete()
                       ? static_cast<int>(std::find(m.values.begin(), m.values.end(), m.values[i]) - m.values.begin())
                       : -1);
    std::vector<std::string> cells;
    for (const std::string& v : m.values) cells.push_back(v.empty() ? "—" : printable(v));
    table.row("    " + m.field, std::move(cells), of);
  }
  if (!two) table.write(to, o.width);
}

void write_columns(const TextSink& to, const Comparison& c) {
  const bool two = c.columns().size() == 2;
  size_t n = 0;
  for (const Column& column : c.columns()) {
    const char* const sign = !two ? "   " : n++ ? "+++" : "---";
    std::string text = fmt::format("{} {}", sign, column.label);
    if (column.usable()) {
      const TraceHeader& h = column.story.header;
      text +=
          fmt::format("{}  {}", h.go.empty() ? "" : fmt::format("  {}/{}", h.goos, h.goarch), printable(column.source));
      if (!column.story.damage.empty())
        text += "  a prefix: " + printable(column.story.damage);
      else if (!column.story.end)
        text += "  a prefix: the trace has no end";
      else if (!column.story.end->complete)
        text += "  did not end: " + printable(column.story.end->why);
    } else {
      text += "  not compared: " + printable(column.trouble);
    }
    to(text + "\n");
  }
}

template <class T>
std::string text_of(const T& v) {
  if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return fmt::format("{}", fmt::join(v, " "));
  else
    return fmt::format("{}", v);
}

// What the runs were given that is not alike: a difference may come from it.
void write_given(const TextSink& to, const Comparison& c) {
  const Column* before = nullptr;
  for (const Column& column : c.columns()) {
    if (!column.usable() || column.story.header.go.empty()) continue;  // a golden ran nothing
    const auto given = [&](const char* what, auto get) {
      const std::string a = text_of(get(before->story.header)), b = text_of(get(column.story.header));
      if (a != b)
        to(fmt::format("note: {} and {} ran with other {}: {}; {}\n", before->label, column.label, what, printable(a),
                       printable(b)));
    };
    if (before) {
      using H = const TraceHeader&;
      given("arguments", [](H h) {
        return std::vector<std::string>(h.arguments.begin() + !h.arguments.empty(), h.arguments.end());
      });
      given("environment", [](H h) { return std::vector<std::string>(h.environment); });
      given("seed", [](H h) { return h.seed; });
      given("clock", [](H h) { return h.clock; });
      given("cpus", [](H h) { return h.cpus; });
      given("memory", [](H h) { return h.memory; });
    }
    before = &column;
  }
}

// Evidence as a sentence; "": it proves nothing.
std::string proof(const Fields& evidence) {
  std::string callers, decided, captured;
  for (const auto& [key, value] : evidence) {
    if (key == kProvesNilFunction) return "the deferred function is nil: its call panics";
    if (key == kProvesNilValue)
      return value == "nil" ? "the panic's value is nil" : fmt::format("panic(nil) panics with a {}", printable(value));
    const bool address = value.starts_with('&');
    if (key == kProvesCapture)
      captured += fmt::format("{}{} by {}", captured.empty() ? "captures " : ", ", printable(value.substr(address)),
                              address ? "address" : "value");
    if (key == "caller" && !value.ends_with("(runs defers)"))
      callers += (callers.empty() ? "" : " ← ") + printable(value);
    if (key == "decided_by") decided = printable(value);
  }
  if (callers.empty()) return captured;
  return fmt::format("recover ← {} ← the panic{}", callers,
                     decided.empty() ? "" : fmt::format(": {} passes for the deferred function", decided));
}

// What is printed may come from variables that deferred functions see otherwise.
std::vector<std::string> captures(const Comparison& c) {
  std::vector<std::string> out;
  for (const auto& [strand, row] : c.recaptured()) {
    std::string before;
    for (size_t i = 0; i < c.columns().size(); ++i) {
      const Happening& h = *c.at(*strand, row, i);
      const std::string text = h.evidence ? proof(fields_of(c.texts()[h.evidence])) : "";
      if (text.empty() || text == before) continue;
      before = text;
      add_reasons(out, {fmt::format("WHY   {}  {}: the deferred function {}", c.columns()[i].label,
                                    place_text(c.texts(), h), text)});
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> why(const Comparison& c, const ComparedStrand& s, size_t row) {
  if (s.kind == Strand::output) return captures(c);
  std::vector<std::string> out;
  const std::vector<int> of = c.classes(s, row);
  int before = -1;
  bool alone = false;  // one line says enough
  for (size_t i = 0; i < of.size(); ++i) {
    const bool golden = c.columns()[i].usable() && c.columns()[i].story.header.go.empty();
    alone |= golden;  // it keeps no evidence
    const Happening* const h = c.at(s, row, i);
    if (!h || !h->evidence || of[i] < 0 || of[i] == before) continue;
    before = of[i];
    const Fields evidence = fields_of(c.texts()[h->evidence]);
    alone |= std::any_of(evidence.begin(), evidence.end(), [](const auto& f) { return f.first == kProvesNilFunction; });
    if (const std::string text = proof(evidence); !text.empty())
      out.push_back(fmt::format("WHY   {}  {}", c.columns()[i].label, text));
  }
  if (out.size() < 2 && !alone) out.clear();  // one column says nothing of why the others are other
  return out;
}

std::string strand_text(const Comparison& c, const ComparedStrand& s, size_t a, size_t b, const CompareTextOptions& o) {
  std::string out;
  Unified(c, s, a, b, o.context).write([&](std::string_view text) { out += text; });
  return out;
}

std::string verdict(const Comparison& c, const CompareTextOptions& o) {
  if (c.usable() < 2) return "trouble: fewer than two runs to compare";
  const size_t semantic = c.semantic_differences(), mechanic = c.mechanism_differences();
  if (!semantic && (!mechanic || o.semantics))
    return fmt::format("same: {}{}", plural(c.usable(), "run"), mechanic ? ", but for mechanism" : "");
  std::string out = "different:";
  if (semantic && c.columns().size() > 2) {
    out += " semantics changed ";
    bool first = true;
    std::string before;
    for (size_t i = 0; i < c.columns().size(); ++i) {
      if (!c.columns()[i].usable()) continue;
      if (c.changed()[i]) out += fmt::format("{}{}→{}", first ? "" : ", ", before, c.columns()[i].label), first = false;
      before = c.columns()[i].label;
    }
  } else if (semantic) {
    out += fmt::format(" {} in semantics", semantic);
  } else {
    out += " mechanism only";
  }
  if (mechanic && !o.semantics)
    out += fmt::format(", {} in mechanism{}", mechanic, o.mechanism ? "" : " (--mechanism shows them)");
  return out;
}

void write_comparison(const TextSink& to, const Comparison& c, const CompareTextOptions& o) {
  write_columns(to, c);
  write_given(to, c);
  if (c.semantic_differences()) {
    if (c.columns().size() == 2)
      for (const ComparedStrand& s : c.strands()) Unified(c, s, 0, 1, o.context).write(to);
    else
      Matrix(c, o).write(to);
  }
  const auto differs = [](const ComparedMechanism& m) { return m.different; };
  if (o.mechanism && std::any_of(c.mechanism().begin(), c.mechanism().end(), differs)) {
    to("MECHANISM\n");
    write_mechanism(to, c, o);
  }
  to(verdict(c, o) + "\n");
}

}  // namespace deferscope::traces
