// Open-coded defers of a function: the compiler's table, and the stores to deferBits found in its code.
#include <algorithm>

#include "loader/bytes.h"
#include "runtime_model/program.h"

namespace deferscope::model {
namespace {

constexpr uint32_t kMaxDefers = 8;  // deferBits is one byte
constexpr uint32_t kMaxArgumentParts = 512;
constexpr uint64_t kMaxCode = 1 << 20;  // of a function with at most 8 defers and 15 returns
constexpr size_t kMaxStraight = 64;     // stores of closures without a store to deferBits between them

// Calls that the compiler puts between clearing a bit and running the defer: copying arguments, write barriers.
constexpr std::string_view kHelpers[] = {"runtime.duffcopy",     "runtime.duffzero", "runtime.memmove",
                                         "runtime.typedmemmove", "runtime.wbMove",   "runtime.wbZero"};

bool is_helper(std::string_view name) {
  return std::find(std::begin(kHelpers), std::end(kHelpers), name) != std::end(kHelpers) ||
         name.substr(0, 22) == "runtime.gcWriteBarrier" || name.substr(0, 13) == "runtime.panic" ||
         name.substr(0, 15) == "runtime.goPanic" || name.substr(0, 18) == "runtime.morestack_";
}

// Reads varints; anything wrong makes it not ok.
struct Varints {
  loader::Bytes bytes;
  uint64_t at = 0;
  bool ok = true;
  uint32_t next() {
    const auto v = loader::uvarint(bytes, &at);
    ok = ok && v && *v <= (1u << 30);
    return ok ? static_cast<uint32_t>(*v) : 0;
  }
};

void read_arguments(Varints& in, std::vector<OpenCoded::Argument>& out) {
  const uint32_t n = in.next();
  if (n > kMaxArgumentParts) in.ok = false;
  for (uint32_t i = 0; i < n && in.ok; ++i) {
    OpenCoded::Argument a;
    a.offset = in.next(), a.size = in.next(), a.call_offset = in.next();
    out.push_back(a);
  }
}

bool decode(OpenEncoding encoding, loader::Bytes bytes, OpenCoded& o) {
  Varints in{bytes};
  if (encoding == OpenEncoding::args) in.next();  // maxargsize
  o.bits_offset = in.next();
  const uint32_t n = in.next();
  if (encoding == OpenEncoding::slots) {  // here n is the offset of slot 0
    for (uint32_t i = 0; i < kMaxDefers; ++i) o.slots.push_back(n - 8 * i);
    o.count_known = false;
    return in.ok;
  }
  if (n > kMaxDefers) return false;
  o.slots.resize(n);
  o.arguments.resize(n);
  for (uint32_t i = n; i-- > 0 && in.ok;) {
    if (encoding == OpenEncoding::args) in.next();  // argWidth
    o.slots[i] = in.next();
    if (encoding == OpenEncoding::args) read_arguments(in, o.arguments[i]);
  }
  return in.ok;
}

}  // namespace

std::unique_ptr<OpenCoded> Program::read_open_coded(const Function& f) const {
  if (mech_.open == OpenEncoding::none) return nullptr;
  const auto at = go_->funcs.funcdata(f.f, static_cast<uint32_t>(mech_.open_funcdata));
  if (!at || !*at) return nullptr;
  auto o = std::make_unique<OpenCoded>();
  if (!decode(mech_.open, image_.memory().bytes_from(*at), *o)) return nullptr;
  find_bit_stores(f, *o);
  return o;
}

namespace {

// Stores of arguments (1.14–1.17) come before or behind that of their closure.
void note_arguments(const OpenCoded& o, const Insn& i, int64_t varp, std::vector<SlotStore>& slots) {
  for (SlotStore& x : slots) {
    if (static_cast<size_t>(x.slot) >= o.arguments.size()) continue;
    for (const OpenCoded::Argument& a : o.arguments[static_cast<size_t>(x.slot)])
      for (const int64_t at : frame_stored(i))
        if (at >= varp - int64_t{a.offset} && at < varp - int64_t{a.offset} + int64_t{a.size})
          x.pc = i.next(), x.more = true;
  }
}

// The bits that OR instructions of the straight run so far put into each register.
class OredBits {
 public:
  void see(const Insn& i) {
    if (i.joined || is_control(i)) bits_ = {};
    for (unsigned n = 0; n < i.in->count; ++n) {
      const isa::Uop& u = i.in->uops[n];
      if (u.dst >= isa::kRegs) continue;
      const uint8_t had = u.a < isa::kRegs ? bits_[u.a] : uint8_t{0};
      uint8_t now = 0;
      const auto b = u.b_imm            ? std::optional<uint64_t>(u.imm)
                     : u.b < isa::kRegs ? i.known->constant[u.b]
                                        : std::nullopt;
      if (u.op == isa::Op::Or && b) now = static_cast<uint8_t>(had | *b);
      if (u.op == isa::Op::Bts && u.b_imm) now = static_cast<uint8_t>(had | 1 << (u.imm & 7));
      if (u.op == isa::Op::Mov && !u.b_imm && u.b < isa::kRegs) now = bits_[u.b];
      bits_[u.dst] = now;
    }
  }
  uint8_t of(isa::Reg r) const { return r < isa::kRegs ? bits_[r] : 0; }

