// A drawing as a picture: a rectangle a word, high addresses above, records and closures beside the stack. Arrows run
// in lanes of two gutters, left of the stack for those within it, between stack and boxes for the others, so that none
// crosses a word. Roles are told by colour and by letters; what was never written is hatched.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "traces/drawing.h"
#include "traces/event_text.h"
#include "traces/typeset.h"

namespace deferscope::traces {
namespace {

using model::Role;

// By Role: the letters in front of a word, and its colours for light and dark. Light ones are Okabe and Ito's, which
// colour-blind readers tell apart, mixed with white.
struct Look {
  const char* letters;
  const char* light;
  const char* dark;
};
constexpr std::array<Look, static_cast<size_t>(Role::count)> kLooks = {{{"RE", "#b3d9ee", "#0b3d5c"},
                                                                        {"AR", "#f7d9a8", "#5a3d00"},
                                                                        {"SP", "#fbeed6", "#3d2f14"},
                                                                        {"OG", "#fdf1c9", "#4a4108"},
                                                                        {"LO", "#b7e3d3", "#06473a"},
                                                                        {"TM", "#dff1ea", "#1c332c"},
                                                                        {"FP", "#e3e3e3", "#3a3a3a"},
                                                                        {"RA", "#f2c4a5", "#6a2f05"},
                                                                        {"LR", "#f2c4a5", "#6a2f05"},
                                                                        {"DF", "#e7c6db", "#5a2146"},
                                                                        {"PN", "#f5b8b8", "#661c1c"},
                                                                        {"DB", "#fbf6b0", "#57520a"},
                                                                        {"CS", "#d5d0f2", "#332b6b"},
                                                                        {"CL", "#cfe0f7", "#1f3a63"},
                                                                        {"..", "#f7f7f7", "#222222"},
                                                                        {"?", "#ffffff", "#181818"}}};

constexpr int kRow = 22, kFont = 13, kLane = 9, kMargin = 16, kHeading = 26;
constexpr double kColumn = 7.85;  // of a monospaced letter
constexpr size_t kOffsetColumns = 7, kLetterColumns = 4, kMostValue = 44, kMostWhat = 52;

int pixels(size_t columns) { return static_cast<int>(static_cast<double>(columns) * kColumn + 0.999); }

// A rectangle with its texts: a word, or several that share 8 bytes.
struct Cell {
  std::string offset, letters, was, value, what;
  Role role = Role::unknown;
  bool stale = false, gone = false, fresh = false;
  std::vector<std::string> ids;  // of its words
  std::vector<std::string> targets;
  int y = 0;
};

struct Heading {
  std::string text;
  bool gone = false;
  int y = 0;
};

struct Block {
  Heading heading;
  std::vector<Cell> cells;
};

struct Arrow {
  const Cell* from;
  const Cell* to;
  bool from_box, to_box;
  size_t lane = 0;
};

class Figure {
 public:
  // `left`: where it begins.
  Figure(const Drawing& d, size_t index, int left) : d_(d), two_(d.moments.size() > 1), index_(index), begin_(left) {
    for (const DrawnFrame& f : d.frames) stack_.push_back(block(f));
    for (const DrawnBox& b : d.boxes) boxes_.push_back(block(b));
    measure();
  }

  // Places everything from y on; the y behind it.
  int place(int y) {
    top_ = y;
    y += kHeading + static_cast<int>(d_.moments.size()) * kRow;
    const int first = y;
    for (Block& b : stack_) y = place(b, y);
    int right = first;
    for (Block& b : boxes_) right = place(b, right) + 10;
    y = std::max(y, right);
    registers_at_ = y + (d_.registers.empty() ? 0 : 8);
    y = registers_at_ + static_cast<int>(d_.registers.size()) * kRow;
    make_arrows();
    return y + kMargin;
  }

  // Where its words end; with `headed` also the lines above them.
  int end(bool headed) const {
    int x = boxes_.empty() ? boxes_x() : boxes_x() + box_width_ + kMargin;
    if (!headed) return x;
    for (const DrawnMoment& m : d_.moments) x = std::max(x, begin_ + pixels(columns_of(moment(m))) + kMargin);
    for (const DrawnRegister& r : d_.registers)
      x = std::max(x, stack_x() + pixels(columns_of(register_line(r))) + kMargin);
    return std::max(x, begin_ + pixels(columns_of(d_.title) * 6 / 5) + kMargin);
  }

