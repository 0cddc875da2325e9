#include "runtime_model/c_frames.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/code.h"

namespace deferscope::model {
namespace {

constexpr size_t kMost = 200;  // frames of one walk
constexpr size_t kNear = 4;    // from cgocallback to crosscall2

// DWARF's numbers of x86-64's registers (System V ABI, figure 3.36) that have other ones here.
constexpr isa::Reg kAmd64[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx, isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};
constexpr unsigned kAmd64Sp = 7, kArm64Sp = 31;
constexpr const char* kAmd64Names[] = {"RAX", "RDX", "RCX", "RBX", "RSI", "RDI", "RBP", "RSP",
                                       "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};
// Those that a callee gives back as they were (the ABIs' words), which crosscall2 saves for its caller in C.
constexpr unsigned kAmd64Kept[] = {3, 6, 12, 13, 14, 15};
constexpr unsigned kArm64Kept[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};

// The assembly that enters a goroutine from C, and what it keeps where SP of g0's last Go frame points
// (src/runtime/cgocall.go, unwindm): the one before.
constexpr std::string_view kCallbacks[] = {"runtime.cgocallback", "runtime.cgocallback_gofunc"};
constexpr uint64_t kSavedSpAmd64 = 0, kSavedSpArm64 = 16;

bool is_callback(const Frame& f) {
  return f.function && f.stack == StackKind::goroutine &&
         std::any_of(std::begin(kCallbacks), std::end(kCallbacks), [&](auto n) { return f.function->name() == n; });
}

// A file in memory: its image, and what is added to the image's addresses.
struct Module {
  const loader::Image* image = nullptr;
  uint64_t slide = 0;
  std::string file;
  bool known = true;
};

Module module_at(const Guest& g, uint64_t address) {
  const loader::Image& program = g.program().image();
  if (program.memory().segment_at(address)) return {&program, 0, ""};
  const auto& maps = g.state().memory.mappings();
  auto it = maps.upper_bound(address);
  if (it == maps.begin() || std::prev(it)->second.end <= address) return {nullptr, 0, "", false};
  const std::string& path = (--it)->second.name.text();
  if (path.empty() || path[0] == '[' || !g.state().os) return {nullptr, 0, "", false};
  const std::string file = path.substr(path.rfind('/') + 1);
  const auto& loaded = g.state().os->loaded();
  for (auto l = loaded.rbegin(); l != loaded.rend(); ++l)  // the last one that lay there
    if ((*l)->path == path && (*l)->image && (*l)->image->memory().segment_at(address - (*l)->slide))
      return {(*l)->image.get(), (*l)->slide, file};
  while (it != maps.begin() && std::prev(it)->second.name.text() == path) --it;  // its parts lie side by side
  for (const emu::Library& l : g.state().os->libraries())
    if (l.path == path && l.image)
      return {l.image.get(), it->first - emu::page_of(l.image->segments().front().vaddr), file};
  return {nullptr, it->first, file};
}

// The section of jumps to other files' functions that holds an image's address; nullptr: none.
const loader::Section* plt_at(const loader::Image& image, uint64_t at) {
  for (const char* name : {".plt", ".plt.sec", ".plt.got"})
    if (const loader::Section* s = image.section(name); s && at - s->address < s->size) return s;
  return nullptr;
}

// How its frames are unwound, which .eh_frame says by an expression or not at all. An entry pushes at most its number,
// on amd64 behind what precedes its last jump; the first entry, to which they jump, a word or a pair more (the psABIs,
// "Procedure Linkage Table").
loader::FrameRow row_of_plt(const loader::Section& plt, uint64_t at, bool amd64) {
  constexpr uint64_t kEntry = 16, kPushed = 9, kFirstPushed = 6, kArm64First = 32, kArm64Pushed = 4;
  const uint64_t offset = at - plt.address;
  const bool binds = plt.name == ".plt";
  int64_t pushed = amd64 ? 8 : 0;
  if (binds && amd64 && offset < kEntry) pushed += 8;
  if (binds && amd64 && offset % kEntry >= (offset < kEntry ? kFirstPushed : kPushed)) pushed += 8;
  if (binds && !amd64 && offset >= kArm64Pushed && offset < kArm64First) pushed += 16;
  loader::FrameRow row;
  row.cfa_known = true;
  row.cfa_register = amd64 ? kAmd64Sp : kArm64Sp, row.cfa_offset = pushed;
  row.return_register = amd64 ? 16 : 30;
  if (amd64 || pushed) row.registers[row.return_register] = {loader::SavedRegister::at_cfa, -8};
  return row;
}

// Of the instruction at `lookup`; pc is where it stands.
CPlace place_in(const Module& m, uint64_t pc, uint64_t lookup) {
  CPlace out;
  out.file = m.file, out.known = m.known;
  out.offset = pc - m.slide;
  if (!m.image) return out;
  out.offset -= m.file.empty() ? 0 : m.image->bias();
  const uint64_t at = lookup - m.slide;
  if (!m.file.empty() && m.image->go()) out.file += ", Go's own, not told of";  // a plugin, a c-shared library
  out.plt = plt_at(*m.image, at) != nullptr;
  if (out.plt) return out;  // what is called there is another file's
  auto symbol = m.image->symbols().at(at);
  if (!symbol) symbol = m.image->exports().at(at);
  if (symbol) out.function = std::string(symbol->name), out.offset = pc - m.slide - symbol->address;
  return out;
}

}  // namespace

std::string CPlace::text() const {
  const std::string where = function.empty() ? fmt::format("{:#x}", offset)
                            : offset         ? fmt::format("{}+{}", function, offset)
                                             : function;
  const std::string in = plt ? "PLT" + (file.empty() ? "" : " of " + file) : file;
  return in.empty() ? where : fmt::format("{} ({})", where, in);
}

CPlace c_place(const Guest& guest, uint64_t address) { return place_in(module_at(guest, address), address, address); }

CStack::CStack(const Guest& guest, const emu::Thread& t) : g_(guest), pc_(t.cpu.pc), at_call_(false) {
  const bool amd64 = g_.program().amd64();
  sp_ = t.cpu.r[amd64 ? isa::kRsp : isa::kSp];
  for (unsigned i = 0; i < 16; ++i)
    if (amd64) registers_[i] = t.cpu.r[i < std::size(kAmd64) ? kAmd64[i] : i];
  for (unsigned i = 0; i < kArm64Sp; ++i)
    if (!amd64) registers_[i] = t.cpu.r[i];
  registers_[amd64 ? kAmd64Sp : kArm64Sp] = sp_;
}

CStack::CStack(const Guest& guest, uint64_t return_address, uint64_t sp, const Registers& known)
    : g_(guest), registers_(known), pc_(return_address), sp_(sp), at_call_(true) {
  registers_[g_.program().amd64() ? kAmd64Sp : kArm64Sp] = sp_;
}

bool CStack::in_go() const { return g_.program().location(lookup()).function != nullptr; }

CFrame CStack::frame() const {
  CFrame f;
  static_cast<CPlace&>(f) = place_in(module_at(g_, lookup()), pc_, lookup());
  f.pc = pc_, f.sp = sp_;
  const auto before = caller();
  if (!before) return f;
  f.caller_sp = before->sp, f.return_to = before->pc, f.saved = before->saved;
  return f;
}

std::optional<CStack::Caller> CStack::caller() const {
  const Module m = module_at(g_, lookup());
  const bool amd64 = g_.program().amd64();
  auto row = m.image ? m.image->eh_frame().at(lookup() - m.slide) : std::nullopt;
  if (m.image && (!row || !row->cfa_known))
    if (const loader::Section* plt = plt_at(*m.image, lookup() - m.slide))
      row = row_of_plt(*plt, lookup() - m.slide, amd64);
  if (!row || !row->cfa_known || !registers_[row->cfa_register]) return std::nullopt;
  const uint64_t cfa = *registers_[row->cfa_register] + static_cast<uint64_t>(row->cfa_offset);
  Caller out{0, cfa, !row->signal, registers_, {}};
  for (unsigned i = 0; i < registers_.size(); ++i) {
    const loader::SavedRegister& saved = row->registers[i];
    std::optional<uint64_t>& now = out.registers[i];
    switch (saved.kind) {
      case loader::SavedRegister::same: break;
      case loader::SavedRegister::at_cfa: {
        const uint64_t at = cfa + static_cast<uint64_t>(saved.value);
        now = g_.try_word(at);
        const bool back = i == row->return_register;
        out.saved.push_back({back ? "" : amd64 ? kAmd64Names[i % std::size(kAmd64Names)] : fmt::format("X{}", i), at});
        break;
      }
      case loader::SavedRegister::is_cfa: now = cfa + static_cast<uint64_t>(saved.value); break;
      case loader::SavedRegister::other:
        now = static_cast<uint64_t>(saved.value) < registers_.size() ? registers_[static_cast<size_t>(saved.value)]
                                                                     : std::nullopt;
        break;
      default: now = std::nullopt;
    }
  }
  const std::optional<uint64_t> back = out.registers[row->return_register];
  const bool leaf = !amd64 && cfa == sp_;
  if (!back || *back == 0 || (cfa <= sp_ && !leaf) || (leaf && *back == pc_)) return std::nullopt;
  out.registers[amd64 ? kAmd64Sp : kArm64Sp] = cfa;
  out.pc = *back;
  return out;
}

bool CStack::leave() {
  const auto before = caller();
  if (!before) return false;
  registers_ = before->registers;
  pc_ = before->pc, sp_ = before->sp, at_call_ = before->at_call;
  return true;
}

std::optional<GoCaller> go_caller(const Guest& guest, const emu::Thread& thread) {
  CStack c(guest, thread);
  if (c.in_go()) return std::nullopt;
  for (size_t i = 0; i < kMost && c.leave(); ++i)
    if (c.in_go()) return GoCaller{c.pc(), c.sp()};
  return std::nullopt;
}

namespace {

std::optional<int32_t> delta_at(const Program& p, const Frame& f, uint64_t pc) {
  try {
    return p.sp_delta(*f.function, pc);
  } catch (const loader::Error&) {
    return std::nullopt;
  }
}

// Where Go's assembly that C calls keeps a register of its caller's: what it has stored first of all. Its size at each
// instruction is the frame tables'.
std::optional<uint64_t> kept_by(const Guest& g, const Frame& crosscall, isa::Reg reg) {
  const Program& p = g.program();
  const isa::Reg sp = p.amd64() ? isa::kRsp : isa::kSp;
  const uint64_t top = crosscall.caller_sp - (p.amd64() ? 8 : 0);
  std::optional<uint64_t> out;
  each_instruction(p.image(), crosscall.function->f.entry, crosscall.lookup, [&](const Insn& i) {
    for (unsigned n = 0; n < i.in->count && !out; ++n) {
      const isa::Uop& u = i.in->uops[n];
      const bool one = u.op == isa::Op::Store && u.b == reg;
      const bool pair = u.op == isa::Op::StorePair && (u.a == reg || u.b == reg);
      if ((!one && !pair) || u.mem.base != sp || u.mem.index != isa::kZero) continue;
      const auto below = delta_at(p, crosscall, i.pc);
      if (!below) return false;
      out = g.try_word(top - static_cast<uint64_t>(*below) + static_cast<uint64_t>(u.mem.disp) +
                       (pair && u.b == reg ? u.width : 0));
    }
    return !out;
  });
  return out;
}

// Those of the registers that callees give back which a Go frame has saved, or has not touched yet.
CStack::Registers registers_of_caller(const Guest& g, const Standing& standing, const Frame& go) {
  const bool amd64 = g.program().amd64();
  CStack::Registers known;
  const auto keep = [&](const auto& kept) {
    for (const unsigned n : kept) {
      const isa::Reg reg = amd64 && n < std::size(kAmd64) ? kAmd64[n] : static_cast<isa::Reg>(n);
      known[n] = kept_by(g, go, reg);
      if (!known[n] && go.innermost) known[n] = standing.thread->cpu.r[reg];
    }
  };
  amd64 ? keep(kAmd64Kept) : keep(kArm64Kept);
  return known;
}

// Those up to the next Go code.
void add_frames(CStack c, size_t before, std::vector<CFrame>& out) {
  for (size_t i = 0; i < kMost && !c.in_go(); ++i) {
    out.push_back(c.frame());
    out.back().before = before;
    if (!c.leave()) return;
  }
}

}  // namespace

std::optional<CStack> caller_in_c(const Guest& g, const Standing& standing, const Frame& go) {
  const Program& p = g.program();
  if (!go.function || !standing.thread || !p.image().uses_cgo()) return std::nullopt;
  // arm64's assembly keeps LR as C does, at the upper end of its frame; a leaf not at all.
  std::optional<uint64_t> back = go.return_address;
  if (!p.amd64()) {
    back = kept_by(g, go, isa::kX30);
    if (!back && go.innermost) back = standing.thread->cpu.r[isa::kX30];
  }
  if (!back || *back == 0 || p.location(*back - 1).function || !p.in_c(*back)) return std::nullopt;
  return CStack(g, *back, go.caller_sp, registers_of_caller(g, standing, go));
}

std::vector<CFrame> c_frames(const Guest& g, const Standing& standing, const Unwound& unwound) {
  std::vector<CFrame> out;
  const Program& p = g.program();
  if (!standing.thread || !p.image().uses_cgo()) return out;
  if (p.in_c(standing.pc)) add_frames(CStack(g, *standing.thread), 0, out);
  const uint64_t g0 = g.field(g.field(standing.who.g, F::g_m), F::m_g0);
  uint64_t sp = g.field(g.address_of(g0, F::g_sched), F::gobuf_sp);
  for (size_t i = 0; i < unwound.frames.size(); ++i) {
    if (unwound.frames[i].stack == StackKind::system)
      if (const auto c = caller_in_c(g, standing, unwound.frames[i])) add_frames(*c, i + 1, out);
    if (!is_callback(unwound.frames[i]) || !sp) continue;
    // The same function's other half: its frame on g0's stack, below C's call of crosscall2, which is Go's too.
    const std::vector<Frame> above = g.unwind(unwound.frames[i].pc, sp, 0, true, 0, kNear).frames;
    const auto crosscall = std::find_if(
        above.begin(), above.end(), [](const Frame& f) { return f.function && f.function->name() == "crosscall2"; });
    if (const auto c = crosscall == above.end() ? std::nullopt : caller_in_c(g, standing, *crosscall))
      add_frames(*c, i + 1, out);
    sp = g.word(sp + (p.amd64() ? kSavedSpAmd64 : kSavedSpArm64));
  }
  return out;
}

}  // namespace deferscope::model
