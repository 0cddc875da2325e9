// A drawing in lines of text: high addresses above, a word a row.
#include <fmt/format.h>

#include <algorithm>

#include "traces/drawing.h"
#include "traces/event_text.h"
#include "traces/typeset.h"

namespace deferscope::traces {
namespace {

using model::Role;

std::string padded(const std::string& s, size_t width) {
  const std::string t = cut(s, width);
  return t + std::string(width - columns_of(t), ' ');
}

std::string without_arrow(const std::string& value) {
  constexpr std::string_view kArrow = "→ ";
  return value.starts_with(kArrow) ? value.substr(kArrow.size()) : value;
}

std::string joined(const std::vector<std::string>& all, const char* between) {
  std::string out;
  for (const std::string& s : all)
    if (!s.empty()) out += (out.empty() ? "" : between) + s;
  return out;
}

class Text {
 public:
  Text(std::string& out, const Drawing& d, const DrawTextOptions& o)
      : out_(out), d_(d), o_(o), two_(d.moments.size() > 1), columns_(o.columns && two_) {
    find_sp();
    left_ = 8;
    for (const DrawnFrame& f : d.frames)
      for (const DrawnWord& w : f.words) left_ = std::max(left_, offset_of(f, w).size() + 1);
    if (!d.relative) left_ += kAddress;
    const size_t room = std::max<size_t>(o.width, 40) - left_;
    size_t value = 8, other = 8;
    widest(value, other);
    const size_t left = room > other + 2 ? room - other - 2 : 0;
    value_ = columns_ ? std::min(room * 3 / 10, value) : std::min(std::max(room * 2 / 5, left), value);
  }

  void write() {
    if (!d_.title.empty()) line(d_.title);
    head();
    for (const DrawnFrame& f : d_.frames) frame(f);
    for (const DrawnBox& b : d_.boxes) box(b);
    registers();
    for (const std::string& n : d_.notes) note(n);
  }

 private:
  void line(const std::string& s) {
    std::string t = cut(s, std::max<size_t>(o_.width, 40));
    t.erase(t.find_last_not_of(' ') + 1);
    out_ += t + "\n";
  }

  // Broken between words.
  void note(const std::string& n) {
    std::string at = "note:";
    for (size_t i = 0; i <= n.size();) {
      const size_t end = std::min(n.find(' ', i), n.size());
      const std::string word = n.substr(i, end - i);
      if (columns_of(at) + 1 + columns_of(word) > o_.width) line(std::exchange(at, "     "));
      at += " " + word;
      i = end + 1;
    }
    line(at);
  }

  static std::string moment(const DrawnMoment& m) {
    return fmt::format("@{}  {}  {}", with_commas(m.position), m.place, m.instruction);
  }

  void head() {
    const DrawnMoment& m = d_.moments.front();
    const std::string tail = fmt::format("{}{}", m.line.empty() ? "" : m.line + "  ",
                                         m.goroutine ? fmt::format("g{}  {}", m.goroutine, d_.program) : d_.program);
    line(fmt::format("{}{}  {}", columns_ ? "before " : "", moment(m), tail));
    if (two_) line((columns_ ? "after  " : "  → ") + moment(d_.moments.back()));
    line(padded(d_.relative ? "" : "address", d_.relative ? 0 : kAddress) +
         padded("SP+", d_.relative ? left_ : left_ - kAddress) +
         (columns_ ? padded("before", value_ + 2) + padded("after", value_ + 2) : padded("word", value_ + 2)) + "what");
  }

  // "── main.f ───────────── frame 64 bytes ──".
  void rule(const std::string& name, const std::string& tail) {
    const std::string begin = fmt::format("── {} ", name), end = tail.empty() ? "──" : fmt::format(" {} ──", tail);
    const size_t width = std::max<size_t>(o_.width, 40), used = columns_of(begin) + columns_of(end);
    std::string t = begin;
    for (size_t n = used; n < width; ++n) t += "─";
    line(t + end);
  }

  void frame(const DrawnFrame& f) {
    const char* fate = !two_ || f.fate == Fate::stays ? "" : f.fate == Fate::dropped ? "╳ dropped, " : "later, ";
    rule(heading_of(f), fate + extent_of(f));
    for (const DrawnRow& r : rows_of(f.words)) row(f, r);
  }

