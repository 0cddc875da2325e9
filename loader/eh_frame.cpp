#include "loader/eh_frame.h"

#include <algorithm>

namespace deferscope::loader {
namespace {

constexpr size_t kMaxEntries = 1'000'000;
constexpr size_t kMaxRemembered = 64;

// Pointer encodings (DW_EH_PE_…): the low half is the form, 0x10 says relative to where it stands.
constexpr uint8_t kAbsolute = 0x00, kUleb = 0x01, kUnsigned2 = 0x02, kUnsigned4 = 0x03, kUnsigned8 = 0x04, kSleb = 0x09,
                  kSigned2 = 0x0a, kSigned4 = 0x0b, kSigned8 = 0x0c, kRelative = 0x10, kOmitted = 0xff;

template <class T>
std::optional<uint64_t> take(Bytes bytes, uint64_t* at) {
  const auto value = get<T>(bytes, *at);
  *at += sizeof(T);
  return value ? std::optional<uint64_t>(static_cast<uint64_t>(static_cast<int64_t>(*value))) : std::nullopt;
}

// Call frame instructions.
enum Op : uint8_t {
  Nop = 0x00,
  SetLoc = 0x01,
  AdvanceLoc1 = 0x02,
  AdvanceLoc2 = 0x03,
  AdvanceLoc4 = 0x04,
  OffsetExtended = 0x05,
  RestoreExtended = 0x06,
  Undefined = 0x07,
  SameValue = 0x08,
  InRegister = 0x09,
  RememberState = 0x0a,
  RestoreState = 0x0b,
  DefCfa = 0x0c,
  DefCfaRegister = 0x0d,
  DefCfaOffset = 0x0e,
  DefCfaExpression = 0x0f,
  Expression = 0x10,
  OffsetExtendedSf = 0x11,
  DefCfaSf = 0x12,
  DefCfaOffsetSf = 0x13,
  ValOffset = 0x14,
  ValOffsetSf = 0x15,
  ValExpression = 0x16,
  NegateRaState = 0x2d,  // arm64: the return address is signed from here on, or no longer
  ArgsSize = 0x2e,
  AdvanceLoc = 0x40,  // these three have an operand in their low six bits
  Offset = 0x80,
  Restore = 0xc0
};

// Runs a program up to the row that holds for pc.
class Rows {
 public:
  Rows(FrameRow row, uint64_t code_align, int64_t data_align)
      : row_(row), code_align_(code_align), data_align_(data_align) {}

  // False: damaged, or beyond what is understood.
  bool run(Bytes program, uint64_t from, uint64_t pc) {
    uint64_t at = 0, location = from;
    while (at < program.size()) {
      const uint8_t byte = program[static_cast<size_t>(at++)];
      const uint8_t high = byte & 0xc0, low = byte & 0x3f;
      bool ok = true;
      if (high == AdvanceLoc)
        location += low * code_align_;
      else if (high == Offset)
        ok = set(low, SavedRegister::at_cfa, scaled(number(program, &at)));
      else if (high == Restore)
        ok = restore(low);
      else
        ok = extended(byte, program, &at, &location);
      if (!ok || bad_) return false;
      if (location > pc) return true;
    }
    return true;
  }

  FrameRow row_, initial_;

 private:
  uint64_t number(Bytes program, uint64_t* at) {
    const auto n = uvarint(program, at);
    bad_ = bad_ || !n;
    return n.value_or(0);
  }
  int64_t signed_number(Bytes program, uint64_t* at) {
    const auto n = svarint(program, at);
    bad_ = bad_ || !n;
    return n.value_or(0);
  }
  // Unsigned, so that no number of a file overflows.
  int64_t scaled(uint64_t n) const { return static_cast<int64_t>(n * static_cast<uint64_t>(data_align_)); }

