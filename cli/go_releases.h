// Go releases as people name them: "1.13", "1.27.4", "1.17..1.22".
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace deferscope::cli {

struct GoRelease {
  unsigned minor = 0;  // of Go 1
  int patch = -1;      // -1: the last one there is
  bool operator==(const GoRelease&) const = default;
  std::string text() const;  // "1.13", "1.27.4"
};

// What --go says, in its order: releases and ranges, separated by commas; a leading "go" may stand before each. Throws
// emu::Error that names the part that is none.
std::vector<GoRelease> parse_releases(std::string_view text);

// "go version go1.27.4 linux/amd64" and "1.27.4": the release, or minor 0 (a development version).
GoRelease release_in(std::string_view text);

}  // namespace deferscope::cli