  // While the thread works on another stack, the goroutine's SP is that of its innermost frame.
  void find_sp() {
    sp_end_ = d_.sp_end;
    if (d_.frames.empty() || !d_.frames.back().system) return;
    away_ = true, sp_end_ = 0;
    for (const DrawnFrame& f : d_.frames)
      if (!f.system && f.whole) sp_end_ = std::max(sp_end_, f.from_end + f.size);
  }

  std::string offset_of(const DrawnFrame& f, const DrawnWord& low) const {
    if (d_.relative) return fmt::format("{:+}", low.offset / 8 * 8);
    if (f.system) {  // there may be a second such stack: a signal's, and g0's
      const uint64_t distance = low.address - d_.sp;
      return away_ && distance < kSystemStack ? fmt::format("+{}", distance) : "";
    }
    return sp_end_ ? fmt::format("{:+}", static_cast<int64_t>(sp_end_ - low.from_end)) : "";
  }

  std::string left_of(const DrawnFrame& f, const DrawnWord& low) const {
    const std::string offset = offset_of(f, low);
    if (d_.relative) return padded(offset, left_);
    return padded(fmt::format("{:x}", low.address & ~uint64_t{7}), kAddress) + padded(offset, left_ - kAddress);
  }

  // A value, and what it was.
  std::string value(const DrawnWord& w, bool was, bool both) const {
    const std::string now = w.stale ? "stale" : w.value;
    if (was) return !w.before ? "" : w.was_value.empty() ? now : w.was_value;
    if (!w.after) return w.was_value;
    if (!both || w.was_value.empty()) return now;
    return fmt::format("{} → {}", without_arrow(w.was_value), without_arrow(now));
  }

  static std::string mark(const std::vector<std::string>& marks) {
    std::string out;
    for (const std::string& m : marks) out += "  ◀ " + m;
    return out;
  }

  // The words' names; fields of one record share its title.
  static std::string what(const DrawnRow& r) {
    std::vector<std::string> all;
    const std::string* object = nullptr;
    for (const DrawnWord* w : r.words) {
      if (w->role == Role::padding && r.words.size() > 1) continue;
      const bool more = object && !w->object.empty() && w->object == *object;
      all.push_back(more ? "." + w->name : words_with_old(*w));
      object = &w->object;
    }
    return joined(all, " · ");
  }

  std::string values(const DrawnRow& r, bool was, bool both) const {
    std::vector<std::string> all;
    for (const DrawnWord* w : r.words)
      if (w->role != Role::padding || r.words.size() == 1) all.push_back(value(*w, was, both));
    if (!all.empty() && std::all_of(all.begin(), all.end(), [&](auto& s) { return s == all[0] && s == "stale"; }))
      return all[0];
    return joined(all, " · ");
  }

  static std::vector<std::string> marks(const DrawnRow& r, bool was) {
    std::vector<std::string> out;
    for (const DrawnWord* w : r.words)
      for (const std::string& m : was ? w->was_marks : w->marks) out.push_back(m);
    return out;
  }

  // Names, marks, and what is to be known of the value.
  std::string right_of(const DrawnRow& r) const {
    std::string right = what(r);
    const auto any = [&](auto is) {
      return std::any_of(r.words.begin(), r.words.end(), [&](auto* w) { return !says_little(*w) && is(*w); });
    };
    if (any([](auto& w) { return w.stale; }))
      right += any([](auto& w) { return !w.live; }) ? "  (not written)" : "  (not written yet)";
    else if (any([](auto& w) { return !w.live; }))
      right += "  (not live here)";
    std::string m = mark(marks(r, false));
    if (two_ && marks(r, true) != marks(r, false))
      for (const std::string& x : marks(r, true)) m += fmt::format("  ◁ {} before", x);
    return right + m;
  }

  void row(const DrawnFrame& f, const DrawnRow& r) {
    if (r.hidden) {
      line(padded("", left_) + fmt::format("… {} words: {}", r.hidden + 1, r.all));
      return;
    }
    const std::string left = left_of(f, *r.words[0]);
    const std::string right = right_of(r);
    if (!columns_) return line(left + padded(values(r, false, true), value_) + "  " + right);
    const DrawnWord& w = *r.words[0];
    const bool changed = std::any_of(r.words.begin(), r.words.end(), [](auto* x) { return !x->was_value.empty(); });
    const std::string after = !w.after ? "╳" : w.before && !changed ? "same" : values(r, false, false);
    line(left + padded(values(r, true, false), value_) + "  " + padded(after, value_) + "  " + right);
  }