  bool set(uint64_t reg, SavedRegister::Kind kind, int64_t value = 0) {
    if (reg < FrameRow::kRegisters) row_.registers[static_cast<size_t>(reg)] = {kind, value};
    return true;  // vector registers are of no interest
  }
  bool restore(uint64_t reg) {
    if (reg < FrameRow::kRegisters)
      row_.registers[static_cast<size_t>(reg)] = initial_.registers[static_cast<size_t>(reg)];
    return true;
  }
  bool cfa(uint64_t reg, int64_t offset) {
    row_.cfa_register = static_cast<unsigned>(std::min<uint64_t>(reg, FrameRow::kRegisters));
    row_.cfa_offset = offset;
    row_.cfa_known = reg < FrameRow::kRegisters;
    return true;
  }
  bool skip(Bytes program, uint64_t* at) {
    const uint64_t n = number(program, at);
    if (n > program.size()) return false;
    *at += n;
    return true;
  }
  bool advance(std::optional<uint64_t> delta, uint64_t* location) {
    *location += delta.value_or(0) * code_align_;
    return delta.has_value();
  }

  bool extended(uint8_t op, Bytes program, uint64_t* at, uint64_t* location) {
    const auto reg = [&] { return number(program, at); };
    uint64_t r = 0;
    switch (op) {
      case Nop:
      case NegateRaState: return true;
      case SetLoc: return false;  // no compiler makes it
      case AdvanceLoc1: return advance(take<uint8_t>(program, at), location);
      case AdvanceLoc2: return advance(take<uint16_t>(program, at), location);
      case AdvanceLoc4: return advance(take<uint32_t>(program, at), location);
      case OffsetExtended: return r = reg(), set(r, SavedRegister::at_cfa, scaled(number(program, at)));
      case OffsetExtendedSf:
        return r = reg(), set(r, SavedRegister::at_cfa, scaled(static_cast<uint64_t>(signed_number(program, at))));
      case ValOffset: return r = reg(), set(r, SavedRegister::is_cfa, scaled(number(program, at)));
      case ValOffsetSf:
        return r = reg(), set(r, SavedRegister::is_cfa, scaled(static_cast<uint64_t>(signed_number(program, at))));
      case RestoreExtended: return restore(reg());
      case Undefined: return set(reg(), SavedRegister::undefined);
      case SameValue: return set(reg(), SavedRegister::same);
      case InRegister: return r = reg(), set(r, SavedRegister::other, static_cast<int64_t>(number(program, at)));
      case Expression:
      case ValExpression: return r = reg(), set(r, SavedRegister::unknown), skip(program, at);
      case RememberState: return remembered_.size() < kMaxRemembered && (remembered_.push_back(row_), true);
      case RestoreState:
        if (remembered_.empty()) return false;
        row_ = remembered_.back();
        remembered_.pop_back();
        return true;
      case DefCfa: return r = reg(), cfa(r, static_cast<int64_t>(number(program, at)));
      case DefCfaSf: return r = reg(), cfa(r, scaled(static_cast<uint64_t>(signed_number(program, at))));
      case DefCfaRegister: return cfa(reg(), row_.cfa_offset);
      case DefCfaOffset: return cfa(row_.cfa_register, static_cast<int64_t>(number(program, at)));
      case DefCfaOffsetSf: return cfa(row_.cfa_register, scaled(static_cast<uint64_t>(signed_number(program, at))));
      case DefCfaExpression: return row_.cfa_known = false, skip(program, at);
      case ArgsSize: return number(program, at), true;
      default: return false;
    }
  }

