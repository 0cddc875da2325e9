// `deferscope info BIN [--json]`: what a binary says about itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/go_source.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "emu/host_files.h"
#include "loader/dwarf.h"
#include "loader/image.h"
#include "loader/listing.h"
#include "loader/printable.h"

namespace deferscope::cli {
namespace {

using loader::Image;
using loader::printable;
using Json = nlohmann::ordered_json;

constexpr int kColumn = 12;

std::string permissions(const loader::Segment& s) {
  return fmt::format("{}{}{}", s.read ? 'r' : '-', s.write ? 'w' : '-', s.exec ? 'x' : '-');
}

std::string human_size(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / (1024 * 1024));
}

std::string place(const Image& image, uint64_t address) {
  auto symbol = image.symbol_at(address);
  if (!symbol) return "";
  std::string name = printable(symbol->name);
  return symbol->offset ? fmt::format("{}+{}", name, symbol->offset) : name;
}

std::string module_text(const loader::Module& m) {
  std::string text = fmt::format("{} {} {}", m.path, m.version, m.sum);
  while (text.ends_with(' ')) text.pop_back();
  if (!m.replaced_by.empty()) text += " => " + m.replaced_by;
  return printable(text);
}

// Text lines with the names in one column.
class Lines {
 public:
  void add(std::string_view name, const std::string& value) {
    fmt::format_to(std::back_inserter(text_), "  {:<{}}{}\n", name, kColumn, value);
  }
  // The first value gets the name, the others stand below it.
  void next(const std::string& value) { add("", value); }
  void head(const std::string& line) { text_ += line + "\n"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void add_go(Lines* out, const loader::GoProgram& go) {
  if (!go.build.path.empty()) out->add("package", printable(go.build.path));
  if (go.build.main) out->add("module", module_text(*go.build.main));
  for (const loader::Module& m : go.build.deps) out->add("dep", module_text(m));
  const char* name = "build";
  for (const auto& [key, value] : go.build.settings) {
    out->add(name, printable(fmt::format("{}={}", key, value)));
    name = "";
  }
  out->add("functions",
           fmt::format("{}, pclntab at {:#x} (magic {:#x}, go1.{}–1.{})", go.funcs.size(), go.pclntab.address,
                       go.pclntab.magic, go.pclntab.oldest_minor(), go.pclntab.newest_minor()));
  if (const auto& m = go.moduledata)
    out->add("moduledata", fmt::format("at {:#x}; text {:#x}–{:#x}, types {:#x}–{:#x}", m->address, m->text, m->etext,
                                       m->types, m->etypes));
  else
    out->add("moduledata", "not recognised");
}

// "ELF PIE", "Mach-O executable".
std::string kind_of(const Image& image) {
  if (image.listing()) return "a listing of go tool compile -S";
  const bool mach = image.os() == loader::Os::darwin;
  const bool pie = mach ? image.macho().flags & 0x200000 : image.elf().type == 3;
  return fmt::format("{} {}", mach ? "Mach-O" : "ELF", pie ? "PIE" : "executable");
}

const std::string& linker_of(const Image& image) {
  return image.os() == loader::Os::darwin ? image.macho().dynamic_linker : image.elf().interpreter;
}

const std::vector<std::string>& libraries_of(const Image& image) {
  return image.os() == loader::Os::darwin ? image.macho().libraries : image.elf().needed;
}

void add_imports(Lines* out, const Image& image) {
  constexpr size_t kWidth = 100;
  const char* name = "imports";
  std::string line;
  for (const loader::Import& i : image.macho().imports) {
    if (!line.empty() && line.size() + i.name.size() >= kWidth) out->add(name, line), name = "", line.clear();
    line += (line.empty() ? "" : " ") + i.name;
  }
  if (!line.empty()) out->add(name, line);
}

// A program with what it would run with.
struct Subject {
  const Image& image;
  std::string sysroot;
  std::vector<emu::Library> libraries;  // of an ELF program that an interpreter starts
  std::optional<std::string> refused;   // why `run` does not take it, as it says itself
};

Subject subject_of(const Image& image, const std::string& sysroot) {
  emu::GuestOptions options;
  options.exe_path = image.path();
  options.sysroot = sysroot_of(sysroot, image);
  Subject d{image, options.sysroot, {}, image.not_runnable()};
  if (!image.elf().interpreted) return d;
  emu::HostFiles files(options);
  d.libraries = emu::find_libraries(image, options, files);
  if (!d.refused) d.refused = emu::missing_library(image, d.libraries, options.sysroot);
  return d;
}

void add_libraries(Lines* out, const Subject& d) {
  if (d.libraries.empty())
    for (const std::string& library : libraries_of(d.image)) out->add("needs", printable(library));
  for (const emu::Library& l : d.libraries) {
    const bool interpreter = &l == d.libraries.data();
    const std::string what = l.trouble.empty() ? "→ " + l.path : l.trouble == "is not there" ? "is missing" : l.trouble;
    const std::string of = l.wanted == d.image.path() ? "" : fmt::format(" (of {})", l.wanted);
    out->add(interpreter ? "interpreter" : "needs", printable(fmt::format("{}{} {}", l.name, of, what)));
  }
}

std::string as_text(const Subject& subject) {
  const Image& image = subject.image;
  Lines out;
  const loader::GoProgram* go = image.go();
  std::string target =
      go ? fmt::format("{} {}/{}", printable(go->version.text), printable(go->goos), printable(go->goarch))
         : fmt::format("{}/{}", to_string(image.os()), to_string(image.isa()));
  out.head(
      fmt::format("{}: {}, {}, {}", printable(image.path()), target, kind_of(image), human_size(image.file_size())));
  if (const auto& all = image.macho().architectures; !all.empty())
    out.add("universal",
            fmt::format("this is its program for {}; it has {}", to_string(image.isa()), fmt::join(all, ", ")));
  if (!go) out.add("go", "no: " + image.not_go());
  if (const loader::ListingInfo* listing = image.listing())
    out.add("version", fmt::format("{}, from its {}", listing->version.text, listing->version_by));
  else if (go)
    out.add("version", fmt::format("go1.{}{}, from {}", go->version.minor,
                                   go->version.patch < 0 ? "" : fmt::format(".{}", go->version.patch),
                                   to_string(go->version.source)));
  const auto& refused = subject.refused;
  out.add("run", refused ? "no: " + printable(*refused) : "yes");
  out.add("entry", fmt::format("{:#x} {}", image.entry(), place(image, image.entry())));
  if (image.bias()) out.add("bias", fmt::format("{:#x} (position-independent)", image.bias()));
  if (subject.libraries.empty() && !linker_of(image).empty()) out.add("interpreter", printable(linker_of(image)));
  add_libraries(&out, subject);
  add_imports(&out, image);
  if (go) add_go(&out, *go);
  out.add("symbols", image.symbols().empty() ? "none (stripped)" : fmt::format("{}", image.symbols().all().size()));
  auto dwarf = loader::dwarf_version(image);
  out.add("DWARF", dwarf ? fmt::format("version {}", *dwarf) : "none");
  if (image.uses_cgo()) out.add("cgo", "yes");
  if (image.uses_race_detector()) out.add("race", "yes");
  const char* name = "segments";
  for (const loader::Segment& s : image.segments()) {
    out.add(name, fmt::format("{:#014x} {} memory {:#x} file {:#x} at {:#x}", s.vaddr, permissions(s), s.memsz,
                              s.filesz, s.fileoff));
    name = "";
  }
  return out.text();
}

std::string hex(uint64_t value) { return fmt::format("{:#x}", value); }

Json module_json(const loader::Module& m) {
  Json j = {{"path", m.path}, {"version", m.version}, {"sum", m.sum}};
  if (!m.replaced_by.empty()) j["replaced_by"] = m.replaced_by;
  return j;
}

Json go_json(const loader::GoProgram& go) {
  Json j;
  j["version"] = {{"text", go.version.text},
                  {"minor", go.version.minor},
                  {"patch", go.version.patch < 0 ? Json() : Json(go.version.patch)},
                  {"source", to_string(go.version.source)}};
  j["goos"] = go.goos;
  j["goarch"] = go.goarch;
  j["package"] = go.build.path;
  j["module"] = go.build.main ? module_json(*go.build.main) : Json();
  j["deps"] = Json::array();
  for (const loader::Module& m : go.build.deps) j["deps"].push_back(module_json(m));
  j["settings"] = Json::array();
  for (const auto& [key, value] : go.build.settings) j["settings"].push_back({{"key", key}, {"value", value}});
  j["pclntab"] = {
      {"address", hex(go.pclntab.address)}, {"magic", hex(go.pclntab.magic)}, {"functions", go.funcs.size()}};
  j["moduledata"] = Json();
  if (const auto& m = go.moduledata)
    j["moduledata"] = {{"address", hex(m->address)}, {"size", m->size},         {"text", hex(m->text)},
                       {"etext", hex(m->etext)},     {"types", hex(m->types)},  {"etypes", hex(m->etypes)},
                       {"data", hex(m->data)},       {"edata", hex(m->edata)},  {"bss", hex(m->bss)},
                       {"ebss", hex(m->ebss)},       {"gofunc", hex(m->gofunc)}};
  return j;
}

Json imports_json(const Image& image) {
  Json all = Json::array();
  for (const loader::Import& i : image.macho().imports)
    all.push_back({{"name", i.name}, {"library", i.library}, {"pointer", hex(i.pointer)}, {"weak", i.weak}});
  return all;
}

Json libraries_json(const Subject& d) {
  Json all = Json::array();
  for (const emu::Library& l : d.libraries)
    all.push_back({{"name", l.name},
                   {"wanted_by", l.wanted},
                   {"path", l.path.empty() ? Json() : Json(l.path)},
                   {"trouble", l.trouble.empty() ? Json() : Json(l.trouble)}});
  return all;
}

std::string as_json(const Subject& subject) {
  const Image& image = subject.image;
  Json j;
  j["schema"] = "deferscope.info/1";
  j["path"] = image.path();
  j["size"] = image.file_size();
  const bool mach = image.os() == loader::Os::darwin;
  j["format"] = mach ? "macho" : "elf";
  if (!image.macho().architectures.empty()) j["universal"] = image.macho().architectures;
  j["os"] = to_string(image.os());
  j["arch"] = to_string(image.isa());
  j["entry"] = {{"address", hex(image.entry())}, {"symbol", place(image, image.entry())}};
  j["bias"] = hex(image.bias());
  j["interpreter"] = linker_of(image);
  j["needed"] = libraries_of(image);
  if (!subject.libraries.empty()) j["libraries"] = libraries_json(subject);
  if (mach) j["imports"] = imports_json(image);
  const auto& refused = subject.refused;
  j["runnable"] = !refused;
  j["not_runnable"] = refused ? Json(*refused) : Json();
  j["cgo"] = image.uses_cgo();
  j["race"] = image.uses_race_detector();
  j["symbols"] = image.symbols().all().size();
  auto dwarf = loader::dwarf_version(image);
  j["dwarf"] = dwarf ? Json(*dwarf) : Json();
  j["segments"] = Json::array();
  for (const loader::Segment& s : image.segments())
    j["segments"].push_back({{"name", s.name},
                             {"address", hex(s.vaddr)},
                             {"memory", hex(s.memsz)},
                             {"file", hex(s.filesz)},
                             {"offset", hex(s.fileoff)},
                             {"permissions", permissions(s)}});
  j["go"] = image.go() ? go_json(*image.go()) : Json();
  j["not_go"] = image.go() ? Json() : Json(image.not_go());
  return j.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

struct InfoFlags {
  std::string path, sysroot;
  SourceFlags source;
  bool json = false;
};

}  // namespace

void add_info(CLI::App& app, Action& action) {
  auto options = std::make_shared<InfoFlags>();
  Verb verb(app, action, "info", "Print what a binary says about itself: Go version, build settings, segments, tables");
  add_source_flags(verb, options->source);
  verb.option("BIN", options->path, "The program, or Go source").required();
  verb.option("--sysroot", options->sysroot, "Where the libraries of a dynamically linked program lie, as run has it")
      .unit("DIR");
  verb.flag("--json", options->json, "As JSON (deferscope.info/1)");
  verb.does([options] {
    Image image = load_program(program_at(options->path, options->source).path, options->source);
    const Subject subject = subject_of(image, options->sysroot);
    std::string out = options->json ? as_json(subject) : as_text(subject);
    std::fwrite(out.data(), 1, out.size(), stdout);
    return 0;
  });
}

}  // namespace deferscope::cli