  void write(std::string& out) const {
    out += fmt::format("<g id=\"figure-{}\">\n", index_);
    int y = top_ + kRow - 6;
    if (!d_.title.empty()) text(out, "heading", begin_, y, d_.title);
    y += d_.title.empty() ? 0 : kRow - 4;
    for (const DrawnMoment& m : d_.moments) {
      text(out, "moment", begin_, y, moment(m));
      y += kRow - 4;
    }
    for (const Block& b : stack_) write(out, b, stack_x(), stack_width_);
    for (const Block& b : boxes_) write(out, b, boxes_x(), box_width_);
    registers(out);
    for (const Arrow& a : arrows_) write(out, a);
    out += "</g>\n";
  }

  std::string described() const {
    std::string out;
    for (const Block& b : stack_) {
      out += (out.empty() ? "" : " ") + b.heading.text + ":";
      for (const Cell& c : b.cells)
        out += fmt::format(" {} {}{} {};", c.offset, c.was.empty() ? "" : c.was + " then ", c.value, c.what);
    }
    for (const Block& b : boxes_) {
      out += " " + b.heading.text + ":";
      for (const Cell& c : b.cells) out += fmt::format(" {} {} {};", c.offset, c.what, c.value);
    }
    return out;
  }

  void roles(std::map<Role, bool>& used) const {
    for (const auto* blocks : {&stack_, &boxes_})
      for (const Block& b : *blocks)
        for (const Cell& c : b.cells) used[c.role] = true;
  }

 private:
  std::string moment(const DrawnMoment& m) const {
    return fmt::format("{}@{}  {}  {}", two_ ? (&m == &d_.moments.front() ? "before  " : "after   ") : "",
                       with_commas(m.position), m.place, m.instruction);
  }

  std::string register_line(const DrawnRegister& r) const {
    return fmt::format("{}{} = {}   {}{}", two_ ? (r.before ? "before: " : "after: ") : "", r.reg, r.value, r.name,
                       r.of.empty() ? "" : " of " + r.of);
  }

  static std::string joined(const std::string& a, const std::string& b) {
    return a.empty() ? b : b.empty() ? a : a + " · " + b;
  }

  static std::string bare(const std::string& s) { return s.starts_with("→ ") ? s.substr(std::string("→ ").size()) : s; }

  void add(Cell& c, const DrawnWord& w, bool more) const {
    if (w.role == Role::padding && more) return;
    const std::string now = w.stale ? "stale" : w.value;
    if (w.was_value.empty() || !w.after) {
      c.value = joined(c.value, w.after ? now : w.was_value);
    } else {
      c.was = joined(c.was, bare(w.was_value));
      c.value = joined(c.value, bare(now));
    }
    const bool same = !c.what.empty() && !w.object.empty();
    std::string what = same ? "." + w.name : words_with_old(w);
    if (w.stale && !says_little(w)) what += w.live ? " (not written yet)" : " (not written)";
    if (!w.live && !w.stale) what += " (not live here)";
    c.what = joined(c.what, what);
    for (const std::string& m : w.marks) c.what += "  ◀ " + m;
    if (two_)
      for (const std::string& m : w.was_marks)
        if (std::find(w.marks.begin(), w.marks.end(), m) == w.marks.end()) c.what += fmt::format("  ◁ {} before", m);
    c.ids.push_back(w.id);
    if (!w.target.empty()) c.targets.push_back(w.target);
    if (c.ids.size() == 1) c.role = w.role;
    c.stale = c.stale || w.stale;
    c.gone = !w.after, c.fresh = !w.before;
  }

