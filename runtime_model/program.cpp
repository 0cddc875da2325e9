// Functions, origins and locations of a program.
#include "runtime_model/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace deferscope::model {
namespace {

// First elements of the standard library's import paths (src/ of go1.27 and of the releases before it).
constexpr std::string_view kStdRoots[] = {
    "archive",  "arena", "bufio",   "bytes",    "cmp",      "compress", "container", "context", "crypto",
    "database", "debug", "embed",   "encoding", "errors",   "expvar",   "flag",      "fmt",     "go",
    "hash",     "html",  "image",   "index",    "internal", "io",       "iter",      "log",     "maps",
    "math",     "mime",  "net",     "os",       "path",     "plugin",   "reflect",   "regexp",  "simd",
    "slices",   "sort",  "strconv", "strings",  "structs",  "sync",     "syscall",   "testing", "text",
    "time",     "type",  "unicode", "unique",   "unsafe",   "uuid",     "vendor",    "weak"};

bool is_runtime(std::string_view package) {
  const auto below = [&](std::string_view root) {
    return package == root || (package.substr(0, root.size()) == root && package[root.size()] == '/');
  };
  return below("runtime") || below("internal/runtime") || package == "internal/abi" || package.empty();
}

bool in_std(std::string_view package) {
  const std::string_view root = package.substr(0, package.find('/'));
  return std::find(std::begin(kStdRoots), std::end(kStdRoots), root) != std::end(kStdRoots);
}

// The package of the standard library that a source file belongs to; empty: none. Throws loader::Error.
std::string_view std_package(const loader::FuncTable& funcs, std::string_view file) {
  constexpr std::string_view kMain = "runtime/proc.go";  // with GOROOT before it, or nothing (-trimpath)
  const auto main = funcs.find_first("runtime.main");
  const std::string_view of_main = main ? funcs.line(*main, main->entry).file : std::string_view{};
  if (!of_main.ends_with(kMain)) return {};
  const std::string_view root = of_main.substr(0, of_main.size() - kMain.size());
  if (!file.starts_with(root)) return {};
  const std::string_view below = file.substr(root.size());
  const size_t slash = below.rfind('/');
  return slash != below.npos && in_std(below) ? below.substr(0, slash) : std::string_view{};
}

const loader::GoProgram* require_go(const loader::Image& image) {
  const loader::GoProgram* go = image.go();
  if (!go) throw Error(fmt::format("{}: {}", image.path(), image.not_go()));
  if (go->version.minor && go->version.minor < loader::kOldestMinor)
    throw Error(fmt::format("{}: built by {}; the runtime model knows go1.{} and newer", image.path(), go->version.text,
                            loader::kOldestMinor));
  return go;
}

int minor_of(const loader::GoProgram& go) { return go.version.minor ? go.version.minor : loader::kNewestMinor; }

}  // namespace

Program::Program(const loader::Image& image, bool use_dwarf)
    : Program(image, Layouts::of(image, minor_of(*require_go(image)), use_dwarf), use_dwarf) {}

Program::Program(const loader::Image& image, Layouts layouts, bool use_dwarf)
    : image_(image),
      go_(image_.go()),
      minor_(minor_of(*go_)),
      amd64_(image_.isa() == isa::Isa::x86_64),
      mech_(mechanism(minor_)),
      layouts_(std::move(layouts)),
      g_place_(model::g_place(image_)),
      use_dwarf_(use_dwarf) {
  if (go_->moduledata) text_ = {go_->moduledata->text, go_->moduledata->etext};
  if (go_->build.main) modules_.insert(go_->build.main->path);
  for (const loader::Module& m : go_->build.deps) modules_.insert(m.path);
  modules_.erase(std::string_view{});
}

Program::~Program() = default;

std::unique_ptr<Program> Program::for_another_thread() const {
  return std::unique_ptr<Program>(new Program(image_, layouts_, use_dwarf_));
}

std::vector<std::string> Program::notes() const {
  std::vector<std::string> out = layouts_.notes();
  if (g_place_.kind == GPlace::unknown)
    out.push_back(
        fmt::format("where this program keeps g is not known ({}): no goroutines, chains and events", g_place_.why));
  return out;
}

Origin Program::origin_of(std::string_view function) const {
  const std::string_view package = package_of(function);
  if (is_runtime(package)) return Origin::runtime;
  if (package == "main") return Origin::user;
  for (size_t n = 0; n <= package.size(); ++n)  // of a module: its path, then a '/' or a '.'
    if ((n == package.size() || package[n] == '/' || package[n] == '.') && modules_.count(package.substr(0, n)))
      return Origin::user;
  return in_std(package) ? Origin::std_ : Origin::user;
}

const Function* Program::function_at(uint64_t pc) const {
  const auto f = go_->funcs.at(pc);
  if (!f) return nullptr;
  std::unique_ptr<Function>& slot = functions_[f->index];
  if (slot) return slot.get();
  slot = std::make_unique<Function>(Function{*f, origin_of(f->name), f->func_id == mech_.id_wrapper});
  // A function literal bears the name of the function that the one around it was inlined into (since 1.21): its file
  // says whose it is.
  if (slot->origin == Origin::user && f->name.find(".func") != f->name.npos) try {
      const std::string_view package = std_package(go_->funcs, go_->funcs.line(*f, f->entry).file);
      if (!package.empty() && !modules_.count(package))
        slot->origin = is_runtime(package) ? Origin::runtime : Origin::std_;
    } catch (const loader::Error&) {  // a corrupt table: the name has to do
    }
  return slot.get();
}

