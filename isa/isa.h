// The two instruction sets: the one enumeration of them, for every room. Nothing else belongs here, so that the loader,
// which needs nothing else of isa/, includes no more.
#pragma once
#include <cstdint>

namespace deferscope::isa {

enum class Isa : uint8_t { x86_64, arm64 };

// Which instructions a processor has, of x86-64's levels and of arm64's versions; what the others' bytes mean is up to
// it: on x86-64 LZCNT is BSR where it is not known, all of VEX is undefined. The same value means both sets' models.
enum class Level : uint8_t { v1, v2, v3, v8_0 = v1, v8_1 = v2, v8_2 = v3 };

// As GOARCH spells it.
constexpr const char* to_string(Isa isa) { return isa == Isa::x86_64 ? "amd64" : "arm64"; }

}  // namespace deferscope::isa