 private:
  std::array<uint8_t, isa::kRegs> bits_{};
};

}  // namespace

// Offsets in the frame are told from SP: varp = SP + pcsp + (amd64's return address) - the distance below caller's SP.
void Program::find_bit_stores(const Function& f, OpenCoded& o) const {
  // Slot stores since the last store to deferBits that nobody else can have looked at the frame since. The compiler
  // drops stores before it adds write barriers, so those, with their branches and calls, do not count.
  std::vector<SlotStore> straight;
  const auto lets_others_look = [&](const Insn& i) {
    const auto call = as_call(i);
    const Function* target = call && call->target ? function_at(call->target) : nullptr;
    return is_return(i) || (call && !(target && is_helper(target->name())));
  };
  OredBits ored;
  const auto runs = go_->funcs.sp_runs(f.f);
  auto run = runs.begin();
  if (f.f.end - f.f.entry > kMaxCode) return;
  each_instruction(image_, f.f.entry, f.f.end, [&](const Insn& i) {
    const auto bytes = frame_stores(i, 1), words = frame_stores(i, 8);
    while (run != runs.end() && i.pc >= run->first) ++run;
    if (!frame_stored(i).empty()) {
      const int64_t varp = (run == runs.end() ? 0 : run->second) + (amd64() ? 8 : 0) - varp_below_caller_sp(isa());
      for (const FrameStore& s : words)
        for (size_t n = 0; n < o.slots.size(); ++n)
          // Zero before deferBits is valid is the frame being cleared, behind it `defer` of a func that is always nil.
          if (s.offset == varp - static_cast<int64_t>(o.slots[n]) && (o.valid_from || !s.constant || s.value) &&
              straight.size() < kMaxStraight)
            straight.push_back({i.next(), i.pc, static_cast<int>(n), s});
      note_arguments(o, i, varp, straight);
      for (const FrameStore& s : bytes)
        if (s.offset == varp - static_cast<int64_t>(o.bits_offset)) {
          add_bit_store(o, i, s, straight);
          if (!s.constant) o.stores.back().sets = ored.of(s.from);
        }
    }
    if (lets_others_look(i)) straight.clear();
    ored.see(i);
    return true;
  });
  for (BitStore& b : o.stores)
    if (!b.initial) b.call = call_behind(f, b.next);
}

// `slots`: stored on the straight way to this store. Those whose bit it does not keep were registered by stores that
// the compiler dropped, and so were the others; it starts the highest.
void Program::add_bit_store(OpenCoded& o, const Insn& i, const FrameStore& s, std::vector<SlotStore>& slots) const {
  BitStore b;
  b.pc = i.pc, b.next = i.next(), b.store = s;
  b.initial = o.stores.empty() && s.constant && s.value == 0;
  if (b.initial) o.valid_from = b.next;
  for (const SlotStore& x : slots)
    if (s.constant && !b.initial && !(s.value >> x.slot & 1)) b.starts = std::max(b.starts, x.slot);
  if (b.starts >= 0) o.dropped.insert(o.dropped.end(), slots.begin(), slots.end());
  if (!s.constant) b.pending = slots;
  for (const SlotStore& x : slots) b.stated[static_cast<size_t>(x.slot)] = x.at;
  slots.clear();
  o.stores.push_back(b);
}

// Follows the straight way from pc to the call that is not a helper's.
Call Program::call_behind(const Function& f, uint64_t pc) const {
  Call found;
  for (int jumps = 0; jumps < 4 && f.f.contains(pc) && !found.pc; ++jumps) {
    uint64_t onward = 0;
    int budget = 64;
    each_instruction(image_, pc, f.f.end, [&](const Insn& i) {
      if (const auto c = as_call(i)) {
        const Function* target = c->target ? function_at(c->target) : nullptr;
        if (!target || !is_helper(target->name())) found = *c;
        return !found.pc;
      }
      if (const auto to = as_jump(i)) {
        onward = *to;
        return false;
      }
      return --budget > 0 && !is_return(i);
    });
    if (!onward) break;
    pc = onward;
  }
  return found;
}

const OpenCoded* Program::open_coded(const Function& f) const {
  const auto [open, fresh] = open_.of(&f);
  if (fresh) try {
      *open = read_open_coded(f);
    } catch (const loader::Error&) {  // a corrupt table: as if it had none
    }
  return open->get();
}

const std::vector<const Function*>& Program::open_coded_functions() const {
  if (open_functions_) return *open_functions_;
  open_functions_.emplace();
  if (mech_.open == OpenEncoding::none) return *open_functions_;
  for (size_t i = 0; i < go_->funcs.size(); ++i) try {
      const loader::Func f = go_->funcs.func(i);
      if (f.nfuncdata <= static_cast<unsigned>(mech_.open_funcdata) || f.deferreturn == 0) continue;
      const Function* known = function_at(f.entry);
      if (known && open_coded(*known)) open_functions_->push_back(known);
    } catch (const loader::Error&) {
    }
  return *open_functions_;
}

}  // namespace deferscope::model