  Block block(const DrawnFrame& f) const {
    Block b;
    b.heading.text = heading_of(f) + "   " + extent_of(f);
    if (two_ && f.fate == Fate::dropped) b.heading.text += ", dropped";
    if (two_ && f.fate == Fate::opened) b.heading.text += ", later";
    b.heading.gone = two_ && f.fate == Fate::dropped;
    for (const DrawnRow& r : rows_of(f.words)) {
      Cell c;
      c.offset = fmt::format("{:+}", r.words[0]->offset);
      for (const DrawnWord* w : r.words) add(c, *w, r.words.size() > 1);
      if (r.hidden) {
        c.what = fmt::format("{} words: {}", r.hidden + 1, r.all);
        c.value = "…", c.offset.clear(), c.was.clear();
        c.targets.clear();
      }
      b.cells.push_back(std::move(c));
    }
    return b;
  }

  Block block(const DrawnBox& x) const {
    Block b;
    b.heading.text = x.title + (x.state.empty() ? "" : "   " + x.state);
    b.heading.gone = two_ && x.fate == Fate::dropped;
    for (const DrawnWord& w : x.fields) {
      if (w.role == Role::padding) continue;
      Cell c;
      c.offset = fmt::format("+{}", w.offset);
      add(c, w, false);
      c.what = w.name;
      b.cells.push_back(std::move(c));
    }
    return b;
  }

  static size_t value_columns(const Cell& c) {
    return columns_of(c.value) + (c.was.empty() ? 0 : columns_of(c.was) + 3);
  }

  void measure() {
    const auto of = [&](std::vector<Block>& blocks, size_t& value, size_t& what, int& width) {
      for (const Block& b : blocks) {
        for (const Cell& c : b.cells) {
          value = std::max(value, std::min(kMostValue, value_columns(c)));
          what = std::max(what, std::min(kMostWhat, columns_of(c.what)));
        }
        heading_ = std::max(heading_, pixels(columns_of(b.heading.text)));
      }
      width = pixels(kLetterColumns + value + 2 + what + 1);
    };
    of(stack_, stack_value_, stack_what_, stack_width_);
    of(boxes_, box_value_, box_what_, box_width_);
    stack_width_ = std::max(stack_width_, heading_);
    box_width_ = std::max(box_width_, boxes_.empty() ? 0 : heading_);
    size_t left = 0, middle = 0;
    for (const Block& b : stack_)
      for (const Cell& c : b.cells)
        for (const std::string& t : c.targets) ++(t[0] == 'b' ? middle : left);
    for (const Block& b : boxes_)
      for (const Cell& c : b.cells) middle += c.targets.size();
    left_ = static_cast<int>(std::min<size_t>(left, 24)) * kLane + kLane;
    middle_ = static_cast<int>(std::min<size_t>(middle, 24)) * kLane + 3 * kLane;
  }

  // The offsets stand between the left gutter and the frame's words.
  int stack_x() const { return begin_ + pixels(kOffsetColumns) + left_; }
  int boxes_x() const {
    return stack_x() + stack_width_ + (boxes_.empty() ? kMargin : middle_ + pixels(kOffsetColumns));
  }

  static int place(Block& b, int y) {
    b.heading.y = y + kHeading - 8;
    y += kHeading;
    for (Cell& c : b.cells) c.y = y, y += kRow;
    return y;
  }

  static void text(std::string& out, const char* css, int x, int y, const std::string& s) {
    out += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", css, x, y, markup(s));
  }

  void write(std::string& out, const Block& b, int x, int width) const {
    const bool box = x != stack_x();
    const size_t value = box ? box_value_ : stack_value_, what = box ? box_what_ : stack_what_;
    text(out, b.heading.gone ? "frame gone" : "frame", x, b.heading.y, cut(b.heading.text, 110));
    for (const Cell& c : b.cells) {
      const auto role = static_cast<size_t>(c.role);
      out += fmt::format("<g class=\"word{}{}\" id=\"{}-{}\">", c.gone ? " gone" : "", c.fresh ? " fresh" : "", index_,
                         c.ids.empty() ? "" : markup(c.ids[0]));
      out +=
          fmt::format("<rect class=\"r{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", role, x, c.y, width, kRow);
      if (c.stale)
        out += fmt::format("<rect class=\"stale\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", x, c.y, width, kRow);
      const int y = c.y + kRow - 7;
      const int end = x - (box ? 4 : 4 + left_);
      out += fmt::format("<text class=\"offset\" x=\"{}\" y=\"{}\">{}</text>", end, y, markup(c.offset));
      out += fmt::format("<text class=\"letters\" x=\"{}\" y=\"{}\">{}</text>", x + 4, y, kLooks[role].letters);
      out += fmt::format("<text x=\"{}\" y=\"{}\">", x + pixels(kLetterColumns), y);
      if (c.was.empty()) {
        out += markup(cut(c.value, value));
      } else {
        const std::string was = cut(c.was, value / 2);
        out += fmt::format("<tspan class=\"old\">{}</tspan> → {}", markup(was),
                           markup(cut(c.value, value - columns_of(was) - 3)));
      }
      out += "</text>";
      out += fmt::format("<text class=\"what\" x=\"{}\" y=\"{}\">{}</text></g>\n",
                         x + pixels(kLetterColumns + value + 2), y, markup(cut(c.what, what)));
    }
  }

