// Mach-O loading from hand-made files: what is read, how each form of fixups is, and the one line that each bad file
// gives.
#include <gtest/gtest.h>

#include <functional>

#include "loader/image.h"
#include "tests/unit/loader_macho_builder.h"

namespace deferscope::test {
namespace {

using loader::Error;
using loader::Image;
using loader::Import;

TEST(LoaderMachO, ReadsSegmentsEntryAndIsa) {
  MachOBuilder b = small_macho(mach::kCpuArm64);
  b.library("/usr/lib/libSystem.B.dylib");
  Image image = Image::parse(b.build(), "small");
  EXPECT_EQ(image.isa(), isa::Isa::arm64);
  EXPECT_EQ(image.os(), loader::Os::darwin);
  EXPECT_EQ(image.entry(), kText + 0x800);
  EXPECT_EQ(image.macho().header, kText);
  EXPECT_FALSE(image.macho().unixthread);
  EXPECT_EQ(image.macho().libraries, std::vector<std::string>{"/usr/lib/libSystem.B.dylib"});
  ASSERT_EQ(image.segments().size(), 3u) << "__PAGEZERO takes no memory";
  const loader::Segment& data = image.segments()[1];
  EXPECT_EQ(data.name, "__DATA");
  EXPECT_EQ(data.vaddr, kData);
  EXPECT_EQ(data.memsz, 0x300u);
  EXPECT_TRUE(data.read && data.write && !data.exec && !data.sealed);
  EXPECT_EQ(image.read_u64(kData + 0xfc), 0x00000000fffefdfcu) << "half file bytes, half zeros";
  EXPECT_FALSE(image.read_u64(kData + 0x2f9));
  ASSERT_TRUE(image.text());
  EXPECT_EQ(image.text()->address, kText + 0x800);
  EXPECT_EQ(image.not_go(), "not a Go program: it has no pclntab");
}

TEST(LoaderMachO, EntryOfAUnixThread) {
  for (const mach::ThreadFlavor& f : mach::kThreadFlavors) {
    MachOBuilder b = small_macho(f.cputype);
    b.commands.pop_back();
    ByteVector state(8 + 4 * f.count);
    put(&state, 0, f.flavor), put(&state, 4, f.count);
    put(&state, 8 + f.pc_offset, uint64_t{kText + 0x900});
    b.command(0x05, mach::LoadCommand{}, state);
    Image image = Image::parse(b.build(), "thread");
    EXPECT_TRUE(image.macho().unixthread);
    EXPECT_EQ(image.entry(), kText + 0x900);
  }
}

TEST(LoaderMachO, ReadOnlyAfterFixupsIsSaid) {
  MachOBuilder b = small_macho();
  b.segment("__DATA_CONST", 0x100006000, 0x100, 0x1000, 0x100, 3, {}, mach::kSegmentReadOnly);
  Image image = Image::parse(b.build(), "const");
  EXPECT_TRUE(image.memory().segment_at(0x100006000)->sealed);
  EXPECT_TRUE(image.memory().segment_at(0x100006000)->write);
}

// The text that failed asserts show.
std::string text(const Import& i) {
  std::string s = i.name + " " + i.library;
  char rest[64];
  std::snprintf(rest, sizeof rest, " %llx %lld%s%s", static_cast<unsigned long long>(i.pointer),
                static_cast<long long>(i.addend), i.weak ? " weak" : "", i.lazy ? " lazy" : "");
  return s + rest;
}
std::vector<std::string> imports(const Image& image) {
  std::vector<std::string> all;
  for (const Import& i : image.macho().imports) all.push_back(text(i));
  return all;
}

ByteVector bytes_of(std::initializer_list<int> values, const std::string& text = "",
                    std::initializer_list<int> rest = {}) {
  ByteVector out;
  for (int v : values) out.push_back(static_cast<uint8_t>(v));
  if (!text.empty()) out.insert(out.end(), text.begin(), text.end()), out.push_back(0);
  for (int v : rest) out.push_back(static_cast<uint8_t>(v));
  return out;
}
ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// With bind opcodes (as LC_DYLD_INFO_ONLY) of three tables and rebase opcodes.
MachOBuilder with_opcodes(const ByteVector& bind, const ByteVector& lazy = {}, const ByteVector& weak = {},
                          const ByteVector& rebase = {}) {
  MachOBuilder b = small_macho();
  b.header.flags |= mach::kPie;
  b.library("/usr/lib/libSystem.B.dylib").library("/usr/lib/libresolv.9.dylib");
  mach::DyldInfoCommand d{};
  d.bind_off = place(&b, 0, bind), d.bind_size = static_cast<uint32_t>(bind.size());
  d.lazy_bind_off = place(&b, 0x100, lazy), d.lazy_bind_size = static_cast<uint32_t>(lazy.size());
  d.weak_bind_off = place(&b, 0x200, weak), d.weak_bind_size = static_cast<uint32_t>(weak.size());
  d.rebase_off = place(&b, 0x300, rebase), d.rebase_size = static_cast<uint32_t>(rebase.size());
  return b.command(0x80000022, d);
}

TEST(LoaderMachO, BindOpcodes) {
  const ByteVector bind = bytes_of({0x51, 0x11, 0x40}, "_a", {0x72, 0x10, 0x90})    // at +0x10, then each behind it
                          + bytes_of({0x41}, "_weak", {0x12, 0xa0, 0x08})           // +0x18, 8 bytes left free
                          + bytes_of({0x40}, "_b", {0x20, 0x01, 0x60, 0x7c, 0xb1})  // +0x28, addend −4; 8 left free
                          + bytes_of({0x3e, 0x60, 0x00, 0xc0, 0x02, 0x10})          // +0x38 and +0x50, flat
                          + bytes_of({0x80, 0x78, 0x90, 0x00, 0xff});  // +0x68 + 0x78; what follows is not read
  const ByteVector lazy = bytes_of({0x72, 0x80, 0x02, 0x11, 0x40}, "_l", {0x90, 0x00}) +
                          bytes_of({0x72, 0x88, 0x02, 0x12, 0x40}, "_m", {0x90, 0x00});
  const Image image = Image::parse(with_opcodes(bind, lazy).build(), "opcodes");
  const std::string system = " /usr/lib/libSystem.B.dylib ", resolv = " /usr/lib/libresolv.9.dylib ";
  EXPECT_EQ(imports(image), (std::vector<std::string>{
                                "_a" + system + "100004010 0", "_weak" + resolv + "100004018 0 weak",
                                "_b" + system + "100004028 -4", "_b  100004038 0", "_b  100004050 0", "_b  1000040e0 0",
                                "_l" + system + "100004100 0 lazy", "_m" + resolv + "100004108 0 lazy"}));
}

TEST(LoaderMachO, AWeakBindYieldsToTheProgramsOwn) {
  const ByteVector weak = bytes_of({0x51, 0x40}, "__Znwm", {0x72, 0x10, 0x90}) +  // a word with a value
                          bytes_of({0x40}, "__ZdlPv", {0x72, 0x80, 0x02, 0x90});  // a zero
  EXPECT_EQ(imports(Image::parse(with_opcodes({}, {}, weak).build(), "weak")),
            std::vector<std::string>{"__ZdlPv  100004100 0"});
}

TEST(LoaderMachO, WhatIsLinkedForAddressZeroMoves) {
  MachOBuilder b;
  b.header.flags |= mach::kPie;
  b.contents.resize(0x1500);
  put(&b.contents, 0x1008, uint64_t{0x900});
  put(&b.contents, 0x1010, uint64_t{0x901});
  b.segment("__TEXT", 0, 0x1000, 0, 0x1000, 5, {section("__text", "__TEXT", 0x800, 0x800, 0x800, 0x80000400)});
  b.segment("__DATA", 0x1000, 0x300, 0x1000, 0x100, 3);
  b.main(0x800);
  const ByteVector rebase = bytes_of({0x11, 0x21, 0x08, 0x52, 0x00});
  mach::DyldInfoCommand d{};
  d.rebase_off = place(&b, 0, rebase), d.rebase_size = static_cast<uint32_t>(rebase.size());
  b.command(0x80000022, d);
  const Image image = Image::parse(b.build(), "zero");
  EXPECT_EQ(image.bias(), 0x100000000u);
  EXPECT_EQ(image.entry(), image.bias() + 0x800);
  EXPECT_EQ(image.text()->address, image.bias() + 0x800);
  EXPECT_EQ(image.read_u64(image.bias() + 0x1008), image.bias() + 0x900);
  EXPECT_EQ(image.read_u64(image.bias() + 0x1010), image.bias() + 0x901);
  EXPECT_EQ(image.read_u64(image.bias() + 0x1018), 0u);
}

TEST(LoaderMachO, ChainedFixups) {
  for (auto [format, imports_format, addend, target] :
       {std::tuple(mach::kPointer64Offset, 1u, 0, kText + 0x900), std::tuple(mach::kPointer64, 2u, -3, uint64_t{0x900}),
        std::tuple(mach::kPointer64Offset, 3u, -40, kText + 0x900)}) {
    ChainFile f;
    f.format = format, f.imports_format = imports_format;
    const Image image = Image::parse(f.builder().build(), "chained");
    EXPECT_EQ(image.read_u64(kData + 0x10), target | uint64_t{0x12} << 56);
    EXPECT_EQ(image.read_u64(kData + 0x18), 0u);
    EXPECT_EQ(image.read_u64(kData + 0x20), 0x2726252423222120u) << "not in the chain";
    EXPECT_EQ(imports(image),
              (std::vector<std::string>{"_perhaps  100004018 " + std::to_string(7 + addend) + " weak",
                                        "_write /usr/lib/libSystem.B.dylib 100004028 " + std::to_string(addend)}));
  }
}

// Symbol table of a program without either: pointers by the indirect symbol table.
MachOBuilder with_symbols(uint32_t flags = 0) {
  MachOBuilder b = small_macho(
      mach::kCpuX86_64, {section("__nl_symbol_ptr", "__DATA", kData + 0x10, 0x20, 0x1010, mach::kNonLazyPointers, 1),
                         section("__la_symbol_ptr", "__DATA", kData + 0x30, 8, 0x1030, mach::kLazyPointers, 0)});
  b.header.flags = flags;
  b.library("/usr/lib/libSystem.B.dylib");
  const mach::Nlist symbols[] = {{1, 0x0e, 1, 0, kText + 0x800},   // _main.main
                                 {12, 0x0e, 1, 0, kText + 0x900},  // _cmpbody
                                 {21, 0x0e, 2, 0, kData + 0x14},   // _runtime.x: in the second section
                                 {32, 0x01, 0, 0x0100, 0},         // _read, undefined, of library 1
                                 {38, 0x01, 0, 0x0140, 0},         // _maybe, weak
                                 {21, 0x64, 1, 0, 0x77}};          // a stab
  ByteVector table, names(64), indirect;
  for (size_t i = 0; i < std::size(symbols); i++) put(&table, i * sizeof symbols[0], symbols[i]);
  put_text(&names, 1, "_main.main"), put_text(&names, 12, "_cmpbody"), put_text(&names, 21, "_runtime.x");
  put_text(&names, 32, "_read"), put_text(&names, 38, "_maybe");
  const uint32_t order[] = {3, 3, 4, mach::kIndirectLocal, 0};
  for (size_t i = 0; i < std::size(order); i++) put(&indirect, 4 * i, order[i]);
  mach::SymtabCommand s{0,
                        0,
                        place(&b, 0, table),
                        static_cast<uint32_t>(std::size(symbols)),
                        place(&b, 0x200, names),
                        static_cast<uint32_t>(names.size())};
  mach::DysymtabCommand d{};
  d.indirectsymoff = place(&b, 0x300, indirect), d.nindirectsyms = static_cast<uint32_t>(std::size(order));
  return b.command(0x02, s).command(0x0b, d);
}

TEST(LoaderMachO, PointersByTheIndirectSymbolTable) {
  for (uint32_t flags : {0u, mach::kTwoLevel}) {
    const Image image = Image::parse(with_symbols(flags).build(), "indirect");
    const std::string library = flags ? " /usr/lib/libSystem.B.dylib" : " ";
    EXPECT_EQ(imports(image),
              (std::vector<std::string>{"_read" + library + " 100004010 0", "_maybe" + library + " 100004018 0 weak",
                                        "_read" + library + " 100004030 0 lazy"}));
    EXPECT_EQ(image.read_u64(kData + 0x20), 0x2726252423222120u) << "a local pointer stays";
    EXPECT_EQ(image.read_u64(kData + 0x28), kText + 0x800) << "its own symbol's address";
  }
}

TEST(LoaderMachO, SymbolsHaveTheSizesThatTheNextOneLeaves) {
  const Image image = Image::parse(with_symbols().build(), "symbols");
  ASSERT_EQ(image.symbols().all().size(), 3u);
  const auto main = image.symbols().find("main.main");
  ASSERT_TRUE(main);
  EXPECT_EQ(main->size, 0x100u);
  EXPECT_EQ(main->kind, loader::SymbolKind::function);
  EXPECT_EQ(image.symbols().find("_cmpbody")->size, 0x700u) << "to its section's end";
  const auto x = image.symbol_at(kData + 0x18);
  ASSERT_TRUE(x);
  EXPECT_EQ(x->name, "runtime.x");
  EXPECT_EQ(x->kind, loader::SymbolKind::data);
  const auto listed = image.listed_symbols();
  ASSERT_EQ(listed.size(), 5u) << "without the stab";
  EXPECT_EQ(listed[1].name, "_cmpbody");
  EXPECT_EQ(listed[1].size, kData + 0x14 - kText - 0x900) << "as objdump has it";
  EXPECT_TRUE(listed[1].code && !listed[3].code);
}

// --- universal files ---

void put_big(ByteVector* bytes, size_t at, uint32_t value) { put(bytes, at, __builtin_bswap32(value)); }

struct SliceOf {
  uint32_t cpu, subtype;
  ByteVector bytes;
};
ByteVector universal(const std::vector<SliceOf>& slices, bool wide = false) {
  ByteVector file(0x1000);
  put_big(&file, 0, wide ? 0xcafebabf : 0xcafebabe);
  put_big(&file, 4, static_cast<uint32_t>(slices.size()));
  for (size_t i = 0; i < slices.size(); i++) {
    const size_t at = 8 + i * (wide ? 32 : 20);
    const auto offset = static_cast<uint32_t>(file.size()), size = static_cast<uint32_t>(slices[i].bytes.size());
    put_big(&file, at, slices[i].cpu), put_big(&file, at + 4, slices[i].subtype);
    put_big(&file, at + (wide ? 12 : 8), offset), put_big(&file, at + (wide ? 20 : 12), size);
    file.insert(file.end(), slices[i].bytes.begin(), slices[i].bytes.end());
    file.resize((file.size() + 0xfff) / 0x1000 * 0x1000);
  }
  return file;
}

TEST(LoaderMachO, UniversalFilesHoldOneProgramForEach) {
  const ByteVector amd64 = small_macho().build(), arm64 = small_macho(mach::kCpuArm64).build();
  for (bool wide : {false, true}) {
    const ByteVector both = universal({{mach::kCpuArm64, 0, arm64}, {mach::kCpuX86_64, 3, amd64}}, wide);
    for (isa::Isa isa : {isa::Isa::x86_64, isa::Isa::arm64}) {
      const Image image = Image::parse(both, "both", isa);
      EXPECT_EQ(image.isa(), isa);
      EXPECT_EQ(image.read_u64(kData + 8), 0x0f0e0d0c0b0a0908u);
      EXPECT_EQ(image.macho().architectures, (std::vector<std::string>{"arm64", "amd64"}));
    }
    EXPECT_NO_THROW(Image::parse(both, "both"));
  }
  const ByteVector one = universal({{mach::kCpuArm64, 2, arm64}, {mach::kCpuArm64, 0, arm64}});
  EXPECT_EQ(Image::parse(one, "one").isa(), isa::Isa::arm64) << "what there is, on any machine";
}

struct BadFile {
  const char* name;
  std::function<ByteVector()> make;
  const char* line;  // the whole message
};

ByteVector with(const std::function<void(MachOBuilder&)>& change) {
  MachOBuilder b = small_macho();
  change(b);
  return b.build();
}
ByteVector chained(const std::function<void(ChainFile&)>& change) {
  ChainFile f;
  change(f);
  return f.builder().build();
}
template <class T>
std::function<void(MachOBuilder&)> segment_field(T mach::SegmentCommand::*field, T value) {
  return [=](MachOBuilder& b) {
    mach::SegmentCommand s;
    std::memcpy(&s, b.commands[2].data(), sizeof s);  // __DATA
    s.*field = value;
    std::memcpy(b.commands[2].data(), &s, sizeof s);
  };
}

const std::vector<BadFile>& bad_files() {
  using S = mach::SegmentCommand;
  static const std::vector<BadFile> files = {
      {"header cut",
       [] {
         return ByteVector{0xcf, 0xfa, 0xed, 0xfe, 7};
       },
       "f: truncated: 5 bytes, a Mach-O header has 32"},
      {"magic cut",
       [] {
         return ByteVector{0xcf, 0xfa, 0xed};
       },
       "f: truncated: only the first bytes of a Mach-O header"},
      {"other cpu", [] { return with([](auto& b) { b.header.cputype = 0x01000012; }); },
       "f: Mach-O CPU type 0x1000012 is not supported; build with GOARCH=amd64 or arm64"},
      {"arm64e", [] { return with([](auto& b) { b.header.cputype = mach::kCpuArm64, b.header.cpusubtype = 2; }); },
       "f: an arm64e program; pointer authentication is not supported, build for arm64"},
      {"object file", [] { return with([](auto& b) { b.header.filetype = 1; }); },
       "f: a Mach-O object file, not a program; link it first (go build)"},
      {"library", [] { return with([](auto& b) { b.header.filetype = 6; }); },
       "f: a Mach-O library (dylib), not a program"},
      {"bundle", [] { return with([](auto& b) { b.header.filetype = 8; }); },
       "f: a Mach-O bundle (plug-in), not a program"},
      {"unknown type", [] { return with([](auto& b) { b.header.filetype = 99; }); },
       "f: Mach-O type 99 is not a program"},
      {"32 bits", [] { return ByteVector{0xce, 0xfa, 0xed, 0xfe, 0, 0}; },
       "f: a 32-bit Mach-O file; only amd64 and arm64 are supported (GOARCH=amd64 or arm64)"},
      {"commands cut", [] { return with([](auto& b) { b.header.sizeofcmds = 0x10000; }); },
       "f: truncated: 0x10000 bytes of load commands behind the header, the file has 0x1500"},
      {"too many commands", [] { return with([](auto& b) { b.header.ncmds = 0xffffffff; }); },
       "f: corrupt: 4294967295 load commands, but load command 5 lies behind their 0x188 bytes"},
      {"command of no size", [] { return with([](auto& b) { put(&b.commands[1], 4, uint32_t{0}); }); },
       "f: corrupt: load command 1 (0x19) has size 0x0 at 0x48 of 0x188"},
      {"command too large", [] { return with([](auto& b) { put(&b.commands[4], 4, uint32_t{0x1000}); }); },
       "f: corrupt: load command 4 (0x80000028) has size 0x1000 at 0x170 of 0x188"},
      {"command too small", [] { return with([](auto& b) { b.command(2, mach::LoadCommand{}); }); },
       "f: corrupt: load command 5 (LC_SYMTAB) has 8 bytes, it takes 24"},
      {"two of a kind", [] { return with([](auto& b) { b.main(0x800); }); },
       "f: corrupt: load command 5 (LC_MAIN) is the second of its kind"},
      {"too many sections", [] { return with(segment_field(&S::nsects, 0x7fffffffu)); },
       "f: corrupt: load command 2 (LC_SEGMENT_64): segment __DATA has 2147483647 sections, its 72 bytes hold fewer"},
      {"larger in the file", [] { return with(segment_field(&S::vmsize, uint64_t{0x80})); },
       "f: corrupt: segment __DATA is larger in the file than in memory"},
      {"outside memory", [] { return with(segment_field(&S::vmaddr, uint64_t{1} << 63)); },
       "f: corrupt: segment __DATA at 0x8000000000000000 of 0x300 bytes is outside user memory"},
      {"overlap", [] { return with(segment_field(&S::vmaddr, kText + 0x3000)); },
       "f: corrupt: segments __TEXT and __DATA overlap"},
      {"segment cut", [] { return with(segment_field(&S::fileoff, uint64_t{0x1480})); },
       "f: truncated: its segment __DATA needs file bytes 0x1480 to 0x1580, the file has 0x1500"},
      {"no segments", [] { return with([](auto& b) { b.commands.clear(), b.main(0); }); },
       "f: no loadable segment: not a program"},
      {"library without end",
       [] {
         return with([](auto& b) {
           b.library(std::string(7, 'x'));
           b.commands.back()[31] = 'x';
         });
       },
       "f: corrupt: load command 5 (LC_LOAD_DYLIB) names a text that does not end in it"},
      {"thread cut",
       [] { return with([](auto& b) {
              b.command(5, mach::EntryPointCommand{0, 0, uint64_t{42} << 32 | 4, 0});
            }); },
       "f: corrupt: load command 5 (LC_UNIXTHREAD) ends within a thread state"},
      {"thread of 32 bits",
       [] { return with([](auto& b) {
              b.command(5, mach::EntryPointCommand{0, 0, uint64_t{2} << 32 | 1, 0});
            }); },
       "f: corrupt: load command 5 (LC_UNIXTHREAD) has no state of a 64-bit thread"},
      {"symbols cut",
       [] { return with([](auto& b) {
              b.command(2, mach::SymtabCommand{0, 0, 0x1100, 0xffffffff, 0, 0});
            }); },
       "f: truncated: its symbol table needs file bytes 0x1100 to 0x10000010f0, the file has 0x1500"},
      {"bind without a name",
       [] {
         return with_opcodes(bytes_of({0x72, 0x10, 0x90})).build();
       },
       "f: corrupt: its bind opcodes bind the word at 0x100004010 to no name"},
      {"bind of no segment",
       [] {
         return with_opcodes(bytes_of({0x79, 0x10})).build();
       },
       "f: corrupt: its bind opcodes name segment 9, there are 4"},
      {"bind into code",
       [] {
         return with_opcodes(bytes_of({0x40}, "_a", {0x71, 0x10, 0x90})).build();
       },
       "f: corrupt: its bind opcodes bind _a at 0x100000010, which is in no writable segment"},
      {"bind at the edge",
       [] {
         return with_opcodes(bytes_of({0x40}, "_a", {0x72, 0xf9, 0x05, 0x90})).build();
       },
       "f: corrupt: its bind opcodes bind _a at 0x1000042f9, which is in no writable segment"},
      {"bind of 32 bits", [] { return with_opcodes(bytes_of({0x52})).build(); },
       "f: corrupt: its bind opcodes have pointers of type 2"},
      {"threaded bind",
       [] {
         return with_opcodes(bytes_of({0xd0, 0x01})).build();
       },
       "f: corrupt: its bind opcodes have 0xd0, which is none"},
      {"name without end",
       [] {
         return with_opcodes(bytes_of({0x40, 'a', 'b'})).build();
       },
       "f: corrupt: its bind opcodes have a name without end"},
      {"number without end",
       [] {
         return with_opcodes(bytes_of({0x72, 0x80})).build();
       },
       "f: corrupt: its bind opcodes end within a number"},
      {"round and round",
       [] {
         return with_opcodes(bytes_of({0x40}, "_a",
                                      {0x72, 0x10, 0xc0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xf8, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0x01}))
             .build();
       },
       "f: corrupt: its bind opcodes are of more words than the program has"},
      {"rebase round and round",
       [] {
         return with_opcodes({}, {}, {},
                             bytes_of({0x22, 0x10, 0x80, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xf8, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0x01}))
             .build();
       },
       "f: corrupt: its rebase opcodes are of more words than the program has"},
      {"rebase behind the file",
       [] {
         return with_opcodes({}, {}, {}, bytes_of({0x22, 0x80, 0x02, 0x51})).build();
       },
       "f: corrupt: its rebase opcodes move the word at 0x100004100, which is in no segment's file bytes"},
      {"unknown rebase", [] { return with_opcodes({}, {}, {}, bytes_of({0x90})).build(); },
       "f: corrupt: its rebase opcodes have 0x90, which is none"},
      {"arm64e chain", [] { return chained([](auto& f) { f.format = 1; }); },
       "f: its chained fixups have pointers of format 1; only those of programs for x86-64 and arm64 (2, 6) are read"},
      {"chain leaves its page", [] { return chained([](auto& f) { f.second |= uint64_t{0xfff} << 51; }); },
       "f: corrupt: its chained fixups lead to 0x100008014, out of their page"},
      {"chain of a missing import", [] { return chained([](auto& f) { f.third |= 2; }); },
       "f: corrupt: its chained fixups at 0x100004028 name import 2, there are 2"},
      {"odd pages", [] { return chained([](auto& f) { f.page_size = 0x2000; }); },
       "f: corrupt: its chained fixups have pages of 0x2000 bytes"},
      {"chain of another segment", [] { return chained([](auto& f) { f.segment_offset = 0; }); },
       "f: corrupt: its chained fixups put segment __DATA at 0x0 behind the header"},
      {"unknown imports", [] { return chained([](auto& f) { f.imports_format = 9; }); },
       "f: corrupt: its chained fixups have imports of format 9"},
      {"compressed names", [] { return chained([](auto& f) { f.names_format = 1; }); },
       "f: corrupt: its chained fixups have compressed names, which are not read"},
      {"universal, cut", [] { return ByteVector{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2, 1, 0, 0, 7}; },
       "f: truncated: a universal file of 2 programs, whose list is not all there"},
      {"universal of none", [] { return ByteVector{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 0}; },
       "f: corrupt: a universal file of 0 programs"},
      {"Java", [] { return ByteVector{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52}; }, "f: a Java class file, not a program"},
      {"universal, of others",
       [] {
         return universal({{7, 3, {}}, {mach::kCpuArm64, 2, {}}});
       },
       "f: a universal file without a program for amd64 or arm64; it has cpu 0x7, arm64e"},
      {"universal in itself",
       [] {
         return universal({{mach::kCpuX86_64, 3, universal({})}});
       },
       "f: a universal Mach-O file in a universal Mach-O file"},
  };
  return files;
}

TEST(LoaderMachO, BadFilesGiveOneClearLine) {
  for (const BadFile& bad : bad_files()) {
    SCOPED_TRACE(bad.name);
    try {
      Image::parse(bad.make(), "f");
      ADD_FAILURE() << "loaded";
    } catch (const Error& e) {
      EXPECT_STREQ(e.what(), bad.line);
    }
  }
}

TEST(LoaderMachO, TheWrongInstructionSetIsSaid) {
  const auto line = [](const ByteVector& file, isa::Isa isa) -> std::string {
    try {
      Image::parse(file, "f", isa);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  };
  EXPECT_EQ(line(small_macho().build(), isa::Isa::x86_64), "");
  EXPECT_EQ(line(small_macho().build(), isa::Isa::arm64), "f: a program for amd64, not for arm64");
  EXPECT_EQ(line(small_elf().build(), isa::Isa::arm64), "f: a program for amd64, not for arm64");
  EXPECT_EQ(line(universal({{mach::kCpuX86_64, 3, small_macho().build()}}), isa::Isa::arm64),
            "f: a universal file without a program for arm64; it has amd64");
}

TEST(LoaderMachO, WhatCannotRunSaysWhy) {
  const auto why = [](const std::function<void(MachOBuilder&)>& change) {
    return Image::parse(with(change), "f").not_runnable().value_or("");
  };
  EXPECT_EQ(why([](auto& b) { b.commands.pop_back(); }), "it says no entry (neither LC_MAIN nor LC_UNIXTHREAD)");
  EXPECT_EQ(why([](auto& b) { b.commands.pop_back(), b.main(0x4000); }),
            "its entry 0x100004000 is not in an executable segment");
  EXPECT_EQ(why([](auto& b) {
              b.command(0x32, mach::BuildVersionCommand{0, 0, 2, 0, 0, 0});
            }),
            "a program for another system than macOS (platform 2)");
  EXPECT_EQ(why([](auto& b) { b.command(0x2c, mach::EncryptionCommand{0, 0, 0, 0, 1, 0}); }), "its code is encrypted");
  EXPECT_EQ(why([](auto& b) { b.command(0x80000077, mach::LoadCommand{}); }),
            "load command 0x80000077 is not known and must not be passed over");
}

}  // namespace
}  // namespace deferscope::test
