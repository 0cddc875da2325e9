#include "cli/console/layout.h"

#include <cctype>

namespace deferscope::cli {
namespace {

constexpr size_t kLongestArguments = 16;  // bytes between [ and ]

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); }

// The index of the bracket that closes the one at `open`; npos: none in this text.
size_t closing(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size() && text[i] != '\n' && text[i] != '"'; ++i) {
    depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    if (depth == 0) return i;
  }
  return std::string::npos;
}

}  // namespace

size_t columns(const std::string& s) {
  size_t n = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(s[i]);
    if (c == 1)
      ++i;
    else if (c != 2 && (c & 0xc0) != 0x80)
      ++n;
  }
  return n;
}

std::string padded(std::string s, size_t width) {
  const size_t n = columns(s);
  return n < width ? s + std::string(width - n, ' ') : s;
}

void cut(std::string& row, size_t width) {
  const bool styled = !row.empty() && row.back() == '\x02';
  if (styled) row.pop_back();
  while (columns(row) + 2 > width && row.find_last_of(' ') != std::string::npos) row.resize(row.find_last_of(' '));
  while (!row.empty() && row.back() == ' ') row.pop_back();
  row += styled ? " …\x02" : " …";
}

std::vector<std::string> rows_of(const std::string& text, size_t width, size_t hanging, size_t most) {
  if (width == 0 || columns(text) <= width) return {text};
  std::vector<std::string> rows;
  std::string row, word;
  size_t taken = 0;   // columns of `row`
  std::string style;  // at work: its mark
  const auto end_row = [&] {
    while (!row.empty() && row.back() == ' ') row.pop_back();
    rows.push_back(style.empty() ? row : row + '\x02');
    row = std::string(hanging, ' ') + style;
    taken = hanging;
  };
  const auto put = [&](const std::string& part, const std::string& spaces) {
    const size_t n = columns(part);
    const bool first = rows.empty() ? columns(row) == 0 : taken == hanging;
    if (!first && taken + spaces.size() + n > width) {
      end_row();
      row += part, taken += n;
    } else {
      const std::string gap = first && !rows.empty() ? "" : spaces;
      row += gap + part, taken += gap.size() + n;
    }
    for (size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '\x01' && i + 1 < part.size()) style = part.substr(i, 2);
      if (part[i] == '\x02') style.clear();
    }
  };
  for (size_t i = 0; i < text.size();) {
    const size_t begin = text.find_first_not_of(' ', i);
    if (begin == std::string::npos) break;
    const size_t end = std::min(text.find(' ', begin), text.size());
    put(text.substr(begin, end - begin), text.substr(i, begin - i));
    i = end;
  }
  rows.push_back(row);
  if (most && rows.size() > most) {
    rows.resize(most);
    cut(rows.back(), width);
  }
  return rows;
}

std::string shortened(const std::string& text) {
  if (text.find('[') == std::string::npos) return text;
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
    const bool arguments = c == '[' && !quoted && i > 0 && is_name(text[i - 1]);
    const size_t end = arguments ? closing(text, i) : std::string::npos;
    if (end == std::string::npos || end - i - 1 <= kLongestArguments) {
      out += c;
      continue;
    }
    out += "[…]";
    i = end;
  }
  return out;
}

}  // namespace deferscope::cli