  void registers(std::string& out) const {
    int y = registers_at_ + kRow - 7;
    for (const DrawnRegister& r : d_.registers) {
      text(out, "register", stack_x(), y, register_line(r));
      y += kRow;
    }
  }

  // --- arrows ---

  void make_arrows() {
    std::map<std::string, std::pair<const Cell*, bool>> by_id;
    for (const Block& b : stack_)
      for (const Cell& c : b.cells)
        for (const std::string& id : c.ids) by_id[id] = {&c, false};
    for (const Block& b : boxes_)
      for (const Cell& c : b.cells)
        for (const std::string& id : c.ids) by_id[id] = {&c, true};
    const auto from = [&](const Cell& c, bool box) {
      for (const std::string& t : c.targets)
        if (const auto to = by_id.find(t); to != by_id.end() && to->second.first != &c)
          arrows_.push_back({&c, to->second.first, box, to->second.second});
    };
    for (const Block& b : stack_)
      for (const Cell& c : b.cells) from(c, false);
    for (const Block& b : boxes_)
      for (const Cell& c : b.cells) from(c, true);
    lanes();
  }

  static bool left(const Arrow& a) { return !a.from_box && !a.to_box; }

  // Short ones nearest to the words; two that pass the same rows have different lanes.
  void lanes() {
    std::sort(arrows_.begin(), arrows_.end(), [](const Arrow& a, const Arrow& b) {
      const auto key = [](const Arrow& x) {
        return std::make_tuple(!left(x), std::abs(x.from->y - x.to->y), x.from->y, x.to->y);
      };
      return key(a) < key(b);
    });
    for (size_t i = 0; i < arrows_.size(); ++i) {
      Arrow& a = arrows_[i];
      const auto clash = [&](const Arrow& b) {
        return left(b) == left(a) && b.lane == a.lane && std::min(a.from->y, a.to->y) <= std::max(b.from->y, b.to->y) &&
               std::min(b.from->y, b.to->y) <= std::max(a.from->y, a.to->y);
      };
      while (std::any_of(arrows_.begin(), arrows_.begin() + static_cast<ptrdiff_t>(i), clash)) ++a.lane;
    }
  }

  void write(std::string& out, const Arrow& a) const {
    const int from_y = a.from->y + kRow / 2 + 4, to_y = a.to->y + kRow / 2 - 4;
    if (left(a)) {
      const int x = stack_x(), lane = std::max(x - kLane - static_cast<int>(a.lane) * kLane, x - left_ + 2);
      return path(out, x, from_y, lane, x, to_y);
    }
    const int right = stack_x() + stack_width_, begin = boxes_x() - pixels(kOffsetColumns);
    const int lane = std::min(right + kLane + static_cast<int>(a.lane) * kLane, begin - kLane);
    const auto end = [&](bool box) { return box ? begin : right; };
    path(out, end(a.from_box), from_y, lane, end(a.to_box), to_y);
  }

  static void path(std::string& out, int x1, int y1, int lane, int x2, int y2) {
    out +=
        fmt::format("<path class=\"arrow\" d=\"M{} {}H{}V{}H{}\" marker-end=\"url(#head)\"/>\n", x1, y1, lane, y2, x2);
  }

