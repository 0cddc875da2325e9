// Types as the runtime describes them in memory: abi.Type (runtime._type) and abi.Kind, the same in 1.12–1.27 (facts:
// layouts.json; src/internal/abi/type.go).
#pragma once
#include <cstdint>

namespace deferscope::model::abi {

// Offsets in abi.Type, and the bits of its flags and its kind.
inline constexpr uint64_t kTflag = 20, kKind = 23, kStr = 40;
inline constexpr uint8_t kTflagUncommon = 1, kTflagExtraStar = 2, kTflagNamed = 4;
inline constexpr uint8_t kKindMask = 31, kKindDirect = 32;
enum Kind : uint8_t {
  kBool = 1,
  kInt,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kUintptr,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kArray,
  kChan,
  kFunc,
  kInterface,
  kMap,
  kPointer,
  kSlice,
  kString,
  kStruct,
  kUnsafePointer
};

}  // namespace deferscope::model::abi
