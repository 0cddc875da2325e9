// What a Go program says about how it was built: version, module path, settings.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/memory.h"
#include "loader/version.h"

namespace deferscope::loader {

struct Module {
  std::string path, version, sum;
  std::string replaced_by;  // "path version sum" of a `=>` line; empty if none
};

// As `go version -m` prints it. Texts come from the file and may hold anything; escape them before printing.
struct BuildInfo {
  std::string path;                                           // import path of package main
  std::optional<Module> main;                                 // module of package main
  std::vector<Module> deps;                                   // in file order
  std::vector<std::pair<std::string, std::string>> settings;  // "build" lines (1.18+) in file order

  // The value of a setting; nothing if the file does not say.
  std::optional<std::string_view> setting(std::string_view key) const;
};

struct VersionAndModules {
  std::string version;  // "go1.13.15"; never empty
  std::string modinfo;  // the text without its sentinels; empty if built without modules
};

// Reads the build-info header at `address` (1.13+: both formats). Nothing if it is not one or holds no version.
std::optional<VersionAndModules> read_build_info(const Memory& memory, uint64_t address);
// Looks for the header in the segments (16-byte aligned, writable ones first).
std::optional<VersionAndModules> scan_for_build_info(const Memory& memory);
// 1.12 without symbols: the string header of runtime.buildVersion, found by looking through [start, end) for a header
// whose text is a Go version with a minor in [oldest, newest].
std::optional<std::string> scan_for_version_string(const Memory& memory, uint64_t start, uint64_t end, int oldest,
                                                   int newest);
// 1.12 keeps the module text without a header; it is found by its sentinels. Empty if there is none.
std::string scan_for_modinfo(const Memory& memory);

BuildInfo parse_modinfo(std::string_view text);

}  // namespace deferscope::loader
