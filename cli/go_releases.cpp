#include "cli/go_releases.h"

#include <fmt/format.h>

#include <charconv>

#include "emu/error.h"

namespace deferscope::cli {
namespace {

constexpr unsigned kFirst = 12, kMost = 99;  // a range ends somewhere

// Reads a number and moves `text` behind it.
bool number(std::string_view& text, unsigned& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "1.13" or "1.27.4" at the beginning of `text`.
bool release(std::string_view& text, GoRelease& r) {
  skip(text, "go");
  if (!skip(text, "1.") || !number(text, r.minor)) return false;
  if (text.size() < 2 || text[0] != '.' || text[1] == '.') return true;
  text.remove_prefix(1);
  unsigned patch = 0;
  if (!number(text, patch) || patch > kMost) return false;
  r.patch = static_cast<int>(patch);
  return true;
}

void append_part(std::vector<GoRelease>& out, std::string_view part, std::string_view whole) {
  const auto wrong = [&](std::string_view why) {
    return emu::Error(fmt::format("--go {}: '{}' {}", whole, part, why));
  };
  std::string_view rest = part;
  GoRelease first;
  if (!release(rest, first)) throw wrong("is no Go release: 1.13, 1.27.4 or 1.17..1.22");
  GoRelease last = first;
  const bool range = skip(rest, "..");
  if ((range && !release(rest, last)) || !rest.empty()) throw wrong("is no Go release: 1.13, 1.27.4 or 1.17..1.22");
  if (first.minor < kFirst || last.minor > kMost) throw wrong(fmt::format("lies before 1.{} or is none", kFirst));
  if (!range) return out.push_back(first);
  if (first.patch >= 0 || last.patch >= 0) throw wrong("has a patch release in a range");
  if (last.minor < first.minor) throw wrong("ends before it begins");
  for (unsigned minor = first.minor; minor <= last.minor; ++minor) out.push_back({minor, -1});
}

}  // namespace

std::string GoRelease::text() const {
  return patch < 0 ? fmt::format("1.{}", minor) : fmt::format("1.{}.{}", minor, patch);
}

std::vector<GoRelease> parse_releases(std::string_view text) {
  std::vector<GoRelease> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    append_part(out, text.substr(at, comma - at), text);
    at = comma + 1;
  }
  return out;
}

GoRelease release_in(std::string_view text) {
  if (const size_t at = text.find("go1."); at != text.npos) text.remove_prefix(at);
  GoRelease r;
  if (!release(text, r)) return {};
  if (!text.empty() && text[0] != ' ' && text[0] != '\n') return {};  // rc1
  if (r.patch < 0) r.patch = 0;                                       // go1.13 is the first of its minor release
  return r;
}

}  // namespace deferscope::cli
