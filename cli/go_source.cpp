#include "cli/go_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/child.h"
#include "cli/command_line.h"
#include "emu/error.h"
#include "loader/listing.h"
#include "loader/sha256.h"

namespace deferscope::cli {
namespace {

namespace fs = std::filesystem;

// Builds that nobody used for so long are removed when the next one is made.
constexpr auto kKept = std::chrono::hours(24 * 30);

#if defined(__aarch64__)
constexpr const char* kHostArch = "arm64";
#else
constexpr const char* kHostArch = "amd64";
#endif

bool is_go_file(const fs::path& path) {
  std::error_code none;
  return path.extension() == ".go" && fs::is_regular_file(path, none);
}

bool is_source(const std::string& path) {
  std::error_code none;
  if (!fs::is_directory(path, none)) return is_go_file(path);
  for (const auto& e : fs::directory_iterator(path, none))
    if (is_go_file(e.path())) return true;
  return false;
}

// A line on the terminal while something takes long; gone when it is over.
class Progress {
 public:
  explicit Progress(const std::string& what) : on_(isatty(STDERR_FILENO)) {
    if (on_) fmt::print(stderr, "deferscope: {} …", what), std::fflush(stderr);
  }
  ~Progress() {
    if (on_) std::fputs("\r\x1b[K", stderr);
  }
  Progress(const Progress&) = delete;

 private:
  bool on_;
};

// The first line of go's complaints that says something.
std::string first_complaint(const std::string& err) {
  std::istringstream lines(err);
  size_t more = 0;
  std::string first;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#' || line.starts_with("go: downloading ") || line.starts_with("note: ")) continue;
    if (first.empty())
      first = line;
    else
      ++more;
  }
  if (first.empty()) return "go says nothing more";
  return more ? fmt::format("{} ({} more {})", first, more, more == 1 ? "line" : "lines") : first;
}

// --- the go command ---

// Its settings are those of the user (`go env -w` too), but for GOFLAGS, which other releases refuse: one set of flags
// must mean the same to all of them.
class Go {
 public:
  explicit Go(std::string directory) : directory_(std::move(directory)) {
    // From a folder where no go.mod can ask for another go.
    const ChildEnd end = call({"env", "-json", "GOTOOLCHAIN", "GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB",
                               "GOSUMDB", "GOINSECURE", "GOAUTH", "GOMODCACHE", "GOCACHE", "GOPATH"},
                              {}, "/");
    const auto values = nlohmann::json::parse(end.out, nullptr, false);
    if (end.status != 0 || !values.is_object())
      throw emu::Error(fmt::format("the go on PATH does not work: {}", first_complaint(end.err)));
    for (const auto& [name, value] : values.items())
      if (value.is_string() && !value.get<std::string>().empty()) settings_.emplace_back(name, value);
    settings_.insert(settings_.end(), {{"GOENV", "off"}, {"GOFLAGS", ""}, {"CGO_ENABLED", "0"}});
  }

  using Environment = std::vector<std::pair<std::string, std::string>>;
  ChildEnd run(std::vector<std::string> words, const Environment& more) const {
    Environment all = settings_;
    all.insert(all.end(), more.begin(), more.end());
    return call(std::move(words), all);
  }
  // Anywhere but in the module of the source, whose go.mod could ask for another go.
  ChildEnd run_elsewhere(std::vector<std::string> words) const {
    Environment all = settings_;
    all.emplace_back("GOTOOLCHAIN", "local");
    return call(std::move(words), all, "/");
  }
  const std::string& setting(std::string_view name) const {
    static const std::string none;
    for (const auto& [n, value] : settings_)
      if (n == name) return value;
    return none;
  }

 private:
  ChildEnd call(std::vector<std::string> words, const Environment& environment, const char* elsewhere = nullptr) const {
    words.insert(words.begin(), "go");
    auto end = run_child({std::move(words), environment, elsewhere ? elsewhere : directory_});
    if (!end) throw emu::Error("Go source needs a go on PATH: install Go, or build the program elsewhere");
    return *std::move(end);
  }

