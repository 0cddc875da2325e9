// The two instruction sets: the one enumeration of them, for every room. Nothing else belongs here, so that the loader,
// which needs nothing else of isa/, includes no more.
#pragma once
#include <cstdint>

namespace deferscope::isa {

enum class Isa : uint8_t { x86_64, arm64 };

// How an x86-64 processor takes bytes that mean something else on older ones: LZCNT, TZCNT, and all of VEX.
enum class Level : uint8_t { v2, v3 };

// As GOARCH spells it.
constexpr const char* to_string(Isa isa) { return isa == Isa::x86_64 ? "amd64" : "arm64"; }

}  // namespace deferscope::isa
