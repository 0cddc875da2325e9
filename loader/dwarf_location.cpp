// The DWARF expression machine, for the operations that compilers of Go and C use in locations of variables.
#include "loader/dwarf_location.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <algorithm>

#include "loader/error.h"

namespace deferscope::loader {
namespace {

class Evaluator {
 public:
  Evaluator(Bytes expression, const FrameAccess& access, uint64_t bias,
            const std::function<uint64_t(uint64_t)>& address_at)
      : code_(expression), access_(access), bias_(bias), address_at_(address_at) {}

  Location run() {
    while (at_ < code_.size()) step();
    if (location_.pieces.empty() && touched_) finish_piece(0);
    return location_;
  }

 private:
  void step() {
    uint8_t op = fixed<uint8_t>();
    touched_ = op != DW_OP_piece && op != DW_OP_nop ? true : touched_;
    if (op >= DW_OP_lit0 && op <= DW_OP_lit31) return push(op - DW_OP_lit0);
    if (op >= DW_OP_reg0 && op <= DW_OP_reg31) return in_register(op - DW_OP_reg0);
    if (op >= DW_OP_breg0 && op <= DW_OP_breg31) return push_register(op - DW_OP_breg0, sleb());
    switch (op) {
      case DW_OP_addr: return push(fixed<uint64_t>() + bias_);
      case DW_OP_addrx: return push(address_at_(uleb()) + bias_);
      case DW_OP_constx: return push(address_at_(uleb()));
      case DW_OP_const1u: return push(fixed<uint8_t>());
      case DW_OP_const1s: return push(static_cast<uint64_t>(fixed<int8_t>()));
      case DW_OP_const2u: return push(fixed<uint16_t>());
      case DW_OP_const2s: return push(static_cast<uint64_t>(fixed<int16_t>()));
      case DW_OP_const4u: return push(fixed<uint32_t>());
      case DW_OP_const4s: return push(static_cast<uint64_t>(fixed<int32_t>()));
      case DW_OP_const8u:
      case DW_OP_const8s: return push(fixed<uint64_t>());
      case DW_OP_constu: return push(uleb());
      case DW_OP_consts: return push(static_cast<uint64_t>(sleb()));
      case DW_OP_call_frame_cfa: return push(access_.cfa);
      case DW_OP_fbreg: return push(access_.cfa + static_cast<uint64_t>(sleb()));  // Go's frame base is always the CFA
      case DW_OP_regx: return in_register(uleb());
      case DW_OP_bregx: {
        uint64_t reg = uleb();
        return push_register(reg, sleb());
      }
      case DW_OP_deref: return deref(8);
      case DW_OP_deref_size: return deref(fixed<uint8_t>());
      case DW_OP_plus_uconst: return push(pop() + uleb());
      case DW_OP_plus: return binary([](uint64_t a, uint64_t b) { return a + b; });
      case DW_OP_minus: return binary([](uint64_t a, uint64_t b) { return a - b; });
      case DW_OP_and: return binary([](uint64_t a, uint64_t b) { return a & b; });
      case DW_OP_or: return binary([](uint64_t a, uint64_t b) { return a | b; });
      case DW_OP_mul: return binary([](uint64_t a, uint64_t b) { return a * b; });
      case DW_OP_shl: return binary([](uint64_t a, uint64_t b) { return b < 64 ? a << b : 0; });
      case DW_OP_shr: return binary([](uint64_t a, uint64_t b) { return b < 64 ? a >> b : 0; });
      case DW_OP_neg: return push(0 - pop());
      case DW_OP_dup: return duplicate();
      case DW_OP_drop: pop(); return;
      case DW_OP_nop: return;
      case DW_OP_stack_value: kind_ = Piece::Kind::constant; return;
      case DW_OP_implicit_value: return implicit_value();
      case DW_OP_piece: return finish_piece(uleb());
      default: throw Error(fmt::format("DWARF operation {:#04x} in a location is not supported", op));
    }
  }

  // A piece without operations before it is optimised away.
  void finish_piece(uint64_t size) {
    Piece piece;
    piece.size = size;
    piece.offset = offset_;
    offset_ += size;
    if (in_register_) {
      piece.kind = Piece::Kind::reg;
      piece.value = *in_register_;
    } else if (!stack_.empty() && known_) {
      piece.kind = kind_;
      piece.value = stack_.back();
    }
    if (location_.pieces.size() >= 1024) throw Error("corrupt DWARF: a location of more than 1024 pieces");
    location_.pieces.push_back(piece);
    stack_.clear();
    in_register_.reset();
    kind_ = Piece::Kind::memory;
    known_ = true;
    touched_ = false;
  }