  void box(const DrawnBox& b) {
    std::string title = b.title;
    if (!d_.relative) title += fmt::format("  {:x}", b.address);
    if (two_ && b.fate != Fate::stays) title += b.fate == Fate::dropped ? "  ╳ no longer in use" : "  later";
    rule(title, b.state);
    std::string at = "   ";
    const auto flush = [&] {
      if (at.size() > 3) line(at);
      at = "   ";
    };
    for (const DrawnWord& w : b.fields) {
      if (w.role == Role::padding) continue;
      const std::string text = fmt::format("+{} {} {}", w.offset, w.name, value(w, false, true));
      if (columns_of(at) > 3 && columns_of(at) + 3 + columns_of(text) > o_.width) flush();
      at += (at.size() > 3 ? " · " : "") + text;
    }
    flush();
  }

  void registers() {
    if (d_.registers.empty()) return;
    rule("registers", "");
    size_t width = 0;
    for (const DrawnRegister& r : d_.registers) width = std::max(width, columns_of(r.value));
    width = std::min(width, o_.width / 2);
    for (const bool before : {true, false}) {
      if (before && !two_) continue;
      for (const DrawnRegister& r : d_.registers) {
        if (two_ && (before ? !r.before : !r.after)) continue;
        const std::string role = r.role == Role::link_register ? "" : std::string("  ") + model::to_string(r.role);
        line(fmt::format("{}{} {}  {}{}{}", padded(two_ ? (before ? "before" : "after") : "", two_ ? 8 : 0),
                         padded(r.reg, 4), padded(r.value, width), r.name, role == "  " + r.name ? "" : role,
                         r.of.empty() ? "" : " of " + r.of));
      }
    }
  }

  void widest(size_t& value, size_t& other) const {
    for (const DrawnFrame& f : d_.frames)
      for (const DrawnRow& r : rows_of(f.words)) {
        if (r.hidden) continue;
        value = std::max(value, columns_of(values(r, false, true)));
        other = std::max(other, columns_of(right_of(r)));
      }
  }

  std::string& out_;
  const Drawing& d_;
  const DrawTextOptions& o_;
  bool two_, columns_;
  static constexpr size_t kAddress = 13;             // columns
  static constexpr uint64_t kSystemStack = 1 << 15;  // bytes, of a signal's
  size_t left_ = 0, value_ = 0;
  bool away_ = false;    // the innermost frame is on another stack
  uint64_t sp_end_ = 0;  // the goroutine's SP, from its stack's upper end
};

}  // namespace

void append_drawing_text(std::string& out, const Drawing& d, const DrawTextOptions& options) {
  Text(out, d, options).write();
}

void append_drawings_text(std::string& out, const std::vector<Drawing>& drawings, const DrawTextOptions& options,
                          bool beside) {
  constexpr size_t kNarrowest = 64, kGap = 3;
  const size_t fit = beside ? std::max<size_t>(1, (options.width + kGap) / (kNarrowest + kGap)) : 1;
  const size_t in_row = std::clamp<size_t>(fit, 1, std::max<size_t>(1, drawings.size()));
  DrawTextOptions each = options;
  each.width = (options.width - (in_row - 1) * kGap) / in_row;
  for (size_t first = 0; first < drawings.size(); first += in_row) {
    if (first > 0) out += "\n";
    std::vector<std::vector<std::string>> columns;
    size_t lines = 0;
    for (size_t i = first; i < std::min(first + in_row, drawings.size()); ++i) {
      std::string text;
      append_drawing_text(text, drawings[i], each);
      std::vector<std::string>& column = columns.emplace_back();
      for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        column.push_back(text.substr(at, end - at));
        at = end + 1;
      }
      lines = std::max(lines, column.size());
    }
    for (size_t i = 0; i < lines; ++i) {
      std::string line;
      for (size_t c = 0; c < columns.size(); ++c) {
        const std::string text = i < columns[c].size() ? columns[c][i] : std::string();
        line += c + 1 < columns.size() ? padded(text, each.width + kGap) : text;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }
}

}  // namespace deferscope::traces
