#include "loader/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <unordered_set>

namespace deferscope::loader {
namespace {

struct CodeRange {
  uint32_t first, last;
};
// Unicode 15, general categories Cc, Zl, Zp and those of Cf that act on their neighbours or show nothing.
constexpr CodeRange kControls[] = {
    {0x00, 0x1f},        // C0
    {0x7f, 0x9f},        // DEL, C1
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // zero width, left-to-right and right-to-left marks
    {0x2028, 0x202e},    // line and paragraph separator, bidirectional embeddings
    {0x2060, 0x206f},    // word joiner, bidirectional isolates
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotations
    {0xe0000, 0xe007f},  // tags
};

bool plain(uint8_t c) { return c >= 0x20 && c < 0x7f; }

bool all_plain(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return plain(static_cast<uint8_t>(c)); });
}

void escape(std::string& out, const Character& c) {
  switch (c.code) {
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    default: break;
  }
  if (!c.valid || c.code < 0x80)
    out += fmt::format("\\x{:02x}", c.code);
  else if (c.code <= 0xffff)
    out += fmt::format("\\u{:04x}", c.code);
  else
    out += fmt::format("\\U{:08x}", c.code);
}

std::string escaped(std::string_view s, bool lines) {
  std::string out;
  out.reserve(s.size() + 8);
  for (size_t i = 0; i < s.size();) {
    size_t plain = i;  // most text is
    while (plain < s.size() && ((s[plain] >= ' ' && s[plain] < 0x7f) || (lines && s[plain] == '\n'))) ++plain;
    if (plain != i) {
      out += s.substr(i, plain - i);
      i = plain;
      continue;
    }
    const Character c = character_at(s, i);
    const bool stays = c.valid && (!is_control(c.code) || (lines && (c.code == '\n' || c.code == '\t')));
    if (stays)
      out += s.substr(i, c.size);
    else
      escape(out, c);
    i += c.size;
  }
  return out;
}

}  // namespace

Character character_at(std::string_view s, size_t i) {
  const auto at = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : uint8_t{0}; };
  const uint8_t lead = at(i);
  if (lead < 0x80) return {lead, 1, true};
  const uint8_t n = lead >= 0xc2 && lead < 0xe0   ? 2
                    : lead >= 0xe0 && lead < 0xf0 ? 3
                    : lead >= 0xf0 && lead < 0xf5 ? 4
                                                  : 0;
  if (!n) return {lead, 1, false};
  uint32_t code = lead & (0x7fu >> n);
  for (size_t k = 1; k < n; ++k) {
    if ((at(i + k) & 0xc0) != 0x80) return {lead, 1, false};
    code = code << 6 | (at(i + k) & 0x3f);
  }
  const bool overlong = code < (n == 2 ? 0x80u : n == 3 ? 0x800u : 0x10000u);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (overlong || surrogate || code > 0x10ffff) return {lead, 1, false};
  return {code, n, true};
}

bool is_control(uint32_t code) {
  return std::any_of(std::begin(kControls), std::end(kControls),
                     [code](const CodeRange& r) { return code >= r.first && code <= r.last; });
}

std::string printable(std::string_view s) { return all_plain(s) ? std::string(s) : escaped(s, false); }

std::string printable_lines(std::string_view s) { return escaped(s, true); }

std::string_view printable_name(std::string_view s) {
  constexpr size_t kMostBytes = size_t{64} << 20;
  static std::mutex mutex;
  static std::unordered_set<std::string> names;
  static size_t bytes = 0;
  if (all_plain(s)) return s;
  std::string text = escaped(s, false);
  if (text == s) return s;  // other characters, but none that is escaped
  const std::lock_guard lock(mutex);
  if (const auto known = names.find(text); known != names.end()) return *known;
  if (bytes + text.size() > kMostBytes) return "(a name that cannot be shown)";
  bytes += text.size();
  return *names.insert(std::move(text)).first;
}

}  // namespace deferscope::loader
