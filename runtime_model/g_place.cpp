// g's place from symbols and code of the runtime.
#include "runtime_model/g_place.h"

#include "runtime_model/code.h"

namespace deferscope::model {
namespace {

// Assembly that loads or stores g through the thread pointer in every release (src/runtime/asm_amd64.s, the macro
// get_tls), and nothing else through it.
constexpr std::string_view kUsers[] = {
    "runtime.rt0_go",     "runtime.morestack",         "gogo", "runtime.gogo", "runtime.mcall", "runtime.systemstack",
    "runtime.asmcgocall", "runtime.cgocallback_gofunc"};

constexpr int64_t kModelledSlot = -8;  // FS, of the modelled runtime (modelled_start.cpp)
constexpr int64_t kDarwinSlot = 0x30;  // GS, since macOS 10 (src/cmd/internal/obj/x86/obj6.go)

}  // namespace

std::optional<int64_t> g_offset_by_symbol(const loader::Image& image) {
  const loader::ElfInfo& elf = image.elf();
  const auto s = image.symbols().find("runtime.tlsg");
  if (!s || elf.tls_size == 0) return std::nullopt;
  const uint64_t align = elf.tls_align ? elf.tls_align : 1;
  const uint64_t block = (elf.tls_size + align - 1) / align * align, in_block = s->address - image.bias();
  if (in_block >= block) return std::nullopt;
  return static_cast<int64_t>(in_block) - static_cast<int64_t>(block);
}

std::optional<int64_t> g_offset_by_code(const loader::Image& image) {
  const loader::GoProgram* go = image.go();
  std::optional<int64_t> found;
  for (std::string_view name : kUsers)
    for (const loader::Func& f : go ? go->funcs.find(name) : std::vector<loader::Func>{})
      for (int64_t offset : thread_pointer_offsets(image, f.entry, f.end)) {
        if (found && *found != offset) return std::nullopt;
        found = offset;
      }
  return found;
}

namespace {

// What runtime.load_g adds to the thread pointer: in R27 where it loads g, R28 (src/runtime/tls_arm64.s).
std::optional<int64_t> g_offset_in_c(const loader::Image& image) {
  const loader::GoProgram* go = image.go();
  if (!go || !image.uses_cgo() || image.os() != loader::Os::linux_) return std::nullopt;
  for (std::string_view name : {"runtime.load_g", "runtime.load_g.abi0"})
    for (const loader::Func& f : go->funcs.find(name))
      if (const auto offset = constant_at_load(image, f.entry, f.end, 28, 27)) return static_cast<int64_t>(*offset);
  return std::nullopt;
}

}  // namespace

GPlace g_place(const loader::Image& image) {
  if (image.isa() == isa::Isa::arm64) return {GPlace::reg, 0, g_offset_in_c(image), "register", {}};
  if (image.listing()) return {GPlace::thread_local_, kModelledSlot, {}, "code", {}};
  if (image.os() == loader::Os::darwin) return {GPlace::thread_local_, kDarwinSlot, {}, "code", {}};
  if (const auto offset = g_offset_by_symbol(image)) return {GPlace::thread_local_, *offset, {}, "symbol", {}};
  if (const auto offset = g_offset_by_code(image)) return {GPlace::thread_local_, *offset, {}, "code", {}};
  return {GPlace::unknown, 0, {}, "", "no symbol runtime.tlsg, and the runtime's code names no one thread-local word"};
}

}  // namespace deferscope::model
