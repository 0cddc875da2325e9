// The version of Go that built a program, as the program itself tells it.
#pragma once
#include <string>
#include <string_view>

namespace deferscope::loader {

// The versions whose formats the tables of this room describe.
constexpr int kOldestMinor = 12;
constexpr int kNewestMinor = 27;

// Where the version was read, the most reliable first.
enum class VersionSource { build_info, build_version, pclntab_magic, listing };

struct GoVersion {
  std::string
      text;  // as written: "go1.13.15", "devel go1.23-1a2b3c…", "go1.22.5 X:rangefunc"; from the magic: "go1.12…go1.15"
  int minor = 0;   // 13 for go1.13.15. From the magic alone: the oldest minor that writes it
  int patch = -1;  // 15 for go1.13.15; -1 where the text names none
  VersionSource source = VersionSource::build_info;
};

// Reads minor and patch out of a version text: the first "go1.N" in it. minor is 0 if there is none ("devel +6f3a…").
GoVersion parse_go_version(std::string_view text);

const char* to_string(VersionSource source);

}  // namespace deferscope::loader
