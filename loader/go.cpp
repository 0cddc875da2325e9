// Finds Go's metadata in an image: pclntab, version, moduledata, build info. Each is looked for by name first, then by
// its bytes, so that stripped files and files with false section headers give the same.
#include <fmt/format.h>

#include "loader/go_tables.h"
#include "loader/parts.h"

namespace deferscope::loader {
namespace {

std::optional<PclnHeader> find_pclntab(const Image& image) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab", "__gopclntab"})
    if (const Section* s = image.section(name))
      if (auto header = read_pcln_header(image.memory(), s->address)) return header;
  return scan_for_pcln_header(image.memory());
}

std::optional<VersionAndModules> find_build_info(const Image& image) {
  for (const char* name : {".go.buildinfo", "__go_buildinfo"})
    if (const Section* s = image.section(name))
      if (auto info = read_build_info(image.memory(), s->address)) return info;
  return scan_for_build_info(image.memory());
}

std::optional<ModuleData> find_moduledata(const Image& image, const PclnHeader& header, int minor) {
  for (const char* name : {".go.module", "__go_module"})
    if (const Section* s = image.section(name))
      if (auto m = read_moduledata(image.memory(), s->address, header, minor)) return m;
  return scan_for_moduledata(image.memory(), header, minor);
}

// 1.12, or a file whose build info is damaged: the string that runtime.Version() returns.
std::optional<std::string> find_build_version(const Image& image, const PclnHeader& header,
                                              const std::optional<ModuleData>& module) {
  if (auto symbol = image.symbols().find("runtime.buildVersion"))
    if (auto text = image.memory().go_string(symbol->address, 256); text && !text->empty()) return std::string(*text);
  if (!module) return std::nullopt;
  return scan_for_version_string(image.memory(), module->data, module->edata, header.oldest_minor(),
                                 header.newest_minor());
}

GoVersion version_from_magic(const PclnHeader& header) {
  GoVersion v;
  v.text = fmt::format("go1.{}…go1.{}", header.oldest_minor(), header.newest_minor());
  v.minor = header.oldest_minor();
  v.source = VersionSource::pclntab_magic;
  return v;
}

// The text keeps its words; a text without a number ("devel +6f3a…") gets the oldest minor that fits the file's
// layouts.
GoVersion version_from_text(const std::string& text, VersionSource source, const PclnHeader& header,
                            const std::optional<ModuleData>& m) {
  GoVersion v = parse_go_version(text);
  v.source = source;
  if (v.minor == 0) {
    v.minor = std::max(header.oldest_minor(), m ? m->oldest_minor : 0);
    v.source = VersionSource::pclntab_magic;
  }
  return v;
}

std::vector<FuncTable::TextSection> text_sections(const Memory& memory, const ModuleData& m) {
  std::vector<FuncTable::TextSection> sections;
  for (uint64_t i = 0; m.textsectmap_len > 1 && i < m.textsectmap_len; i++) {
    uint64_t at = m.textsectmap + i * 24;
    sections.push_back(
        {memory.read_u64(at).value_or(0), memory.read_u64(at + 8).value_or(0), memory.read_u64(at + 16).value_or(0)});
  }
  return sections;
}

// The base of the offsets in a 1.18+ table. The header's field is an unused zero from 1.26 on.
uint64_t text_base(const Image& image, const PclnHeader& header, const std::optional<ModuleData>& module) {
  if (module) return module->text;
  if (header.text_start != 0) return header.text_start;
  const Section* text = image.text();
  return text ? text->address : 0;
}

}  // namespace

namespace {

// A listing says itself what is looked for in other programs.
std::unique_ptr<const GoProgram> go_of_listing(const Image& image, const ListingInfo& listing) {
  const auto header = read_pcln_header(image.memory(), listing.module.address);
  if (!header) throw Error(image.path() + ": its function table cannot be read");
  return std::unique_ptr<const GoProgram>(new GoProgram{
      listing.version,
      {},
      "linux",
      isa::to_string(image.isa()),
      *header,
      listing.module,
      FuncTable(image.memory(), *header, listing.module.text, listing.module.gofunc, listing.version.minor, {})});
}

}  // namespace

std::unique_ptr<const GoProgram> find_go(const Image& image, std::string* reason) {
  if (const ListingInfo* listing = image.listing()) return go_of_listing(image, *listing);
  auto header = find_pclntab(image);
  if (!header) {
    *reason = "not a Go program: it has no pclntab";
    return nullptr;
  }
  auto info = find_build_info(image);
  int minor = info ? parse_go_version(info->version).minor : 0;
  auto module = find_moduledata(image, *header, minor);
  GoVersion version = version_from_magic(*header);
  if (info)
    version = version_from_text(info->version, VersionSource::build_info, *header, module);
  else if (auto text = find_build_version(image, *header, module))
    version = version_from_text(*text, VersionSource::build_version, *header, module);

  std::string modinfo = info ? info->modinfo : version.minor <= 12 ? scan_for_modinfo(image.memory()) : "";
  BuildInfo build = parse_modinfo(modinfo);
  std::string goos(build.setting("GOOS").value_or(to_string(image.os())));
  std::string goarch(build.setting("GOARCH").value_or(to_string(image.isa())));
  uint64_t text = text_base(image, *header, module);
  if (text == 0 && header->oldest_minor() >= 18) {
    *reason = fmt::format("{}: its moduledata was not recognised, so its functions cannot be placed", version.text);
    return nullptr;
  }
  std::unique_ptr<const GoProgram> go(new GoProgram{
      version, std::move(build), std::move(goos), std::move(goarch), *header, module,
      FuncTable(image.memory(), *header, text, module ? module->gofunc : 0, version.minor,
                module ? text_sections(image.memory(), *module) : std::vector<FuncTable::TextSection>{})});
  if (!go->funcs.in_order()) {
    *reason = "corrupt pclntab: its functions are not in order";
    return nullptr;
  }
  return go;
}

bool Image::uses_race_detector() const {
  const GoProgram* program = go();
  if (!program) return false;
  if (auto setting = program->build.setting("-race")) return *setting == "true";
  return program->funcs.find_first("runtime.racecall").has_value();  // assembly that only -race links
}

bool Image::uses_cgo() const {
  const GoProgram* program = go();
  return program && program->funcs.find_first("crosscall2").has_value();  // assembly of runtime/cgo, in all versions
}

}  // namespace deferscope::loader