  uint64_t code_align_;
  int64_t data_align_;
  std::vector<FrameRow> remembered_;
  bool bad_ = false;
};

}  // namespace

std::optional<uint64_t> EhFrame::pointer(uint64_t* at, uint8_t encoding) const {
  const uint64_t here = address_ + *at;
  std::optional<uint64_t> value;
  switch (encoding & 0x0f) {
    case kAbsolute:
    case kUnsigned8:
    case kSigned8: value = take<int64_t>(section_, at); break;
    case kUnsigned4: value = take<uint32_t>(section_, at); break;
    case kSigned4: value = take<int32_t>(section_, at); break;
    case kUnsigned2: value = take<uint16_t>(section_, at); break;
    case kSigned2: value = take<int16_t>(section_, at); break;
    case kUleb: value = uvarint(section_, at); break;
    case kSleb:
      if (const auto n = svarint(section_, at)) value = static_cast<uint64_t>(*n);
      break;
    default: return std::nullopt;
  }
  switch (encoding & 0x70) {
    case 0: return value;
    case kRelative: return value ? std::optional(*value + here) : std::nullopt;
    default: return std::nullopt;
  }
}

std::optional<size_t> EhFrame::common_at(uint64_t offset) {
  for (const auto& [at, which] : known_)  // a file has a handful
    if (at == offset) return which;
  constexpr size_t kMaxCommons = 4096;
  if (known_.size() >= kMaxCommons) return std::nullopt;
  std::optional<size_t>& out = known_.emplace_back(offset, std::nullopt).second;
  const auto length = get<uint32_t>(section_, offset), id = get<uint32_t>(section_, offset + 4);
  const auto version = get<uint8_t>(section_, offset + 8);
  const auto letters = c_string(section_, offset + 9);
  if (!length || !slice(section_, offset + 4, *length) || id != 0u || !letters || (version != 1 && version != 3))
    return out;
  const uint64_t end = offset + 4 + *length;
  uint64_t at = offset + 9 + letters->size() + 1;
  Common c;
  const auto code = uvarint(section_, &at);
  const auto data = svarint(section_, &at);
  const auto reg = version == 1 ? take<uint8_t>(section_, &at) : uvarint(section_, &at);
  if (!code || !data || !reg || *reg >= FrameRow::kRegisters) return out;
  c.code_align = *code, c.data_align = *data, c.return_register = static_cast<unsigned>(*reg);
  uint64_t program = at;
  for (const char letter : *letters) {
    if (letter == 'z') {
      const auto size = uvarint(section_, &at);
      if (!size || *size > section_.size()) return out;
      c.augmented = true;
      program = at + *size;
    } else if (letter == 'R' || letter == 'L') {
      const auto encoding = take<uint8_t>(section_, &at);
      if (!encoding) return out;
      if (letter == 'R') c.encoding = static_cast<uint8_t>(*encoding);
    } else if (letter == 'P') {
      const auto encoding = take<uint8_t>(section_, &at);
      if (!encoding || (*encoding != kOmitted && !pointer(&at, static_cast<uint8_t>(*encoding & 0x0f)))) return out;
    } else if (letter == 'S') {
      c.signal = true;
    } else if (letter != 'B' && letter != 'G') {
      return out;  // its data would be taken for the program
    }
  }
  if (!c.augmented) program = at;
  const auto bytes = program <= end ? slice(section_, program, end - program) : std::nullopt;
  if (!bytes) return out;
  c.program = *bytes;
  commons_.push_back(c);
  return out = commons_.size() - 1;
}

void EhFrame::read_entry(uint64_t at, uint64_t end, uint64_t common_offset) {
  const auto common = common_at(common_offset);
  if (!common) return;
  const Common& c = commons_[*common];
  const auto begin = pointer(&at, c.encoding), size = pointer(&at, c.encoding & 0x0f);
  if (!begin || !size || *size == 0) return;
  if (c.augmented) {
    const auto skipped = uvarint(section_, &at);
    if (!skipped || *skipped > section_.size()) return;
    at += *skipped;
  }
  const auto program = at <= end ? slice(section_, at, end - at) : std::nullopt;
  if (program && *begin + *size > *begin) entries_.push_back({*begin, *begin + *size, *common, *program});
}

EhFrame::EhFrame(Bytes section, uint64_t address) : section_(section), address_(address) {
  for (uint64_t at = 0; entries_.size() < kMaxEntries;) {
    const auto length = get<uint32_t>(section_, at), id = get<uint32_t>(section_, at + 4);
    if (!length || *length < 4 || !id || !slice(section_, at + 4, *length))
      break;  // 0 ends it; no compiler makes long ones
    if (*id != 0 && *id <= at + 4) read_entry(at + 8, at + 4 + *length, at + 4 - *id);
    at += 4 + *length;
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
}

std::optional<FrameRow> EhFrame::at(uint64_t pc) const {
  auto after =
      std::upper_bound(entries_.begin(), entries_.end(), pc, [](uint64_t a, const Entry& e) { return a < e.begin; });
  if (after == entries_.begin() || pc >= std::prev(after)->end) return std::nullopt;
  const Entry& e = *std::prev(after);
  const Common& c = commons_[e.common];
  FrameRow first;
  first.return_register = c.return_register;
  first.signal = c.signal;
  Rows rows(first, c.code_align, c.data_align);
  if (!rows.run(c.program, e.begin, UINT64_MAX)) return std::nullopt;
  rows.initial_ = rows.row_;
  if (!rows.run(e.program, e.begin, pc)) return std::nullopt;
  return rows.row_;
}

}  // namespace deferscope::loader
