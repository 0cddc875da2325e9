#include "emu/libraries.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "emu/error.h"
#include "emu/host_files.h"
#include "emu/machine_state.h"

namespace deferscope::emu {
namespace {

constexpr uint64_t kMaxFile = 256 << 20;    // of one
constexpr uint64_t kMaxBytes = 1024 << 20;  // of all
constexpr size_t kMaxLibraries = 1000;
constexpr FileHandle kOurs = UINT64_MAX;  // no journal gets so long

// What differs between instruction sets in ld.so's search (glibc: sysdeps/*/ldconfig.h; Debian's folders).
struct Architecture {
  isa::Isa isa;
  const char *triplet, *platform;
  int32_t cache_flags;  // of an entry of ld.so.cache that is for it
};
constexpr Architecture kArchitectures[] = {{isa::Isa::x86_64, "x86_64-linux-gnu", "x86_64", 0x0303},
                                           {isa::Isa::arm64, "aarch64-linux-gnu", "aarch64", 0x0a03}};
constexpr const char* kFolders[] = {"/lib64", "/usr/lib64", "/lib", "/usr/local/lib", "/usr/lib"};

// What musl's loader is itself, whatever file has the name (musl: ldso/dynlink.c, load_library).
constexpr std::string_view kOfMusl[] = {"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The folders below each one searched that hold libraries built for a better CPU (ld.so(8), glibc-hwcaps), the best
// first. glibc has names for x86-64 only.
std::vector<std::string> hwcaps_of(isa::Isa isa, const isa::CpuModel* cpu) {
  static constexpr std::pair<isa::Level, const char*> kNames[] = {{isa::Level::v3, "x86-64-v3"},
                                                                  {isa::Level::v2, "x86-64-v2"}};
  std::vector<std::string> out;
  const isa::CpuModel& model = cpu ? *cpu : isa::default_cpu_model(isa);
  if (isa != isa::Isa::x86_64 || std::string_view(model.name) == "v1") return out;
  for (const auto& [level, name] : kNames)
    if (level <= model.level) out.emplace_back(name);
  return out;
}

// Of a library's own table for linking, by its sections.
std::optional<uint64_t> dynamic_entry(const loader::Image& image, uint64_t tag) {
  const loader::Section* dynamic = image.section(".dynamic");
  for (uint64_t at = 0; dynamic && at + 16 <= dynamic->bytes.size(); at += 16)
    if (loader::get<uint64_t>(dynamic->bytes, at) == tag) return loader::get<uint64_t>(dynamic->bytes, at + 8);
  return std::nullopt;
}

std::string soname(const loader::Image& image) {
  constexpr uint64_t kSoname = 14;
  const auto at = dynamic_entry(image, kSoname);
  const loader::Section* strings = image.section(".dynstr");
  const auto name = at && strings ? loader::c_string(strings->bytes, *at) : std::nullopt;
  return name ? std::string(*name) : std::string();
}

struct FileRead {
  std::string path;
  std::vector<uint8_t> bytes;
};

std::optional<FileRead> read_file(HostFiles& files, const std::string& path) {
  HostFiles::Status st;
  FileRead out;
  if (files.open(kOurs, path, {.read = true}, st, out.path) < 0) return std::nullopt;
  bool all = S_ISREG(st.mode) && st.size <= kMaxFile;
  while (all && out.bytes.size() < st.size) {
    std::vector<uint8_t> part;
    all = files.read(kOurs, out.bytes.size(), st.size - out.bytes.size(), part) > 0;
    out.bytes.insert(out.bytes.end(), part.begin(), part.end());
  }
  files.close(kOurs);
  return all ? std::optional(std::move(out)) : std::nullopt;
}

// The name of an entry's glibc-hwcaps folder, by the cache's extensions; empty: it has none, or is for something else.
std::string hwcaps_in_cache(loader::Bytes cache, uint64_t hwcap) {
  constexpr uint64_t kExtension = uint64_t{1} << 62, kOffset = 32, kSection = 16;
  constexpr uint32_t kMagic = 0xeaa42174, kNames = 1;
  if (!(hwcap & kExtension)) return {};
  const uint64_t at = loader::get<uint32_t>(cache, kOffset).value_or(0);
  if (at == 0 || loader::get<uint32_t>(cache, at) != kMagic) return {};
  const uint32_t sections = std::min(loader::get<uint32_t>(cache, at + 4).value_or(0), 16u);
  for (uint64_t i = 0, s = at + 8; i < sections; ++i, s += kSection) {
    if (loader::get<uint32_t>(cache, s) != kNames) continue;
    const auto names = loader::get<uint32_t>(cache, s + 8);
    const uint64_t index = hwcap & 0xffffffff;
    const auto name = names ? loader::get<uint32_t>(cache, *names + index * 4) : std::nullopt;
    return name ? std::string(loader::c_string(cache, *name).value_or("")) : std::string();
  }
  return {};
}

struct Cached {
  std::string name, path;
  size_t order;  // of `hwcaps`; their number: of no such folder
};

// ld.so.cache in the form of glibc 2.2 and later (sysdeps/generic/dl-cache.h), of one instruction set.
std::vector<Cached> read_cache(loader::Bytes file, const Architecture& arch, const std::vector<std::string>& hwcaps) {
  constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
  constexpr uint64_t kHeader = 48, kEntry = 24;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const size_t start = text.find(kMagic);  // an older form may stand before it
  std::vector<Cached> out;
  if (start == text.npos) return out;
  const loader::Bytes cache = file.subspan(start);
  const uint32_t count = loader::get<uint32_t>(cache, kMagic.size()).value_or(0);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = kHeader + i * kEntry;
    const auto flags = loader::get<int32_t>(cache, at);
    const auto hwcap = loader::get<uint64_t>(cache, at + 16);
    if (!flags || !hwcap) break;
    const auto name = loader::c_string(cache, *loader::get<uint32_t>(cache, at + 4));
    const auto path = loader::c_string(cache, *loader::get<uint32_t>(cache, at + 8));
    const std::string folder = hwcaps_in_cache(cache, *hwcap);
    const auto order = std::find(hwcaps.begin(), hwcaps.end(), folder);
    if (name && path && *flags == arch.cache_flags && (*hwcap == 0 || order != hwcaps.end()))
      out.push_back({std::string(*name), std::string(*path), static_cast<size_t>(order - hwcaps.begin())});
  }
  std::stable_sort(out.begin(), out.end(), [](const Cached& a, const Cached& b) { return a.order < b.order; });
  return out;
}

class Search {
 public:
  Search(const loader::Image& program, const GuestOptions& options, HostFiles& files)
      : program_(program),
        files_(files),
        arch_(*std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                            [&](const Architecture& a) { return a.isa == program.isa(); })),
        hwcaps_(hwcaps_of(program.isa(), options.cpu)) {
    for (const std::string& kv : options.env)
      if (kv.starts_with("LD_LIBRARY_PATH=")) add_paths(kv.substr(kv.find('=') + 1), from_environment_);
    if (const auto cache = read_file(files, "/etc/ld.so.cache")) cache_ = read_cache(cache->bytes, arch_, hwcaps_);
    for (const char* top : {"/lib/", "/usr/lib/"}) folders_.push_back(std::string(top) + arch_.triplet);
    folders_.insert(folders_.end(), std::begin(kFolders), std::end(kFolders));
    origin_ = options.exe_path.empty() ? "/" : absolute_path(options.exe_path);
  }