  void in_register(uint64_t number) { in_register_ = number; }

  void push_register(uint64_t number, int64_t offset) {
    auto value = access_.reg ? access_.reg(static_cast<unsigned>(number)) : std::nullopt;
    known_ = known_ && value.has_value();
    push(value.value_or(0) + static_cast<uint64_t>(offset));
  }

  void deref(unsigned size) {
    uint64_t address = pop(), word = 0;
    if (size > 8) throw Error("corrupt DWARF: a dereference of more than 8 bytes");
    bool ok = known_ && access_.read && access_.read(address, {reinterpret_cast<uint8_t*>(&word), size});
    known_ = known_ && ok;
    push(word);
  }

  void implicit_value() {
    uint64_t size = uleb();
    auto bytes = slice(code_, at_, size);
    if (!bytes || size > 8) throw Error("DWARF operation implicit_value of more than 8 bytes is not supported");
    uint64_t value = 0;
    std::memcpy(&value, bytes->data(), bytes->size());
    at_ += size;
    push(value);
    kind_ = Piece::Kind::constant;
  }

  void duplicate() {
    uint64_t top = pop();
    push(top);
    push(top);
  }

  template <class F>
  void binary(F f) {
    uint64_t b = pop(), a = pop();
    push(f(a, b));
  }

  void push(uint64_t value) {
    if (stack_.size() >= 256) throw Error("corrupt DWARF: a location expression needs too much stack");
    stack_.push_back(value);
  }

  uint64_t pop() {
    if (stack_.empty()) throw Error("corrupt DWARF: a location expression takes from an empty stack");
    uint64_t top = stack_.back();
    stack_.pop_back();
    return top;
  }

  template <class T>
  T fixed() {
    auto value = get<T>(code_, at_);
    if (!value) cut_off();
    at_ += sizeof(T);
    return *value;
  }

  uint64_t uleb() {
    auto value = uvarint(code_, &at_);
    if (!value) cut_off();
    return *value;
  }

  int64_t sleb() {
    auto value = svarint(code_, &at_);
    if (!value) cut_off();
    return *value;
  }

  [[noreturn]] static void cut_off() { throw Error("corrupt DWARF: a location expression is cut off"); }

  Bytes code_;
  const FrameAccess& access_;
  uint64_t bias_;
  const std::function<uint64_t(uint64_t)>& address_at_;
  uint64_t at_ = 0;
  uint64_t offset_ = 0;  // of the next piece
  std::vector<uint64_t> stack_;
  std::optional<uint64_t> in_register_;
  Piece::Kind kind_ = Piece::Kind::memory;
  bool known_ = true;     // no unknown register or memory word has gone into the stack
  bool touched_ = false;  // an operation since the last piece
  Location location_;
};

bool read_piece(const Piece& piece, std::span<uint8_t> out, const FrameAccess& access) {
  if (piece.kind == Piece::Kind::memory) return access.read && access.read(piece.value, out);
  std::optional<uint64_t> word;
  if (piece.kind == Piece::Kind::constant) word = piece.value;
  if (piece.kind == Piece::Kind::reg && access.reg) word = access.reg(static_cast<unsigned>(piece.value));
  if (!word || out.size() > sizeof *word) return false;
  std::memcpy(out.data(), &*word, out.size());
  return true;
}

}  // namespace

bool Location::optimised_away() const {
  return std::all_of(pieces.begin(), pieces.end(),
                     [](const Piece& p) { return p.kind == Piece::Kind::optimised_away; });
}

Location evaluate_location(Bytes expression, const FrameAccess& access, uint64_t bias,
                           const std::function<uint64_t(uint64_t)>& address_at) {
  return Evaluator(expression, access, bias, address_at).run();
}

std::optional<std::vector<uint8_t>> read_location(const Location& location, uint64_t size, const FrameAccess& access) {
  constexpr uint64_t kMaxVariable = 1 << 20;
  if (location.pieces.empty() || size > kMaxVariable) return std::nullopt;
  std::vector<uint8_t> bytes(static_cast<size_t>(size));  // padding between the pieces stays zero
  for (const Piece& piece : location.pieces) {
    if (piece.offset && piece.offset >= size) break;  // 1.17 writes one too many for a string in registers
    uint64_t part = piece.size ? piece.size : size;
    if (piece.offset > size || part > size - piece.offset) return std::nullopt;
    if (!read_piece(piece, {bytes.data() + piece.offset, static_cast<size_t>(part)}, access)) return std::nullopt;
  }
  return bytes;
}

}  // namespace deferscope::loader