  std::string directory_;
  Environment settings_;
};

// The last patch of each minor release: asked of the module proxy, else what was fetched before.
class LastPatches {
 public:
  explicit LastPatches(const Go& go) {
    std::istringstream words(go.run_elsewhere({"list", "-m", "-versions", "go"}).out);
    for (std::string w; words >> w;) add(release_in(w));
    if (!last_.empty()) return;
    std::error_code none;
    for (const auto& e : fs::directory_iterator(go.setting("GOMODCACHE") + "/golang.org", none)) {
      const std::string name = e.path().filename();  // toolchain@v0.0.1-go1.13.15.linux-amd64
      const size_t at = name.find("-go"), end = name.rfind('.');
      if (name.starts_with("toolchain@") && at < end) add(release_in(name.substr(at + 1, end - at - 1)));
    }
  }
  // "go1.13.15"
  std::string toolchain(const GoRelease& r) const {
    if (r.patch >= 0) return toolchain_name(r);
    const auto last = last_.find(r.minor);
    if (last == last_.end())
      throw emu::Error(
          fmt::format("--go {}: no such release is known here; name it with its patch, or see whether "
                      "`go list -m -versions go` works (Go 1.21 or newer)",
                      r.text()));
    return toolchain_name({r.minor, last->second});
  }

 private:
  void add(const GoRelease& r) {
    if (r.minor) last_[r.minor] = std::max(last_[r.minor], r.patch);
  }
  // The first release of a minor was go1.13 up to 1.20, and is go1.21.0 since.
  static std::string toolchain_name(const GoRelease& r) {
    if (r.patch == 0 && r.minor < 21) return "go" + GoRelease{r.minor, -1}.text();
    return "go" + r.text();
  }

  std::map<unsigned, int> last_;
};

// --- the cache ---

fs::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache && *cache == '/') return fs::path(cache) / "deferscope" / "builds";
  if (home && *home == '/') return fs::path(home) / ".cache" / "deferscope" / "builds";
  throw emu::Error("neither XDG_CACHE_HOME nor HOME names a folder for what is built");
}

void remove_unused(const fs::path& cache) {
  std::error_code none;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& e : fs::directory_iterator(cache, none))
    if (now - fs::last_write_time(e.path(), none) > kKept && !none) fs::remove_all(e.path(), none);
}

// --- one build ---

class Build {
 public:
  Build(const Go& go, const std::string& path, const SourceFlags& flags, std::string toolchain)
      : go_(go), path_(path), flags_(flags), toolchain_(std::move(toolchain)) {
    const fs::path whole = fs::absolute(path).lexically_normal();
    const bool file = path.ends_with(".go") && !fs::is_directory(path);
    const fs::path folder = file ? whole.parent_path() : whole / "";
    directory_ = folder.string();
    package_ = file ? "./" + whole.filename().string() : ".";
    name_ = file ? whole.stem().string() : folder.parent_path().filename().string();
    if (flags.test) name_ += ".test";
    if (name_.empty()) name_ = "main";
  }

  Built built() {
    check_release();
    const fs::path cache = cache_folder(), kept = cache / key(), program = kept / name_;
    std::error_code none;
    if (!fs::exists(program)) {
      fs::create_directories(cache);
      remove_unused(cache);
      build(cache, kept);
    }
    fs::last_write_time(kept, fs::file_time_type::clock::now(), none);
    return {program.string(), name_, directory_};
  }
  const std::string& version() const { return version_; }  // after built(): "go1.13.15"

 private:
  Go::Environment environment() const {
    const size_t slash = flags_.target.find('/');
    Go::Environment e{{"GOOS", slash == flags_.target.npos ? "linux" : flags_.target.substr(0, slash)},
                      {"GOARCH", slash == flags_.target.npos ? kHostArch : flags_.target.substr(slash + 1)}};
    if (!toolchain_.empty()) e.emplace_back("GOTOOLCHAIN", toolchain_);
    return e;
  }

  emu::Error trouble(const std::string& what) const {
    const std::string& with = version_.empty() ? toolchain_ : version_;
    return emu::Error(fmt::format("{}: {}{}{}", path_, with, with.empty() ? "" : ": ", what));
  }

  std::vector<std::string> with_flags(std::vector<std::string> words) const {
    if (!flags_.gcflags.empty()) words.push_back("-gcflags=" + flags_.gcflags);
    words.push_back(package_);
    return words;
  }

  // A go before 1.21 takes GOTOOLCHAIN for nothing and would build with itself.
  void check_release() {
    const ChildEnd end = go_.run({"version"}, environment());
    const size_t at = end.out.find("go1."), space = end.out.find(' ', at);
    if (end.status != 0 || at == end.out.npos) throw trouble(first_complaint(end.err));
    version_ = end.out.substr(at, space - at);
    if (!toolchain_.empty() && version_ != toolchain_) {
      const std::string other = std::exchange(version_, "");
      throw trouble(fmt::format("the go on PATH is {}, which cannot fetch other releases: 1.21 or newer can", other));
    }
  }

