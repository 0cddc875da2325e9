// print and println (src/runtime/print.go): each piece is a write of its own.
#include <fmt/format.h>

#include <bit>

#include "runtime_model/modelled.h"
#include "runtime_model/printed.h"

namespace deferscope::model {
namespace {

void nothing(ModelledCall&) {}
void print_bool(ModelledCall& c) { c.write(c.byte() ? "true" : "false"); }
void print_int(ModelledCall& c) { c.write(fmt::format("{}", static_cast<int64_t>(c.word()))); }
void print_uint(ModelledCall& c) { c.write(fmt::format("{}", c.word())); }
void print_hex(ModelledCall& c) { c.write(fmt::format("{:#x}", c.word())); }
void print_float(ModelledCall& c) { c.write(printed_float(c.guest(), c.floating())); }
void print_float32(ModelledCall& c) {
  const double v = c.floating();
  const auto bits = std::bit_cast<uint64_t>(v);
  c.write(printed_float(c.guest(), std::bit_cast<float>(static_cast<uint32_t>(bits))));
}
void print_complex(ModelledCall& c) {
  const double re = c.floating(), im = c.floating();
  const std::string second = printed_float(c.guest(), im);
  c.write(
      fmt::format("({}{}{}i)", printed_float(c.guest(), re), second[0] == '+' || second[0] == '-' ? "" : "+", second));
}
void print_string(ModelledCall& c) { c.write(c.string()); }
void print_slice(ModelledCall& c) {
  const uint64_t at = c.word(), n = c.word(), cap = c.word();
  c.write(fmt::format("[{}/{}]{:#x}", n, cap, at));
}
void print_interface(ModelledCall& c) {
  const uint64_t type = c.word(), data = c.word();
  c.write(fmt::format("({:#x},{:#x})", type, data));
}

constexpr ModelledRow kRows[] = {
    {"runtime.printlock", nothing},
    {"runtime.printunlock", nothing},
    {"runtime.printbool", print_bool},
    {"runtime.printint", print_int},
    {"runtime.printuint", print_uint},
    {"runtime.printhex", print_hex},
    {"runtime.printpointer", print_hex},
    {"runtime.printuintptr", print_uint},
    {"runtime.printfloat", print_float},
    {"runtime.printfloat64", print_float},
    {"runtime.printfloat32", print_float32},
    {"runtime.printcomplex", print_complex},
    {"runtime.printcomplex128", print_complex},
    {"runtime.printstring", print_string},
    {"runtime.printslice", print_slice},
    {"runtime.printeface", print_interface},
    {"runtime.printiface", print_interface},
    {"runtime.printnl", [](ModelledCall& c) { c.write("\n"); }},
    {"runtime.printsp", [](ModelledCall& c) { c.write(" "); }},
};

}  // namespace

std::span<const ModelledRow> modelled_prints() { return kRows; }

}  // namespace deferscope::model
