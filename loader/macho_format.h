// Structs and numbers of Mach-O files. Source: Apple's <mach-o/loader.h>, <mach-o/nlist.h>, <mach-o/fixup-chains.h>,
// <mach/machine.h>, <mach/thread_status.h>; Go's debug/macho has the same. Internal to the room.
#pragma once
#include <cstdint>

namespace deferscope::loader::mach {

inline constexpr uint32_t kCpuX86_64 = 0x01000007, kCpuArm64 = 0x0100000c;
inline constexpr uint32_t kSubtypeMask = 0x00ffffff, kSubtypeArm64e = 2;

struct Header {
  uint32_t magic, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags, reserved;
};
inline constexpr uint32_t kExecute = 2;                       // filetype MH_EXECUTE
inline constexpr uint32_t kTwoLevel = 0x80, kPie = 0x200000;  // flags MH_TWOLEVEL, MH_PIE

struct LoadCommand {
  uint32_t cmd, cmdsize;
};
inline constexpr uint32_t kRequired = 0x80000000;  // LC_REQ_DYLD: a loader that does not know the command must refuse

struct SegmentCommand {
  uint32_t cmd, cmdsize;
  char segname[16];  // not terminated where it fills them
  uint64_t vmaddr, vmsize, fileoff, filesize;
  uint32_t maxprot, initprot, nsects, flags;
};
inline constexpr uint32_t kProtRead = 1, kProtWrite = 2, kProtExec = 4;
inline constexpr uint32_t kSegmentReadOnly = 0x10;  // SG_READ_ONLY: after fixups

struct SectionHeader {
  char sectname[16], segname[16];
  uint64_t addr, size;
  uint32_t offset, align, reloff, nreloc, flags, reserved1, reserved2, reserved3;
};
inline constexpr uint32_t kTypeMask = 0xff;
inline constexpr uint32_t kZeroFill = 1, kNonLazyPointers = 6, kLazyPointers = 7, kGbZeroFill = 12,
                          kLazyDylibPointers = 16, kThreadZeroFill = 18;
inline constexpr uint32_t kInstructions = 0x80000400;  // S_ATTR_PURE_INSTRUCTIONS, S_ATTR_SOME_INSTRUCTIONS

struct SymtabCommand {
  uint32_t cmd, cmdsize, symoff, nsyms, stroff, strsize;
};
struct DysymtabCommand {
  uint32_t cmd, cmdsize, ilocalsym, nlocalsym, iextdefsym, nextdefsym, iundefsym, nundefsym, tocoff, ntoc, modtaboff,
      nmodtab, extrefsymoff, nextrefsyms, indirectsymoff, nindirectsyms, extreloff, nextrel, locreloff, nlocrel;
};
inline constexpr uint32_t kIndirectLocal = 0x80000000, kIndirectAbsolute = 0x40000000;

struct Nlist {
  uint32_t strx;
  uint8_t type, sect;  // sect: from 1 on
  uint16_t desc;       // bits 8–15: library ordinal
  uint64_t value;
};
static_assert(sizeof(Nlist) == 16);
inline constexpr uint8_t kStab = 0xe0, kSymbolType = 0x0e, kUndefined = 0, kInSection = 0x0e;
inline constexpr uint16_t kWeakReference = 0x40;

struct DyldInfoCommand {
  uint32_t cmd, cmdsize, rebase_off, rebase_size, bind_off, bind_size, weak_bind_off, weak_bind_size, lazy_bind_off,
      lazy_bind_size, export_off, export_size;
};
struct LinkeditDataCommand {
  uint32_t cmd, cmdsize, dataoff, datasize;
};
struct EntryPointCommand {
  uint32_t cmd, cmdsize;
  uint64_t entryoff, stacksize;
};
struct DylibCommand {
  uint32_t cmd, cmdsize, name_offset, timestamp, current_version, compatibility_version;
};
struct BuildVersionCommand {
  uint32_t cmd, cmdsize, platform, minos, sdk, ntools;
};
struct EncryptionCommand {
  uint32_t cmd, cmdsize, cryptoff, cryptsize, cryptid, pad;
};

// LC_UNIXTHREAD: {flavor, count, count words of 4 bytes}…; where pc lies in the state of 64-bit threads.
struct ThreadFlavor {
  uint32_t cputype, flavor, count, pc_offset;
};
inline constexpr ThreadFlavor kThreadFlavors[] = {
    {kCpuX86_64, 4, 42, 16 * 8},  // x86_THREAD_STATE64: rax … r15 in 16 words, rip
    {kCpuArm64, 6, 68, 32 * 8},   // ARM_THREAD_STATE64: x0 … x28, fp, lr, sp, pc
};

// Libraries that a bind names by something else than its place in the list.
inline constexpr int kFromSelf = 0, kFromMain = -1, kFlatLookup = -2, kWeakLookup = -3;

struct ChainedHeader {
  uint32_t version, starts_offset, imports_offset, symbols_offset, imports_count, imports_format, symbols_format;
};
struct ChainedStarts {  // of a segment; page_count page starts of 2 bytes follow
  uint32_t size;
  uint16_t page_size, pointer_format;
  uint64_t segment_offset;
  uint32_t max_valid_pointer;
  uint16_t page_count;
} __attribute__((packed));
static_assert(sizeof(ChainedStarts) == 22);
inline constexpr uint16_t kNoFixups = 0xffff;
inline constexpr uint16_t kPointer64 = 2, kPointer64Offset = 6;

}  // namespace deferscope::loader::mach
