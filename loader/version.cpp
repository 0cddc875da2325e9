// Parsing of Go version texts.
#include "loader/version.h"

#include <cctype>

#include "loader/printable.h"

namespace deferscope::loader {
namespace {

// The decimal number at *i (at most 4 digits), *i behind it; -1 if there is none.
int number(std::string_view s, size_t* i) {
  int value = -1;
  for (size_t start = *i; *i < s.size() && *i < start + 4 && std::isdigit(static_cast<unsigned char>(s[*i])); ++*i)
    value = (value < 0 ? 0 : value) * 10 + (s[*i] - '0');
  return value;
}

}  // namespace

GoVersion parse_go_version(std::string_view text) {
  GoVersion version;
  version.text = printable(text);
  size_t i = text.find("go1.");
  if (i == std::string_view::npos) return version;
  i += 4;
  int minor = number(text, &i);
  if (minor < 0) return version;
  version.minor = minor;
  if (i < text.size() && text[i] == '.') version.patch = number(text, &++i);
  return version;
}

const char* to_string(VersionSource source) {
  switch (source) {
    case VersionSource::build_info: return "build info";
    case VersionSource::build_version: return "runtime.buildVersion";
    case VersionSource::pclntab_magic: return "pclntab magic";
    case VersionSource::listing: return "the listing";
  }
  return "?";
}

}  // namespace deferscope::loader
