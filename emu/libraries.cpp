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

// ld.so.cache in the form of glibc 2.2 and later (sysdeps/generic/dl-cache.h): name → path, of one instruction set.
std::vector<std::pair<std::string, std::string>> read_cache(loader::Bytes file, const Architecture& arch) {
  constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
  constexpr uint64_t kHeader = 48, kEntry = 24;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const size_t start = text.find(kMagic);  // an older form may stand before it
  std::vector<std::pair<std::string, std::string>> out;
  if (start == text.npos) return out;
  const loader::Bytes cache = file.subspan(start);
  const uint32_t count = loader::get<uint32_t>(cache, kMagic.size()).value_or(0);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = kHeader + i * kEntry;
    const auto flags = loader::get<int32_t>(cache, at), hwcap = loader::get<int32_t>(cache, at + 20);
    if (!flags || !hwcap) break;
    const auto name = loader::c_string(cache, *loader::get<uint32_t>(cache, at + 4));
    const auto path = loader::c_string(cache, *loader::get<uint32_t>(cache, at + 8));
    if (name && path && *flags == arch.cache_flags && *hwcap == 0 && *loader::get<uint32_t>(cache, at + 16) == 0)
      out.emplace_back(*name, *path);
  }
  return out;
}

class Search {
 public:
  Search(const loader::Image& program, const GuestOptions& options, HostFiles& files)
      : program_(program),
        files_(files),
        arch_(*std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                            [&](const Architecture& a) { return a.isa == program.isa(); })) {
    for (const std::string& kv : options.env)
      if (kv.starts_with("LD_LIBRARY_PATH=")) add_paths(kv.substr(kv.find('=') + 1), from_environment_);
    if (const auto cache = read_file(files, "/etc/ld.so.cache")) cache_ = read_cache(cache->bytes, arch_);
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
  };

  static void add_paths(std::string_view text, std::vector<std::string>& out) {
    while (!text.empty()) {
      const size_t colon = std::min(text.find(':'), text.size());
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
    for (const std::string& folder : image.elf().search) folders.push_back(expanded(folder, path));
    if (&image == &program_) of_program_ = folders;
    for (const std::string& name : image.elf().needed) {
      const auto is_musls = [&](std::string_view prefix) { return name.starts_with(prefix); };
      if (musl_ && std::any_of(std::begin(kOfMusl), std::end(kOfMusl), is_musls)) continue;
      if (known_.insert(name).second) todo_.push_back({name, by, folders});
    }
  }

  void find(const Wanted& w) {
    Library out{w.name, w.by, "", "", nullptr};
    if (w.name.find('/') != w.name.npos) {
      load(out, w.name);
    } else {
      const bool found = look_in(out, w.folders) || look_in(out, of_program_) || look_in(out, from_environment_);
      if (!found && !look_in_cache(out)) look_in(out, folders_);
    }
    if (!out.image && out.trouble.empty()) out.trouble = "is not there";
    if (out.image) need(*out.image, out.path, out.path);
    found_.push_back(std::move(out));
  }

  bool look_in_cache(Library& out) {
    return std::any_of(cache_.begin(), cache_.end(),
                       [&](const auto& entry) { return entry.first == out.name && load(out, entry.second); });
  }

  bool look_in(Library& out, const std::vector<std::string>& folders) {
    for (const std::string& folder : folders)
      if (load(out, folder + "/" + out.name)) return true;
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
  std::vector<std::string> from_environment_, folders_, of_program_;
  std::vector<std::pair<std::string, std::string>> cache_;
  std::set<std::string> known_;
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
