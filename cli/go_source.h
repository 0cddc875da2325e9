// Go source where a verb takes a program: it is built by the `go` on PATH, with any release that its toolchain
// selection can fetch. What was built is kept, by what it was built from, under XDG_CACHE_HOME.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cli/go_releases.h"
#include "loader/image.h"

namespace deferscope::cli {

class Verb;

struct SourceFlags {
  std::string go;      // --go: releases; "": the `go` on PATH as it is
  std::string target;  // GOOS/GOARCH; "": linux and the host's architecture
  std::string gcflags;
  bool test = false;  // the package's test binary
  std::string arch;   // --arch: which program of a universal Mach-O file; "": this machine's
  // Of a listing (loader/listing.h), beside --go.
  std::string call;
  std::vector<int64_t> call_arguments;
  std::vector<std::string> more;  // further files of it
  bool assemble = false;
  bool given() const { return test || !go.empty() || !target.empty() || !gcflags.empty(); }
};

void add_source_flags(Verb& verb, SourceFlags& flags);

struct Built {
  std::string path;       // the program; an argument that is one already as it was
  std::string name;       // of what was built, as go build names it; "": nothing was
  std::string directory;  // where its source lies; "": nothing was built
};

// The program at `path`, built if that is Go source: a .go file or a folder. Throws emu::Error with one line: no `go`,
// a release that cannot be had or does not build it (its first complaint), flags that a program has no use for, several
// releases where one is wanted.
Built program_at(const std::string& path, const SourceFlags& flags);

// What stands behind a listing's path: integers for --call's function, and further files of the listing. Takes them out
// of `command`.
void take_listing_words(std::vector<std::string>& command, SourceFlags& flags);

// Reads the program at `path`, which stands for itself here: Go source is built before. What a listing's reader must
// know goes to stderr. Throws loader::Error.
loader::Image load_program(const std::string& path, const SourceFlags& flags);

// The same for each release of flags.go (one without --go). What fails is said, and its column stays empty.
struct BuiltColumn {
  std::string release;  // "go1.13.15"
  Built built;
  std::string error;  // "": it was built
};
std::vector<BuiltColumn> programs_at(const std::string& path, const SourceFlags& flags);

}  // namespace deferscope::cli
