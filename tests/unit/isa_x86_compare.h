// One case run on both sides, and the two ends compared.
#pragma once
#include <cstdint>
#include <string>

#include "isa_x86_cases.h"

namespace deferscope::isa::test {

struct Result {
  CpuState state;
  enum Kind { Next, PageFault, Protection, Undefined, Divide /* or another SIGFPE */, Other } kind = Next;
  uint64_t page = 0;  // of PageFault
};
Result native_result(const Case& c);
// `lifted` is what the case's bytes were lifted to.
Result emulated_result(const Case& c, ScratchBus& bus, Lifted& lifted);

bool host_is_intels();

// How vectors are compared.
enum class Vectors : uint8_t { Exactly, Estimate, AnyNan };  // Estimate: within the error of RCPPS

// What a comparison leaves out
struct Leniency {
  uint32_t flags, mxcsr;  // compared bits
  Vectors vectors = Vectors::Exactly;
  uint32_t x87_status = 0xffff;
  bool x87_ulp =
      false;  // registers of the x87 may differ by one in the last place, and C1, unless it tells a stack fault
};

// DE is not modelled, UE under FTZ only nearly.
uint32_t defined_mxcsr(const Case& c);
uint32_t flags_after_fault(const Lifted& l, const Result& n);

// The host's data pages to the emulated side.
void copy_memory(ScratchBus& bus);

// Ends that differ by design; the two memories are made equal again.
bool excused(const Result& n, const Result& e, ScratchBus& bus);

// Compares registers and memory and reports a difference, both states side by side, as a failure; true if equal.
bool same_end(const std::string& title, const Case& c, const Result& n, const Result& e, const Leniency& l,
              ScratchBus& bus);

}  // namespace deferscope::isa::test
