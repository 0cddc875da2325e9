// Addresses, loads and stores. Where the TLB does not have a page, code out of line calls Memory, which reads into or
// writes from Frame::data: what follows is the same for both.
#include <bit>

#include "emu/engine/host/compiler.h"
#include "isa/op_traits.h"

namespace deferscope::emu::host {

using isa::Ext;
using isa::Op;
using isa::Uop;

namespace {

constexpr int kWriteTlb = Memory::kTlbEntries * sizeof(Memory::TlbEntry);  // tlb_write stands behind tlb_read
constexpr int kIndexMask = (Memory::kTlbEntries - 1) * sizeof(Memory::TlbEntry);
static_assert(sizeof(Memory::TlbEntry) == 16);

}  // namespace

void Compiler::address(const isa::Mem& m) {
  const bool has_base = m.base != isa::kZero, has_index = m.index != isa::kZero;
  int64_t disp = m.disp;
  const int now = fits(disp) ? static_cast<int>(disp) : 0;
  if (has_base && has_index && m.shift <= 3) {
    const Reg64 base = in(m.base, rax), index = in(m.index, rcx);
    lea(rax, ptr[base + index * (1 << m.shift) + now]);
    disp -= now;
  } else if (has_base && !has_index && pinned(m.base)) {
    if (now)
      lea(rax, ptr[host(m.base) + now]);
    else
      mov(rax, host(m.base));
    disp -= now;
  } else {
    if (has_index) {
      copy(rax, m.index);
      if (m.shift) shl(rax, m.shift);
      if (has_base) with_memory_or_host(m.base, [&](const auto& base) { add(rax, base); });
    } else if (has_base) {
      copy(rax, m.base);
    } else {
      constant(rax, static_cast<uint64_t>(disp));
      disp = 0;
    }
  }
  if (disp && fits(disp)) {
    add(rax, static_cast<uint32_t>(disp));
  } else if (disp) {
    mov(rcx, static_cast<uint64_t>(disp));
    add(rax, rcx);
  }
  if (m.seg != isa::kZero) with_memory_or_host(m.seg, [&](const auto& seg) { add(rax, seg); });
}

// rax: guest address → rcx: its entry's place; goes to `miss` if the entry does not cover it.
void Compiler::look_up(unsigned bytes, Reach reach, const Label& miss) {
  if (has_bmi2_) {
    rorx(ecx, eax, 8);
  } else {
    mov(ecx, eax);
    shr(ecx, 8);
  }
  and_(ecx, kIndexMask);
  if (bytes > 1)
    lea(rdx, ptr[rax + static_cast<int>(bytes - 1)]);
  else
    mov(rdx, rax);
  and_(rdx, -static_cast<int>(kPage));
  if (reach != Reach::Write) {
    cmp(rdx, ptr[r14 + rcx]);
    jne(miss);
  }
  if (reach != Reach::Read) {
    cmp(rdx, ptr[r14 + rcx + kWriteTlb]);
    jne(miss);
  }
}

// rax = the host address of what is read, `Reach::Modify`: and can be written.
void Compiler::read_access(const isa::Mem& m, unsigned bytes, Reach reach, unsigned align) {
  Label miss, done;
  address(m);
  check_alignment(align, false);
  look_up(bytes, reach, miss);
  add(rax, ptr[r14 + rcx + 8]);
  L(done);
  later([=, this, site = site(), noted = noted_]() mutable {
    L(miss);
    load_site(site, noted);
    call_code(thunks_.access[reach == Reach::Modify ? 1 : 0][std::countr_zero(bytes)]);
    jmp(done);
  });
}

// `store` puts the value at [its argument]; it may take rcx and vectors.
void Compiler::write_access(const isa::Mem& m, unsigned bytes, unsigned align,
                            const std::function<void(const Reg64&)>& store) {
  Label miss, done;
  address(m);
  check_alignment(align, true);
  look_up(bytes, Reach::Write, miss);
  add(rax, ptr[r14 + rcx + kWriteTlb + 8]);
  store(rax);
  L(done);
  later([=, this, site = site(), noted = noted_]() mutable {
    L(miss);
    mov(rdx, ptr[rsp]);
    store(rdx);
    load_site(site, noted);
    call_code(thunks_.access[2][std::countr_zero(bytes)]);
    jmp(done);
  });
}

void Compiler::check_alignment(unsigned align, bool write) {
  if (align == 1) return;
  Label bad;
  test(al, align - 1);
  jnz(bad);
  later([=, this, site = site(), noted = noted_]() mutable {
    L(bad);
    load_site(site, noted);
    call_code(thunks_.misaligned[write]);
  });
}

bool Compiler::addresses(const Uop& u) {
  if (u.op != Op::Lea || u.width < 4) return false;
  const isa::Mem& m = u.mem;
  const bool simple = m.base != isa::kZero && pinned(m.base) && pinned(u.dst) && fits(m.disp);
  if (simple && m.index == isa::kZero) {
    lea(sized(host(u.dst), u.width), ptr[host(m.base) + static_cast<int>(m.disp)]);
  } else if (simple && pinned(m.index) && m.shift <= 3) {
    lea(sized(host(u.dst), u.width), ptr[host(m.base) + host(m.index) * (1 << m.shift) + static_cast<int>(m.disp)]);
  } else {
    isa::Mem flat = m;
    flat.seg = isa::kZero;
    address(flat);
    put(u.dst, rax, u.width);
  }
  written(u.dst);
  return true;
}

bool Compiler::loads(const Uop& u) {
  if (u.op != Op::Load && u.op != Op::LoadRmw) return false;
  read_access(u.mem, u.width, u.op == Op::LoadRmw ? Reach::Modify : Reach::Read);
  const bool direct = u.dst != isa::kSink && pinned(u.dst);
  const Reg64 to = direct ? host(u.dst) : rcx;
  unsigned width = 8;  // of what is put
  const bool narrow = u.width <= 2;
  const auto from = [&] { return Address(u.width * 8u, false, Xbyak::RegExp(rax)); };
  switch (u.ext) {
    case Ext::Zero:
      if (narrow)
        movzx(to.cvt32(), from());
      else
        mov(sized(to, u.width), from());
      break;
    case Ext::Sign64:
      if (u.width == 8)
        mov(to, from());
      else if (u.width == 4)
        movsxd(to, from());
      else
        movsx(to, from());
      break;
    case Ext::Sign32:
      if (narrow)
        movsx(to.cvt32(), from());
      else
        mov(sized(to, u.width), from());
      break;
    case Ext::Merge:
      mov(sized(to, u.width), from());
      if (narrow) width = u.width;
      break;
  }
  written(u.dst);
  if (!direct) put(u.dst, to, width);
  return true;
}

bool Compiler::stores(const Uop& u) {
  if (u.op != Op::Store) return false;
  write_access(u.mem, u.width, 1, [this, u](const Reg64& at) {
    const Address to(u.width * 8u, false, Xbyak::RegExp(at));
    if (!u.b_imm) {
      mov(to, sized(in(u.b, rcx), u.width));
    } else if (u.width < 8 || fits(u.imm)) {
      mov(to, static_cast<uint64_t>(int64_t{narrowed(u.imm, u.width)}));
    } else {
      mov(rcx, static_cast<uint64_t>(u.imm));
      mov(to, rcx);
    }
  });
  return true;
}

bool Compiler::pairs(const Uop& u) {
  if ((u.op != Op::LoadPair && u.op != Op::StorePair) || u.width < 4) return false;
  const auto w = static_cast<int>(u.width);
  if (u.op == Op::StorePair) {
    write_access(u.mem, 2 * u.width, 1, [this, u, w](const Reg64& at) {
      mov(ptr[at], sized(in(u.a, rcx), u.width));
      mov(ptr[at + w], sized(in(u.b, rcx), u.width));
    });
    return true;
  }
  if (u.ext != Ext::Zero && !(u.ext == Ext::Sign64 && u.width == 4)) return false;
  read_access(u.mem, 2 * u.width, Reach::Read);
  const auto load = [&](const Reg64& to, int at) {
    if (u.ext == Ext::Sign64)
      movsxd(to, dword[rax + at]);
    else
      mov(sized(to, u.width), ptr[rax + at]);
  };
  load(rcx, 0);
  load(rdx, w);
  written(u.dst), written(u.dst2);
  put(u.dst, rcx, 8);
  put(u.dst2, rdx, 8);
  return true;
}

bool Compiler::vector_transfers(const Uop& u) {
  const bool load = u.op == Op::LoadV || u.op == Op::LoadVPair, pair = u.op == Op::LoadVPair || u.op == Op::StoreVPair;
  if ((!load && u.op != Op::StoreV && !pair) || u.width < 4 || (pair && u.width != 16)) return false;
  const unsigned bytes = pair ? 32 : u.width;
  if (load) {
    read_access(u.mem, bytes, Reach::Read, u.aligned ? bytes : 1);
    if (u.width == 16) movups(xmm0, ptr[rax]);
    if (u.width == 8) movq(xmm0, qword[rax]);
    if (u.width == 4) movd(xmm0, dword[rax]);
    if (pair) movups(xmm1, ptr[rax + 16]);
    movaps(ptr[rbp + offset_of_v(u.dst)], xmm0);
    if (pair) movaps(ptr[rbp + offset_of_v(u.dst2)], xmm1);
    return true;
  }
  write_access(u.mem, bytes, u.aligned ? bytes : 1, [this, u, pair](const Reg64& at) {
    movaps(xmm0, ptr[rbp + offset_of_v(u.a)]);
    if (u.width == 16) movups(ptr[at], xmm0);
    if (u.width == 8) movq(qword[at], xmm0);
    if (u.width == 4) movd(dword[at], xmm0);
    if (!pair) return;
    movaps(xmm1, ptr[rbp + offset_of_v(u.b)]);
    movups(ptr[at + 16], xmm1);
  });
  return true;
}

}  // namespace deferscope::emu::host
