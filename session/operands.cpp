#include "session/operands.h"

#include <fmt/format.h>

#include "isa/op_traits.h"

namespace deferscope::session {
namespace {

constexpr uint64_t kSomeSp = uint64_t{1} << 40;  // frames are told by distances: any SP will do

const isa::Uop* memory_op(const isa::Lifted& in) {
  for (unsigned i = 0; i < in.count; ++i) {
    const isa::Touch touch = isa::traits(in.uops[i].op).touch;
    if (touch == isa::Touch::Read || touch == isa::Touch::Write) return &in.uops[i];
  }
  return nullptr;
}

}  // namespace

Operands::Operands(const Reader& reader, const model::Function* function) : reader_(reader), function_(function) {
  loader::Dwarf* dwarf = function && reader.program() ? reader.program()->dwarf() : nullptr;
  try {
    if (dwarf) info_ = dwarf->function_at(function->f.entry);
  } catch (const loader::Error&) {  // damaged: no names
  }
}

std::string Operands::of(uint64_t pc) const {
  if (!function_ || !function_->f.contains(pc)) return {};
  const isa::Lifted in = reader_.lift(pc);
  if (!reader_.amd64())
    if (std::string name = second_half(pc, in); !name.empty()) return name;
  const isa::Uop* u = memory_op(in);
  if (!u && info_ && in.count == 1) {  // an address on the frame is taken
    const isa::Uop& a = in.uops[0];
    const bool lea = a.op == isa::Op::Lea && a.mem.base == reader_.sp_register() && a.mem.index == isa::kZero;
    const bool add = a.op == isa::Op::Add && a.b_imm && a.a == reader_.sp_register() && a.dst != a.a;
    if (!lea && !add) return {};
    const std::string name = variable(pc, lea ? a.mem.disp : a.imm, true, pc + in.length);
    return name.empty() ? name : "&" + name;
  }
  if (!u || !info_ || u->mem.base != reader_.sp_register() || u->mem.index != isa::kZero) return {};
  return variable(pc, u->mem.disp, isa::traits(u->op).touch == isa::Touch::Write, pc + in.length);
}

std::string Operands::variable(uint64_t pc, int64_t disp, bool written, uint64_t next) const {
  std::string name = variable_at(pc, pc, disp);
  if (name.empty() && written && function_->f.contains(next)) name = variable_at(pc, next, disp);
  return name;
}

// The variable whose location at `at_pc` covers the operand that `pc` has; the innermost one.
std::string Operands::variable_at(uint64_t pc, uint64_t at_pc, int64_t disp) const {
  const auto cfa = reader_.program()->go().funcs.caller_sp(function_->f, pc, kSomeSp);
  if (!cfa) return {};
  const uint64_t wanted = kSomeSp + static_cast<uint64_t>(disp);
  loader::FrameAccess access;
  access.cfa = *cfa;
  access.reg = [](unsigned) { return std::nullopt; };
  access.read = [](uint64_t, std::span<uint8_t>) { return false; };
  std::string best;
  for (const loader::Variable& v : info_->variables) {
    if (v.name.empty() || v.name[0] == '.' || v.name == "_" || !v.visible_at(at_pc)) continue;
    try {
      for (const loader::Piece& p : reader_.program()->dwarf()->locate(v, at_pc, access).pieces) {
        const uint64_t size = p.size ? p.size : v.size, at = wanted - p.value;
        if (p.kind != loader::Piece::Kind::memory || at >= size) continue;
        best = p.offset + at ? fmt::format("{}+{}", v.name, p.offset + at) : v.name;
      }
    } catch (const loader::Error&) {  // what it cannot say is not named
    }
  }
  return best;
}

// ADD or a load behind an ADRP of the same register: the address that both make.
std::string Operands::second_half(uint64_t pc, const isa::Lifted& in) const {
  if (pc < function_->f.entry + 4 || in.count == 0) return {};
  const isa::Lifted before = reader_.lift(pc - 4);
  if (before.count != 1 || before.uops[0].op != isa::Op::Mov || !before.uops[0].b_imm) return {};
  const isa::Uop& page = before.uops[0];
  const isa::Uop& u = in.uops[0];
  const auto name = [&](uint64_t address) {
    const model::Function* f = reader_.function(address);
    const std::string data = f && f->f.entry == address ? model::readable(f->name()) : reader_.data_name(address);
    return data.empty() ? data : data + "(SB)";
  };
  const auto at = static_cast<uint64_t>(page.imm);
  if (u.op == isa::Op::Add && u.b_imm && u.a == page.dst) return name(at + static_cast<uint64_t>(u.imm));
  const isa::Uop* m = memory_op(in);
  if (m && m->mem.base == page.dst && m->mem.index == isa::kZero) return name(at + static_cast<uint64_t>(m->mem.disp));
  return {};
}

}  // namespace deferscope::session
