// Private to the host backend: one block's code in the making. compile.cpp goes through the items, the others do a
// group of micro-ops each. A group's function says whether it made code for the op; if none did, the reference
// evaluator is called for it.
#pragma once
#include <array>
#include <optional>

#include "emu/engine/host/assembler.h"

namespace deferscope::emu::host {

class Compiler final : public Backend, private Assembler {
 public:
  Compiler(isa::Isa isa, std::unique_ptr<CodeArea> area);
  bool compile(const BlockIr& ir, Block& block, Engine::Cache& cache) override;
  Exit run(Engine::Context& ctx, Block& block, int64_t budget) override;
  void clear() override { area_.clear(thunk_bytes_); }
  bool full() const override { return area_.full(); }
  const void* bounce() const override { return thunks_.bounce; }

 private:
  using Uop = isa::Uop;
  // Conditions as the host encodes them; isa::Cond's first sixteen are in the same order.
  enum class Cc : uint8_t { O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G };
  // What is known in this block of the flags in CpuState.
  struct Known {
    bool known = false;
    isa::FlagKind kind{};
    uint8_t width = 3;  // log2 bytes
    uint8_t count = 0;  // of a shift
    // Their operands, still in their registers: a compare (or, `test`, a conjunction) can be made again.
    bool fresh = false, test = false;
    isa::Reg a{}, b{};
    bool b_imm = false;
    int64_t imm = 0;
  };

  static Known guess(const isa::LazyFlags& now);
  bool make_code(const BlockIr& ir, Block& block, Engine::Cache& cache);
  void item(const IrItem& it);
  void op(const Uop& u);
  bool moves(const Uop& u);
  bool arithmetic(const Uop& u);
  bool steps(const Uop& u);
  bool with_carry(const Uop& u);
  bool shifts(const Uop& u);
  bool double_shifts(const Uop& u);
  bool products(const Uop& u);
  bool divisions(const Uop& u);
  bool counts(const Uop& u);
  bool scans(const Uop& u);
  bool fields(const Uop& u);
  bool bit_tests(const Uop& u);
  bool selections(const Uop& u);
  bool addresses(const Uop& u);
  bool loads(const Uop& u);
  bool stores(const Uop& u);
  bool pairs(const Uop& u);
  bool exclusives(const Uop& u);
  void store_exclusive(const Uop& u);
  bool atomics(const Uop& u);
  void extreme(const Uop& u, Cc other);
  void evaluate_later(const Uop& u, Label from);
  bool strings(const Uop& u);
  bool vector_transfers(const Uop& u);
  bool vectors(const Uop& u);
  bool arm_aes(const isa::Uop& u);
  bool vector_integers(const Uop& u);
  bool vector_lanes(const Uop& u);
  bool floats(const Uop& u);
  bool float_compares(const Uop& u);
  bool branches(const Uop& u);
  void rare(const Uop& u);
  void hook();
  void tell(const uint8_t* thunk, uint64_t tag);
  void observe();
  void observe_access();
  void make_room();
  Xbyak::RegExp next_noted();
  void commit();

  // The right-hand side of a binary operation as an operand of that width; rcx may be taken for it.
  template <class F>
  void with_rhs(const Uop& u, unsigned width, F f);
  template <class F>
  void with_reg(isa::Reg r, unsigned width, F f);
  template <class F>
  void with_memory_or_host(isa::Reg r, F f) {
    if (pinned(r))
      f(host(r));
    else
      f(memory(r));
  }
  void binary(isa::Op op, const Xbyak::Operand& to, const Xbyak::Operand& from);
  void binary(isa::Op op, const Xbyak::Operand& to, int32_t imm);

  void note_flags(isa::FlagKind kind, unsigned width);
  void keep_shift(const Uop& u);
  void keep_operands(const Uop& u, isa::FlagKind kind);
  void keep_result(const Reg64& r, isa::FlagKind kind, unsigned width);
  void written(isa::Reg r);
  // The host's flags say what `c` asks by the condition that is returned; rax and rcx are kept.
  Cc condition(isa::Cond c);
  std::optional<Cc> guessed_condition(isa::Cond c, Label& other);
  void ask(isa::Cond c);
  void answer(Cc cc);
  std::optional<Cc> known_condition(isa::Cond c);
  std::optional<Cc> explicit_condition(isa::Cond c);
  void remake_flags();
  void carry_to_cf(bool inverted);
  void jump_if(Cc cc, const Label& to);
  void set_if(Cc cc, const Xbyak::Reg8& r);
  void move_if(Cc cc, const Reg64& to, const Reg64& from);

  // rax = the guest address.
  void address(const isa::Mem& m);
  enum class Reach { Read, Modify, Write };
  void look_up(unsigned bytes, Reach reach, const Label& miss);
  // `align`: what the address must be a multiple of.
  void read_access(const isa::Mem& m, unsigned bytes, Reach reach, unsigned align = 1);
  void write_access(const isa::Mem& m, unsigned bytes, unsigned align, const std::function<void(const Reg64&)>& store);
  void check_alignment(unsigned align, bool write);
  void load_site(Site s, unsigned noted);
  void call_helper(const void* f, const std::function<void()>& arguments);
  void call_vector_helper(const Uop& u);

  void leave_by(int side, uint64_t pc);
  void leave_indirect();

  bool arm() const { return ir_->arm(); }
  // Of the instruction at hand.
  Site site() const { return {.offset = at_->offset, .order = at_->index, .side = shown_}; }

  size_t thunk_bytes_ = 0;
  std::unique_ptr<CodeArea> owner_;
  const BlockIr* ir_ = nullptr;
  Block* block_ = nullptr;
  Engine::Cache* cache_ = nullptr;
  const IrItem* at_ = nullptr;
  unsigned noted_ = 0;   // entries of the log since commit()
  uint8_t shown_ = 0;    // accesses of its instruction that the observer was shown
  Known known_, guess_;  // guess_: of the flags at its begin
  bool has_bmi2_, has_lzcnt_, has_popcnt_, has_ssse3_, has_sse41_, has_aes_;
  struct Way {
    const void** cell = nullptr;
    size_t stub = 0;  // from the code's start
  } ways_[2];
  std::array<Shown, 2048> log_;
  size_t past_hook_ = 0;  // where it is entered by who has passed its hook, from the code's start
};

}  // namespace deferscope::emu::host