  // Of all that the program is made of: each package's compiled code, which go keeps by content, and the main module's
  // files, for what only the linker reads (//go:debug, go.mod).
  std::string key() const {
    std::vector<std::string> words{
        "list", "-deps", "-export", "-f",
        "{{.ImportPath}}\t{{.Name}}\t{{.Export}}{{if not .Standard}}{{range .GoFiles}}\t{{$.Dir}}/"
        "{{.}}{{end}}{{with .Module}}\t{{.GoMod}}{{end}}{{end}}"};
    if (flags_.test) words.insert(words.begin() + 2, "-test");
    const ChildEnd end = go_.run(with_flags(std::move(words)), environment());
    if (end.status != 0) throw trouble(first_complaint(end.err));
    need_program(end.out);
    std::string all = fmt::format("{}\n{}\n{}\n", version_, flags_.gcflags, flags_.test);
    for (const auto& [name, value] : environment()) all += name + "=" + value + "\n";
    for (const char* name : {"GOAMD64", "GOARM64", "GOEXPERIMENT"})
      if (const char* value = std::getenv(name)) all += fmt::format("{}={}\n", name, value);
    std::istringstream lines(end.out);
    for (std::string line; std::getline(lines, line);) add_package(all, line);
    return loader::sha256_hex({reinterpret_cast<const uint8_t*>(all.data()), all.size()});
  }

  static void add_package(std::string& all, const std::string& line) {
    all += line + "\n";
    size_t at = 0;
    for (int word = 0; at != line.npos; ++word) {
      const size_t end = line.find('\t', at);
      if (word > 2) all += loader::sha256_of_file(line.substr(at, end - at)) + "\n";
      at = end == line.npos ? end : end + 1;
    }
  }

  // The last package is the one that was asked for, behind all that it imports.
  void need_program(const std::string& list) const {
    const size_t last = list.rfind('\n', list.size() < 2 ? 0 : list.size() - 2) + 1;
    const size_t tab = list.find('\t', last);
    const std::string import_path = list.substr(last, tab - last);
    if (flags_.test && !import_path.ends_with(".test")) throw trouble("the package has no tests");
    const std::string package = tab == list.npos ? "" : list.substr(tab + 1, list.find('\t', tab + 1) - tab - 1);
    if (package != "main") throw trouble(fmt::format("package {} is no program; --test builds its tests", package));
  }

  void build(const fs::path& cache, const fs::path& kept) const {
    const fs::path making = cache / fmt::format("making-{}", getpid());
    std::error_code none;
    fs::create_directories(making);
    std::vector<std::string> words =
        flags_.test ? std::vector<std::string>{"test", "-c"} : std::vector<std::string>{"build"};
    words.insert(words.end(), {"-o", (making / name_).string()});
    const ChildEnd end = go_.run(with_flags(std::move(words)), environment());
    if (end.status != 0 || !fs::exists(making / name_)) {
      fs::remove_all(making, none);
      throw trouble(first_complaint(end.err));
    }
    fs::rename(making, kept, none);  // another process may have been first, with the same
    fs::remove_all(making, none);
    if (!fs::exists(kept / name_)) throw trouble(fmt::format("{} cannot be written", kept.string()));
  }

  const Go& go_;
  const std::string path_;
  const SourceFlags& flags_;
  const std::string toolchain_;  // "": as it is
  std::string directory_, package_, name_, version_;
};

void check_target(const SourceFlags& flags) {
  const size_t slash = flags.target.find('/');
  if (flags.target.empty() || (slash != flags.target.npos && slash > 0 && slash + 1 < flags.target.size())) return;
  throw emu::Error(fmt::format("--target {}: not GOOS/GOARCH, like linux/arm64", flags.target));
}

// A program that is one already.
Built as_it_is(const std::string& path, const SourceFlags& flags) {
  const bool listing = loader::glance_at_listing(path).listing;
  if (!listing && (!flags.call.empty() || flags.assemble))
    throw emu::Error(fmt::format("{} is no listing of go tool compile -S: --call and --assemble are for those", path));
  if (listing && flags.target.empty() && flags.gcflags.empty() && !flags.test) return {path, "", ""};
  std::error_code none;
  if (!fs::exists(path, none)) throw emu::Error(fmt::format("{}: {}", path, std::strerror(ENOENT)));
  if (flags.given())
    throw emu::Error(
        fmt::format("{} is no Go source: --go, --target, --gcflags and --test are for what is built", path));
  return {path, "", ""};
}

BuiltColumn column(const Go& go, const std::string& path, const SourceFlags& flags, const std::string& toolchain) {
  BuiltColumn c{toolchain, {}, {}};
  try {
    const Progress progress(fmt::format("building {}{}{}", path, toolchain.empty() ? "" : " with ", toolchain));
    Build build(go, path, flags, toolchain);
    c.built = build.built();
    c.release = build.version();
  } catch (const std::runtime_error& e) {
    c.error = e.what();
  }
  return c;
}