  const Drawing& d_;
  bool two_;
  size_t index_;
  int begin_;
  std::vector<Block> stack_, boxes_;
  std::vector<Arrow> arrows_;
  size_t stack_value_ = 0, stack_what_ = 0, box_value_ = 0, box_what_ = 0;
  int stack_width_ = 0, box_width_ = 0, heading_ = 0, left_ = 0, middle_ = 0, top_ = 0, registers_at_ = 0;
};

std::string style() {
  std::string light, dark;
  for (size_t i = 0; i < kLooks.size(); ++i) {
    light += fmt::format(".r{}{{fill:{}}}", i, kLooks[i].light);
    dark += fmt::format(".r{}{{fill:{}}}", i, kLooks[i].dark);
  }
  return fmt::format(
      "<style>\n"
      "svg{{background:#fff}}text{{font:{}px monospace;fill:#111;white-space:pre}}rect{{stroke:#444}}\n"
      ".heading{{font-weight:bold;font-size:15px}}.frame{{font-weight:bold}}.letters{{font-size:10px;fill:#444}}\n"
      ".offset{{fill:#555;text-anchor:end}}.old{{text-decoration:line-through;fill:#666}}\n"
      ".gone{{opacity:.5}}.gone text,text.gone{{text-decoration:line-through}}.fresh rect{{stroke-width:2}}\n"
      ".stale{{fill:url(#hatch);stroke:none}}.hatch{{stroke:#999}}.arrow{{fill:none;stroke:#111;stroke-width:1.2}}.tip{"
      "{fill:#111}}\n"
      "{}\n"
      "@media (prefers-color-scheme:dark){{svg{{background:#121212}}text,.tip{{fill:#eee}}rect{{stroke:#999}}\n"
      ".letters,.offset,.old{{fill:#bbb}}.hatch{{stroke:#777}}.arrow{{stroke:#eee}}\n"
      "{}}}\n"
      "</style>\n"
      "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
      "patternTransform=\"rotate(45)\">"
      "<path class=\"hatch\" d=\"M0 0V6\"/></pattern>\n"
      "<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
      "orient=\"auto\">"
      "<path class=\"tip\" d=\"M0 0L8 4L0 8Z\"/></marker></defs>\n",
      kFont, light, dark);
}

}  // namespace

void append_drawings_svg(std::string& out, const std::vector<Drawing>& drawings, bool beside) {
  std::vector<Figure> figures;
  figures.reserve(drawings.size());
  std::map<Role, bool> used;
  std::string description;
  int width = 0, height = kMargin;
  for (const Drawing& d : drawings) {
    Figure& f = figures.emplace_back(d, figures.size(), beside ? std::max(width, kMargin) : kMargin);
    height = beside ? std::max(height, f.place(kMargin)) : f.place(height);
    width = std::max(width, f.end(beside));
    f.roles(used);
    description.append(description.empty() ? "" : " ").append(f.described());
  }
  if (drawings.empty()) return;
  // What the letters mean, in rows.
  std::string legend;
  int x = kMargin, y = height + kRow;
  for (const auto& [role, is] : used) {
    const auto& look = kLooks[static_cast<size_t>(role)];
    const std::string label = fmt::format("{} {}", look.letters, model::to_string(role));
    const int needs = pixels(columns_of(label) + 3);
    if (x + needs > std::max(width, 480) && x > kMargin) x = kMargin, y += kRow;
    legend += fmt::format(
        "<rect class=\"r{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n",
        static_cast<size_t>(role), x, y - kRow + 7, needs - 8, kRow - 2, x + 5, y, markup(label));
    x += needs;
  }
  height = y + kMargin;
  width = std::max(width, 480);
  const DrawnMoment& m = drawings.front().moments.front();
  out += fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" "
      "aria-labelledby=\"title desc\">\n<title id=\"title\">The stack at {2}, {3}</title>\n<desc "
      "id=\"desc\">{4}</desc>\n",
      width, height, markup(m.place), markup(drawings.front().program), markup(description));
  out += style();
  for (const Figure& f : figures) f.write(out);
  out += legend + "</svg>\n";
}

}  // namespace deferscope::traces