  std::vector<Library> run() {
    const std::string& interpreter = program_.elf().interpreter;
    Library first{interpreter, program_.path(), "", "", nullptr};
    if (interpreter.starts_with('/')) load(first, interpreter);
    check_interpreter(first);
    known_.insert(base_name(interpreter));
    musl_ = base_name(interpreter).starts_with("ld-musl-");
    if (musl_) hwcaps_.clear();
    found_.push_back(std::move(first));
    need(program_, origin_, program_.path());
    while (!todo_.empty() && found_.size() < kMaxLibraries) {
      const Wanted w = std::move(todo_.front());
      todo_.pop_front();
      find(w);
    }
    return std::move(found_);
  }

 private:
  struct Wanted {
    std::string name, by;
    std::vector<std::string> folders;  // that who needs it names
    bool later = false;                // behind LD_LIBRARY_PATH: DT_RUNPATH
  };

  static void add_paths(std::string_view text, std::vector<std::string>& out) {
    while (!text.empty()) {
      const size_t colon = std::min(text.find_first_of(":;"), text.size());
      if (colon > 0) out.emplace_back(text.substr(0, colon));
      text.remove_prefix(std::min(colon + 1, text.size()));
    }
  }

  // ld.so's tokens: $ORIGIN, ${LIB}…
  std::string expanded(std::string path, const std::string& origin) const {
    const std::pair<const char*, std::string> kTokens[] = {
        {"ORIGIN", origin.substr(0, std::max<size_t>(1, origin.rfind('/')))},
        {"LIB", "lib"},
        {"PLATFORM", arch_.platform}};
    for (const auto& [name, value] : kTokens)
      for (const std::string& token : {fmt::format("${{{}}}", name), fmt::format("${}", name)})
        if (const size_t at = path.find(token); at != path.npos) path.replace(at, token.size(), value);
    return path;
  }

  void need(const loader::Image& image, const std::string& path, const std::string& by) {
    std::vector<std::string> folders;
    constexpr uint64_t kRunpath = 29;
    const bool later = dynamic_entry(image, kRunpath).has_value();
    for (const std::string& folder : image.elf().search) folders.push_back(expanded(folder, path));
    named_.insert(named_.end(), folders.begin(), folders.end());
    if (&image == &program_) of_program_ = folders;
    for (const std::string& name : image.elf().needed) {
      const auto is_musls = [&](std::string_view prefix) { return name.starts_with(prefix); };
      if (musl_ && std::any_of(std::begin(kOfMusl), std::end(kOfMusl), is_musls)) continue;
      if (known_.insert(name).second) todo_.push_back({name, by, folders, later});
    }
  }