std::string folder_of(const std::string& path) {
  const fs::path whole = fs::absolute(path);
  return (fs::is_directory(path) ? whole : whole.parent_path()).string();
}

}  // namespace

void add_source_flags(Verb& verb, SourceFlags& f) {
  verb.option("--go", f.go, "Build Go source with this release: 1.13 (its last patch), 1.27.4; a listing's version")
      .unit("RELEASE");
  verb.option("--target", f.target, "Build Go source for this system (default: linux and this machine's architecture)")
      .unit("GOOS/GOARCH");
  verb.option("--gcflags", f.gcflags, "Flags for the compiler that builds Go source: '-N -l'").unit("FLAGS");
  verb.flag("--test", f.test, "Build the test binary of Go source, as go test -c does");
  verb.option("--arch", f.arch, "The program of a universal Mach-O file (default: this machine's, else the first)")
      .unit("ARCH")
      .one_of({"amd64", "arm64"});
  verb.option("--call", f.call, "Run this function of a listing alone, with the integers behind the listing's name")
      .unit("FUNCTION");
  verb.flag("--assemble", f.assemble, "Of a listing: build the Go source that it names and that lies beside it");
}

void take_listing_words(std::vector<std::string>& command, SourceFlags& f) {
  for (size_t i = 1; i < command.size(); ++i) {
    const std::string& word = command[i];
    int64_t n = 0;
    const auto end = std::from_chars(word.data(), word.data() + word.size(), n).ptr;
    if (!f.call.empty() && end == word.data() + word.size() && !word.empty())
      f.call_arguments.push_back(n);
    else
      f.more.push_back(word);
  }
  command.resize(1);
}

loader::Image load_program(const std::string& path, const SourceFlags& flags) {
  const loader::ListingOptions listing{flags.go, flags.call, flags.call_arguments, flags.more};
  std::optional<isa::Isa> isa;
  if (!flags.arch.empty()) isa = flags.arch == "arm64" ? isa::Isa::arm64 : isa::Isa::x86_64;
  const loader::Image image = loader::Image::load(path, isa, &listing);
  if (const loader::ListingInfo* info = image.listing())
    for (const std::string& note : info->notes) fmt::print(stderr, "deferscope: note: {}\n", note);
  return image;
}

// --assemble: the Go file that a listing's instructions name, beside the listing.
static std::string source_beside(const std::string& listing) {
  const loader::ListingGlance glance = loader::glance_at_listing(listing);
  if (!glance.listing) throw emu::Error(fmt::format("{}: --assemble is for listings of go tool compile -S", listing));
  if (glance.source.empty()) throw emu::Error(fmt::format("{}: no instruction names its Go file", listing));
  const fs::path source = fs::path(listing).parent_path() / fs::path(glance.source).filename();
  std::error_code none;
  if (!fs::exists(source, none))
    throw emu::Error(fmt::format("--assemble: {} is not there; {} names it", source.string(), listing));
  fmt::print(stderr, "deferscope: note: {} is built instead of {}\n", source.string(), listing);
  return source.string();
}

Built program_at(const std::string& path, const SourceFlags& flags) {
  if (flags.assemble) {
    SourceFlags plain = flags;
    plain.assemble = false;
    return program_at(source_beside(path), plain);
  }
  if (!is_source(path)) return as_it_is(path, flags);
  const bool several = !flags.go.empty() && parse_releases(flags.go).size() != 1;
  if (several) throw emu::Error(fmt::format("--go {}: one release is wanted here", flags.go));
  BuiltColumn c = std::move(programs_at(path, flags).at(0));
  if (!c.error.empty()) throw emu::Error(c.error);
  return std::move(c.built);
}

std::vector<BuiltColumn> programs_at(const std::string& path, const SourceFlags& flags) {
  std::vector<BuiltColumn> out;
  if (flags.assemble) {
    SourceFlags plain = flags;
    plain.assemble = false;
    return programs_at(source_beside(path), plain);
  }
  if (!is_source(path)) return out.push_back({"", as_it_is(path, flags), ""}), out;
  check_target(flags);
  const std::vector<GoRelease> releases = flags.go.empty() ? std::vector<GoRelease>{} : parse_releases(flags.go);
  const Go go(folder_of(path));
  if (releases.empty()) return out.push_back(column(go, path, flags, "")), out;
  std::optional<LastPatches> patches;
  for (const GoRelease& r : releases) {
    try {
      if (!patches) patches.emplace(go);
      out.push_back(column(go, path, flags, patches->toolchain(r)));
    } catch (const std::runtime_error& e) {
      out.push_back({"go" + r.text(), {}, e.what()});
    }
  }
  return out;
}

}  // namespace deferscope::cli