const Function* Program::function_named(std::string_view name) const {
  const auto f = go_->funcs.find_first(name);
  return f ? function_at(f->entry) : nullptr;
}

const Location& Program::location(uint64_t pc) const {
  if (const Location* known = locations_.find(pc)) return *known;
  // A guest can have us ask for any number; the last few of too many are kept.
  Location& l = locations_.size() < kMaxKept ? locations_[pc] : latest_[next_latest_++ % std::size(latest_)];
  l = {};
  l.pc = pc;
  try {
    l.function = function_at(pc);
    if (!l.function) return l;
    l.offset = pc - l.function->f.entry;
    const loader::SourceLine at = go_->funcs.line(l.function->f, pc);
    l.file = at.file;
    l.line = at.line;
  } catch (const loader::Error&) {  // a corrupt table: the address alone
    l.function = nullptr;
  }
  return l;
}

std::string Program::describe(uint64_t pc) const {
  const Location& l = location(pc);
  if (!l.function) return fmt::format("{:#x}", pc);
  return l.offset ? fmt::format("{}+{}", readable(l.function->name()), l.offset) : readable(l.function->name());
}

std::optional<int32_t> Program::sp_delta(const Function& f, uint64_t pc) const {
  if (const auto* known = sp_deltas_.find(pc)) return *known;
  const std::optional<int32_t> found = go_->funcs.sp_delta(f.f, pc);
  if (sp_deltas_.size() < kMaxKept) sp_deltas_[pc] = found;
  return found;
}

std::vector<uint64_t> Program::returns_in(const Function& f) const {
  std::vector<uint64_t> out;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    if (is_return(i)) out.push_back(i.pc);
    return true;
  });
  return out;
}

uint64_t Program::call_site(uint64_t return_address) const {
  const auto [site, fresh] = call_sites_.at(return_address);
  const Function* f = fresh && return_address ? function_at(return_address - 1) : nullptr;
  if (!f) return *site;
  for (const Call& c : calls_in(*f))
    if (c.next == return_address) *site = c.pc;
  return *site;
}

Program::Ends Program::find_ends(const Function& f, int jumps) const {
  // Compilers jump through registers to the cases of a switch, assembly code to other functions.
  const bool assembly = location(f.f.entry).file.ends_with(".s");
  std::vector<uint64_t> returns, leaves;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    if (is_return(i)) returns.push_back(i.pc);
    const auto to = jump_target(i);
    if (to && !f.f.contains(*to)) leaves.push_back(*to);
    if (assembly && is_indirect_jump(i)) leaves.push_back(0);
    return true;
  });
  if (leaves.empty()) return {&f, returns.size() == 1 ? returns[0] : 0};
  // A wrapper that ends by a jump: what it jumps to returns for it.
  const Function* on = returns.empty() && leaves.size() == 1 && leaves[0] && jumps ? function_at(leaves[0]) : nullptr;
  return on && on->f.entry == leaves[0] ? find_ends(*on, jumps - 1) : Ends{};
}

const Program::Ends& Program::ends_of(const Function& f) const {
  const auto [ends, fresh] = ends_.of(&f);
  if (fresh) *ends = find_ends(f, 4);
  return *ends;
}

std::vector<Call> Program::calls_in(const Function& f) const {
  std::vector<Call> out;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    if (auto c = as_call(i)) out.push_back(*c);
    return true;
  });
  return out;
}

uint64_t Program::panicnil() const {
  if (panicnil_) return *panicnil_;
  panicnil_ = 0;
  if (const Function* f = mech_.panic_nil_is_error ? function_named("runtime.gopanic") : nullptr)
    each_instruction(image_, f->f.entry, f->f.end, [&](const Insn& i) {
      const auto a = global_read(image_, i, 4);
      if (a) panicnil_ = *a;
      return !a;
    });
  return *panicnil_;
}

loader::Dwarf* Program::dwarf() const {
  if (!dwarf_tried_) {
    dwarf_tried_ = true;
    try {
      if (use_dwarf_) dwarf_ = loader::Dwarf::open(image_);
    } catch (const loader::Error&) {  // damaged: as if stripped
    }
  }
  return dwarf_.get();
}

const std::vector<uint64_t>& Program::global(const GlobalSpec& spec) const {
  const auto [it, fresh] = globals_.try_emplace(spec.symbol);
  if (!fresh) return it->second;
  if (const auto s = image_.find_symbol(spec.symbol)) it->second.push_back(s->address);
  for (const char* user : spec.users)
    if (const Function* f = function_named(user))
      for (uint64_t a : global_addresses(image_, f->f.entry, f->f.end)) it->second.push_back(a);
  return it->second;
}

const ContextWords& Program::context_words(const Function& f) const {
  const auto [words, fresh] = context_.of(&f);
  if (fresh) {
    *words = model::context_words(image_, f.f.entry, f.f.end, context_register(isa()));
    name_words(f, *words);
  }
  return *words;
}

std::string readable(std::string_view function) {
  std::string out;
  for (size_t i = 0; i < function.size(); ++i) {
    const bool middle_dot = function[i] == '\xc2' && i + 1 < function.size() && function[i + 1] == '\xb7';
    out += middle_dot ? '.' : function[i];
    i += middle_dot;
  }
  return out;
}

}  // namespace deferscope::model