  void find(const Wanted& w) {
    Library out{w.name, w.by, "", "", nullptr};
    if (w.name.find('/') != w.name.npos) {
      load(out, w.name);
    } else {
      const bool found = (w.later && look_in(out, from_environment_)) || look_in(out, w.folders) ||
                         look_in(out, of_program_) || look_in(out, from_environment_);
      // DT_RPATH holds for what is needed further down too: with the folders of everybody nothing is missing here that
      // the loader finds.
      if (!found && !look_in_cache(out) && !look_in(out, folders_)) look_in(out, named_);
    }
    // Another one may bear the name that it is asked for by.
    if (!out.image && known_as_.count(w.name)) return;
    if (!out.image && out.trouble.empty()) out.trouble = "is not there";
    if (out.image) known_as_.insert(soname(*out.image)), need(*out.image, out.path, out.path);
    found_.push_back(std::move(out));
  }

  bool look_in_cache(Library& out) {
    return std::any_of(cache_.begin(), cache_.end(),
                       [&](const Cached& entry) { return entry.name == out.name && load(out, entry.path); });
  }

  bool look_in(Library& out, const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
      for (const std::string& better : hwcaps_)
        if (load(out, fmt::format("{}/glibc-hwcaps/{}/{}", folder, better, out.name))) return true;
      if (load(out, folder + "/" + out.name)) return true;
    }
    return false;
  }

  // Another instruction set's is passed over, as ld.so does; what is no library at all is kept as the trouble.
  bool load(Library& out, const std::string& path) {
    auto file = read_file(files_, path);
    if (!file || (bytes_ += file->bytes.size()) > kMaxBytes) return false;
    constexpr uint64_t kMachine = 18;
    const auto machine = loader::get<uint16_t>(file->bytes, kMachine);
    const bool other = machine && *machine != (arch_.isa == isa::Isa::x86_64 ? 62 : 183);
    try {
      out.image = std::make_shared<const loader::Image>(loader::Image::parse(std::move(file->bytes), path, arch_.isa));
      out.path = file->path;
      out.trouble.clear();
      return true;
    } catch (const std::runtime_error& e) {
      if (!other || out.trouble.empty()) out.trouble = e.what();
      return false;
    }
  }

  // What the kernel would not start, and what would never end.
  static void check_interpreter(Library& l) {
    if (l.image && l.image->not_runnable())
      l.trouble = l.path + ": " + *l.image->not_runnable();
    else if (l.image && !l.image->elf().interpreter.empty())
      l.trouble = l.path + ": names an interpreter itself";
    else if (l.image && l.image->elf().type != 3)
      l.trouble = l.path + ": not position-independent";
    else if (!l.name.starts_with('/'))
      l.trouble = l.name + ": no absolute path";
    if (!l.image && l.trouble.empty()) l.trouble = "is not there";
  }

  const loader::Image& program_;
  HostFiles& files_;
  const Architecture& arch_;
  std::string origin_;
  std::vector<std::string> hwcaps_, from_environment_, folders_, of_program_, named_;  // named_: by anybody
  std::vector<Cached> cache_;
  std::set<std::string> known_, known_as_;  // asked for; by DT_SONAME
  std::deque<Wanted> todo_;
  std::vector<Library> found_;
  uint64_t bytes_ = 0;
  bool musl_ = false;
};

}  // namespace

std::vector<Library> find_libraries(const loader::Image& program, const GuestOptions& options, HostFiles& files) {
  if (!program.elf().interpreted) return {};
  return Search(program, options, files).run();
}

std::optional<std::string> missing_library(const loader::Image& program, const std::vector<Library>& libraries,
                                           const std::string& sysroot) {
  if (!program.elf().interpreted) return std::nullopt;
  const std::string arch = program.isa() == isa::Isa::x86_64 ? "amd64" : "arm64";
  if (sysroot.empty())
    return fmt::format(
        "dynamically linked for linux/{}, not for this machine: --sysroot DIR names the folder with {} and "
        "its libraries",
        arch, program.elf().interpreter);
  for (const Library& l : libraries) {
    if (l.trouble.empty()) continue;
    const bool interpreter = &l == libraries.data();
    const char* what = interpreter ? "its interpreter" : "its library";
    if (l.trouble != "is not there") return fmt::format("{} {}", what, l.trouble);
    const std::string of = l.wanted == program.path() ? "" : fmt::format(" (of {})", l.wanted);
    return fmt::format("{} {}{} is not below {}; --sysroot DIR names the folder with the libraries of linux/{}", what,
                       l.name, of, sysroot, arch);
  }
  return std::nullopt;
}

}  // namespace deferscope::emu
