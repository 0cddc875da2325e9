#include "runtime_model/c_frames.h"

#include <algorithm>

#include "runtime_model/code.h"

namespace deferscope::model {
namespace {

constexpr size_t kMost = 200;  // frames of one walk
constexpr size_t kNear = 4;    // from cgocallback to crosscall2

// DWARF's numbers of x86-64's registers (System V ABI, figure 3.36) that have other ones here.
constexpr isa::Reg kAmd64[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx, isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};
constexpr unsigned kAmd64Sp = 7, kArm64Sp = 31;

// The assembly that enters a goroutine from C, and what it keeps where SP of g0's last Go frame points
// (src/runtime/cgocall.go, unwindm): the one before.
constexpr std::string_view kCallbacks[] = {"runtime.cgocallback", "runtime.cgocallback_gofunc"};
constexpr uint64_t kSavedSpAmd64 = 0, kSavedSpArm64 = 16;

bool is_callback(const Frame& f) {
  return f.function && f.stack == StackKind::goroutine &&
         std::any_of(std::begin(kCallbacks), std::end(kCallbacks), [&](auto n) { return f.function->name() == n; });
}

}  // namespace

CStack::CStack(const Guest& guest, const emu::Thread& t) : g_(guest), pc_(t.cpu.pc), at_call_(false) {
  const bool amd64 = g_.program().amd64();
  sp_ = t.cpu.r[amd64 ? isa::kRsp : isa::kSp];
  for (unsigned i = 0; i < 16; ++i)
    if (amd64) registers_[i] = t.cpu.r[i < std::size(kAmd64) ? kAmd64[i] : i];
  for (unsigned i = 0; i < kArm64Sp; ++i)
    if (!amd64) registers_[i] = t.cpu.r[i];
  registers_[amd64 ? kAmd64Sp : kArm64Sp] = sp_;
}

CStack::CStack(const Guest& guest, uint64_t return_address, uint64_t sp)
    : g_(guest), pc_(return_address), sp_(sp), at_call_(true) {
  registers_[g_.program().amd64() ? kAmd64Sp : kArm64Sp] = sp_;
}

bool CStack::in_go() const { return g_.program().location(lookup()).function != nullptr; }

CStack::Module CStack::module_at(uint64_t address) const {
  const loader::Image& program = g_.program().image();
  if (program.memory().segment_at(address)) return {&program, 0, ""};
  const auto& maps = g_.state().memory.mappings();
  auto it = maps.upper_bound(address);
  if (it == maps.begin() || std::prev(it)->second.end <= address) return {};
  const std::string& path = (--it)->second.name.text();
  if (path.empty()) return {};
  while (it != maps.begin() && std::prev(it)->second.name.text() == path) --it;  // its parts lie side by side
  const std::string file = path.substr(path.rfind('/') + 1);
  for (const emu::Library& l : g_.state().os->libraries())
    if (l.path == path && l.image)
      return {l.image.get(), it->first - emu::page_of(l.image->segments().front().vaddr), file};
  return {nullptr, it->first, file};  // loaded later
}

CFrame CStack::frame() const {
  CFrame f;
  f.pc = pc_, f.sp = sp_;
  const Module m = module_at(lookup());
  f.file = m.file;
  f.offset = pc_ - m.slide;
  if (!m.image) return f;
  f.offset -= m.file.empty() ? 0 : m.image->bias();
  auto symbol = m.image->symbols().at(lookup() - m.slide);
  if (!symbol) symbol = m.image->exports().at(lookup() - m.slide);
  if (symbol) f.function = std::string(symbol->name), f.offset = pc_ - m.slide - symbol->address;
  return f;
}

bool CStack::leave() {
  const Module m = module_at(lookup());
  const auto row = m.image ? m.image->eh_frame().at(lookup() - m.slide) : std::nullopt;
  if (!row || !row->cfa_known || !registers_[row->cfa_register]) return false;
  const uint64_t cfa = *registers_[row->cfa_register] + static_cast<uint64_t>(row->cfa_offset);
  const auto before = registers_;
  for (size_t i = 0; i < registers_.size(); ++i) {
    const loader::SavedRegister& saved = row->registers[i];
    switch (saved.kind) {
      case loader::SavedRegister::same: break;
      case loader::SavedRegister::at_cfa: registers_[i] = g_.try_word(cfa + static_cast<uint64_t>(saved.value)); break;
      case loader::SavedRegister::is_cfa: registers_[i] = cfa + static_cast<uint64_t>(saved.value); break;
      case loader::SavedRegister::other:
        registers_[i] = static_cast<uint64_t>(saved.value) < before.size() ? before[static_cast<size_t>(saved.value)]
                                                                           : std::nullopt;
        break;
      default: registers_[i] = std::nullopt;
    }
  }
  const bool amd64 = g_.program().amd64();
  const std::optional<uint64_t> back = registers_[row->return_register];
  const bool leaf = !amd64 && cfa == sp_;
  if (!back || *back == 0 || (cfa <= sp_ && !leaf) || (leaf && *back == pc_)) return false;
  registers_[amd64 ? kAmd64Sp : kArm64Sp] = sp_ = cfa;
  pc_ = *back;
  at_call_ = !row->signal;
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

// Where crosscall2, the outermost Go frame of a callback, returns to in C. arm64's keeps LR as C does, at the upper end
// of its frame.
uint64_t return_to_c(const Guest& g, const Frame& crosscall) {
  if (g.program().amd64()) return crosscall.return_address;
  const loader::Func& f = crosscall.function->f;
  const auto at = saved_at(g.program().image(), f.entry, f.end, isa::kX30);
  return at ? g.word(crosscall.sp + static_cast<uint64_t>(*at)) : 0;
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

std::vector<CFrame> c_frames(const Guest& g, const Standing& standing, const Unwound& unwound) {
  std::vector<CFrame> out;
  const Program& p = g.program();
  if (!standing.thread || !p.image().uses_cgo()) return out;
  if (p.in_c(standing.pc)) add_frames(CStack(g, *standing.thread), 0, out);
  const uint64_t g0 = g.field(g.field(standing.who.g, F::g_m), F::m_g0);
  uint64_t sp = g.field(g.address_of(g0, F::g_sched), F::gobuf_sp);
  for (size_t i = 0; i < unwound.frames.size() && sp; ++i) {
    if (!is_callback(unwound.frames[i])) continue;
    // The same function's other half: its frame on g0's stack, below C's call of crosscall2, which is Go's too.
    const std::vector<Frame> above = g.unwind(unwound.frames[i].pc, sp, 0, true, 0, kNear).frames;
    const auto crosscall = std::find_if(
        above.begin(), above.end(), [](const Frame& f) { return f.function && f.function->name() == "crosscall2"; });
    if (const uint64_t back = crosscall == above.end() ? 0 : return_to_c(g, *crosscall))
      add_frames(CStack(g, back, crosscall->caller_sp), i + 1, out);
    sp = g.word(sp + (p.amd64() ? kSavedSpAmd64 : kSavedSpArm64));
  }
  return out;
}

}  // namespace deferscope::model
