// fmt's printing of basic values, since articles' programs print by it. Values that fmt prints by a method of theirs,
// or part by part, are not modelled: the call says so.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "runtime_model/abi_type.h"
#include "runtime_model/chain.h"
#include "runtime_model/modelled.h"

namespace deferscope::model {
namespace {

using namespace abi;

constexpr uint64_t kMostOperands = 1000;

struct Value {
  uint64_t type = 0, data = 0;
};

uint8_t kind_of(const ModelledCall& c, const Value& v) {
  uint8_t kind = 0;
  c.guest().read(v.type + kKind, &kind, 1);
  return kind & kKindMask;
}

template <class T>
T value_of(const ModelledCall& c, const Value& v) {
  T out{};
  c.guest().read(v.data, &out, sizeof out);
  return out;
}

std::optional<int64_t> integer(const ModelledCall& c, const Value& v) {
  switch (kind_of(c, v)) {
    case kInt8: return value_of<int8_t>(c, v);
    case kInt16: return value_of<int16_t>(c, v);
    case kInt32: return value_of<int32_t>(c, v);
    case kInt:
    case kInt64: return value_of<int64_t>(c, v);
    case kUint8: return value_of<uint8_t>(c, v);
    case kUint16: return value_of<uint16_t>(c, v);
    case kUint32: return value_of<uint32_t>(c, v);
    case kUint:
    case kUint64:
    case kUintptr: return value_of<int64_t>(c, v);
    default: return std::nullopt;
  }
}

bool is_unsigned(uint8_t kind) { return kind >= kUint && kind <= kUintptr; }

// strconv's shortest digits, with an exponent below 1e-4 and from 1e21 on.
template <class T>
std::string shortest(T v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> text;
  const auto written = [&](std::chars_format how) {
    return std::string(text.data(), std::to_chars(text.data(), text.data() + text.size(), v, how).ptr);
  };
  const std::string scientific = written(std::chars_format::scientific);
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  return exponent < -4 || exponent >= 21 ? scientific : written(std::chars_format::fixed);
}

[[noreturn]] void not_printed(const ModelledCall& c, const Value& v) {
  c.unsupported(fmt::format("a value of type {} is not printed by the modelled fmt", type_name(c.guest(), v.type)));
}

// %v
std::string text_of(const ModelledCall& c, const Value& v) {
  if (!v.type) return "<nil>";
  const std::string name = type_name(c.guest(), v.type);
  if (name.starts_with("runtime.") || name.starts_with("*runtime.") || name == "*errors.errorString")
    return panic_value(c.guest(), v.type, v.data);
  uint8_t flags = 0;
  c.guest().read(v.type + kTflag, &flags, 1);
  if (flags & kTflagUncommon) not_printed(c, v);  // it may have a method Error or String
  const uint8_t kind = kind_of(c, v);
  if (const auto n = integer(c, v))
    return is_unsigned(kind) ? fmt::format("{}", static_cast<uint64_t>(*n)) : fmt::format("{}", *n);
  switch (kind) {
    case kBool: return value_of<uint8_t>(c, v) ? "true" : "false";
    case kFloat32: return shortest(value_of<float>(c, v));
    case kFloat64: return shortest(value_of<double>(c, v));
    case kString: return c.bytes_at(c.word_at(v.data), c.word_at(v.data + 8));
    case kPointer: return v.data ? fmt::format("{:#x}", v.data) : "<nil>";
    default: not_printed(c, v);
  }
}

std::vector<Value> operands(ModelledCall& c) {
  const uint64_t at = c.word(), n = c.word();
  c.word();
  if (n > kMostOperands) c.unsupported(fmt::format("{} operands", n));
  std::vector<Value> out;
  for (uint64_t i = 0; i < n; ++i) out.push_back({c.word_at(at + 16 * i), c.word_at(at + 16 * i + 8)});
  return out;
}

void finish_print(ModelledCall& c, const std::string& text) {
  c.write(text, 1);
  c.result(text.size());
  c.result(0);  // no error
  c.result(0);
}

void print_lines(ModelledCall& c) {
  std::string out;
  for (const Value& v : operands(c)) out += (out.empty() ? "" : " ") + text_of(c, v);
  finish_print(c, out + "\n");
}

void print(ModelledCall& c) {
  std::string out;
  const std::vector<Value> all = operands(c);
  for (size_t i = 0; i < all.size(); ++i) {
    const bool apart = i > 0 && kind_of(c, all[i]) != kString && kind_of(c, all[i - 1]) != kString;
    out += (apart ? " " : "") + text_of(c, all[i]);
  }
  finish_print(c, out);
}

std::string formatted(ModelledCall& c, const std::string& format, const std::vector<Value>& values) {
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const char verb = format[++i];
    if (verb == '%') {
      out += '%';
      continue;
    }
    if (next >= values.size()) {
      out += fmt::format("%!{}(MISSING)", verb);
      continue;
    }
    const Value& v = values[next++];
    const auto n = v.type ? integer(c, v) : std::nullopt;
    if (verb == 'v' || (verb == 'd' && n) || (verb == 't' && v.type && kind_of(c, v) == kBool) ||
        (verb == 's' && v.type && (kind_of(c, v) == kString || !n)))
      out += text_of(c, v);
    else if (verb == 'x' && n)
      out += fmt::format("{:x}", *n);
    else if (verb == 'p' && v.type && kind_of(c, v) == kPointer)
      out += fmt::format("{:#x}", v.data);
    else if (verb == 'T')
      out += v.type ? type_name(c.guest(), v.type) : "<nil>";
    else
      c.unsupported(fmt::format("the verb %{} of this value is not modelled", verb));
  }
  if (next < values.size()) c.unsupported("more operands than its format has verbs");
  return out;
}

void print_format(ModelledCall& c) {
  const std::string format = c.string();
  finish_print(c, formatted(c, format, operands(c)));
}

// Fprint…: the writer is standard output, since nothing else can be opened.
template <void (*run)(ModelledCall&)>
void to_writer(ModelledCall& c) {
  c.word(), c.word();
  run(c);
}

constexpr ModelledRow kRows[] = {
    {"fmt.Println", print_lines},     {"fmt.Print", print},
    {"fmt.Printf", print_format},     {"fmt.Fprintln", to_writer<print_lines>},
    {"fmt.Fprint", to_writer<print>}, {"fmt.Fprintf", to_writer<print_format>},
};

}  // namespace

std::span<const ModelledRow> modelled_fmt() { return kRows; }

}  // namespace deferscope::model
