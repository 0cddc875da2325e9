// ELF loading from hand-made files: what is read, and the one line that each bad file gives.
#include <gtest/gtest.h>

#include <functional>

#include "loader/image.h"
#include "tests/unit/loader_elf_builder.h"

namespace deferscope::test {
namespace {

using loader::Error;
using loader::Image;

TEST(LoaderElf, ReadsSegmentsEntryAndIsa) {
  Image image = Image::parse(small_elf(EM_AARCH64).build(), "small");
  EXPECT_EQ(image.isa(), isa::Isa::arm64);
  EXPECT_EQ(image.os(), loader::Os::linux_);
  EXPECT_EQ(image.entry(), 0x400100u);
  ASSERT_EQ(image.segments().size(), 2u);
  const loader::Segment& data = image.segments()[1];
  EXPECT_EQ(data.vaddr, 0x500000u);
  EXPECT_EQ(data.memsz, 0x300u);
  EXPECT_EQ(data.bytes.size(), 0x100u);
  EXPECT_TRUE(data.read && data.write && !data.exec);
  EXPECT_EQ(image.program_headers().address, 0x400040u);
  EXPECT_EQ(image.program_headers().count, 2);
  EXPECT_FALSE(image.not_runnable());
  EXPECT_EQ(image.go(), nullptr);
  EXPECT_EQ(image.not_go(), "not a Go program: it has no pclntab");
}

TEST(LoaderElf, InitialMemoryEndsWhereTheFileSays) {
  Image image = Image::parse(small_elf().build(), "small");
  EXPECT_EQ(image.read_u64(0x500008), 0x0f0e0d0c0b0a0908u);
  EXPECT_EQ(image.read_u64(0x5000fc), 0x00000000fffefdfcu) << "half file bytes, half .bss";
  EXPECT_EQ(image.read_u64(0x5002f8), 0u);
  EXPECT_FALSE(image.read_u64(0x5002f9)) << "one byte beyond the segment";
  EXPECT_FALSE(image.read_u64(0x3fffff));
  EXPECT_FALSE(image.read_u64(UINT64_MAX - 3));
  EXPECT_TRUE(image.bytes_at(0x5000f8, 8));
  EXPECT_FALSE(image.bytes_at(0x5000f9, 8)) << "bytes_at gives file bytes only";
  EXPECT_FALSE(image.bytes_at(0x500000, UINT64_MAX));
}

TEST(LoaderElf, CopiesShareOneBody) {
  std::optional<Image> first = Image::parse(small_elf().build(), "small");
  Image second = *first;
  const uint8_t* bytes = first->segments()[1].bytes.data();
  first.reset();
  EXPECT_EQ(second.segments()[1].bytes.data(), bytes);
  EXPECT_EQ(second.read_u64(0x500008), 0x0f0e0d0c0b0a0908u);
}

// A PIE: text at 0, data at 0x2000 with a dynamic table, one relative relocation of the word at 0x2000 and, if wanted,
// a needed library.
ElfBuilder pie(bool needs_library, uint32_t relocation = R_X86_64_RELATIVE) {
  ElfBuilder b(EM_X86_64, ET_DYN);
  b.contents.resize(0x1400);
  b.header.e_entry = 0x100;
  put_text(&b.contents, 0x800, "/lib64/ld-linux-x86-64.so.2");
  std::vector<Elf64_Dyn> tags;
  auto tag = [&](int64_t name, uint64_t value) { tags.push_back({name, {value}}); };
  tag(DT_RELA, 0x2200);
  tag(DT_RELASZ, sizeof(Elf64_Rela));
  tag(DT_STRTAB, 0x2300);
  if (needs_library) tag(DT_NEEDED, 1);
  tag(DT_NULL, 0);
  for (size_t i = 0; i < tags.size(); i++) put(&b.contents, 0x1100 + i * sizeof(Elf64_Dyn), tags[i]);
  put(&b.contents, 0x1200, Elf64_Rela{0x2000, relocation, 0x123});
  put_text(&b.contents, 0x1301, "libc.so.6");
  b.segment(PT_LOAD, PF_R | PF_X, 0, 0, 0x1000, 0x1000);
  b.segment(PT_LOAD, PF_R | PF_W, 0x1000, 0x2000, 0x400, 0x400);
  b.segment(PT_INTERP, PF_R, 0x800, 0x800, 28, 28);
  b.segment(PT_DYNAMIC, PF_R, 0x1100, 0x2100, tags.size() * sizeof(Elf64_Dyn), tags.size() * sizeof(Elf64_Dyn));
  return b;
}

TEST(LoaderElf, RelocatesAPieWithoutLibraries) {
  ByteVector file = pie(false).build();
  Image image = Image::parse(file, "pie");
  uint64_t bias = image.bias();
  EXPECT_EQ(bias, 0x555555554000u);
  EXPECT_EQ(image.entry(), bias + 0x100);
  EXPECT_EQ(image.read_u64(bias + 0x2000), bias + 0x123);
  EXPECT_EQ(image.elf().interpreter, "/lib64/ld-linux-x86-64.so.2");
  EXPECT_FALSE(image.not_runnable());
}

TEST(LoaderElf, SaysWhatOnlyItsInterpreterCanStart) {
  const Image library = Image::parse(pie(true).build(), "dynamic");
  EXPECT_EQ(library.elf().needed, std::vector<std::string>{"libc.so.6"});
  EXPECT_TRUE(library.elf().interpreted);
  EXPECT_FALSE(library.not_runnable());
  EXPECT_EQ(library.read_u64(library.bias() + 0x2000), library.bias() + 0x123) << "as it will be when it runs";
  EXPECT_EQ(*loader::get<uint64_t>(library.file(), 0x1000), 0u) << "the file's own bytes";
  EXPECT_FALSE(Image::parse(pie(false).build(), "alone").elf().interpreted);
  EXPECT_TRUE(Image::parse(pie(false, R_X86_64_GLOB_DAT).build(), "symbolic").elf().interpreted);
}

TEST(LoaderElf, AppliesPackedRelocations) {
  ElfBuilder b = pie(false, R_X86_64_NONE);
  put(&b.contents, 0x1100 + 3 * sizeof(Elf64_Dyn), Elf64_Dyn{36, {0x2280}});
  put(&b.contents, 0x1100 + 4 * sizeof(Elf64_Dyn), Elf64_Dyn{35, {24}});
  b.segments.back().p_filesz = b.segments.back().p_memsz = 6 * sizeof(Elf64_Dyn);
  put(&b.contents, 0x1280, uint64_t{0x2010});  // this word, and of the 63 behind it the second and the last
  put(&b.contents, 0x1288, uint64_t{1 | 1 << 2 | uint64_t{1} << 63});
  put(&b.contents, 0x1290, uint64_t{1 | 1 << 1});  // and the one behind those
  for (uint64_t at : {0x2010, 0x2018, 0x2020, 0x2018 + 62 * 8, 0x2018 + 63 * 8})
    put(&b.contents, at - 0x1000, uint64_t{at});
  const Image image = Image::parse(b.build(), "packed");
  const uint64_t bias = image.bias();
  for (uint64_t at : {0x2010, 0x2020, 0x2018 + 62 * 8, 0x2018 + 63 * 8})
    EXPECT_EQ(image.read_u64(bias + at), bias + at) << at;
  EXPECT_EQ(image.read_u64(bias + 0x2018), 0x2018u) << "its bit is not set";
}

TEST(LoaderElf, RefusesToRunOtherSystemsAndBadEntries) {
  ElfBuilder bsd = small_elf();
  bsd.header.e_ident[EI_OSABI] = ELFOSABI_FREEBSD;
  EXPECT_EQ(Image::parse(bsd.build(), "bsd").not_runnable(),
            "a program for another system than Linux; rebuild with GOOS=linux");
  ElfBuilder lost = small_elf();
  lost.header.e_entry = 0x500000;
  EXPECT_EQ(Image::parse(lost.build(), "lost").not_runnable(), "its entry 0x500000 is not in an executable segment");
}

struct BadFile {
  const char* name;
  std::function<ByteVector()> make;
  const char* line;  // the whole message
};

ByteVector text_file(std::string text) { return {text.begin(), text.end()}; }

ByteVector with(std::function<void(ElfBuilder&)> change) {
  ElfBuilder b = small_elf();
  change(b);
  return b.build();
}

const BadFile kBadFiles[] = {
    {"empty", [] { return ByteVector{}; }, "f: the file is empty"},
    {"text", [] { return text_file("hello, world\n"); },
     "f: neither an ELF nor a Mach-O file, nor a listing of go tool compile -S"},
    {"script", [] { return text_file("#!/bin/sh\n"); }, "f: a script, not a program"},
    {"pe", [] { return text_file(std::string("MZ\x90\0", 4)); },
     "f: Windows PE files are not supported; build with GOOS=linux"},
    {"macho", [] { return text_file("\xcf\xfa\xed\xfe"); }, "f: truncated: 4 bytes, a Mach-O header has 32"},
    {"magic only",
     [] {
       return text_file(
           "\x7f"
           "EL");
     },
     "f: truncated: only the first bytes of an ELF header"},
    {"half header",
     [] {
       return text_file(
           std::string("\x7f"
                       "ELF\2\1\1",
                       7));
     },
     "f: truncated: 7 bytes, an ELF header has 64"},
    {"32 bit", [] { return with([](ElfBuilder& b) { b.header.e_ident[EI_CLASS] = ELFCLASS32; }); },
     "f: a 32-bit ELF file; only amd64 and arm64 are supported (GOARCH=amd64 or arm64)"},
    {"bad class", [] { return with([](ElfBuilder& b) { b.header.e_ident[EI_CLASS] = 9; }); }, "f: bad ELF class 9"},
    {"big endian", [] { return with([](ElfBuilder& b) { b.header.e_ident[EI_DATA] = ELFDATA2MSB; }); },
     "f: a big-endian ELF file; only amd64 and arm64 are supported"},
    {"riscv", [] { return with([](ElfBuilder& b) { b.header.e_machine = EM_RISCV; }); },
     "f: ELF machine 243 is not supported; build with GOARCH=amd64 or arm64"},
    {"object", [] { return with([](ElfBuilder& b) { b.header.e_type = ET_REL; }); },
     "f: an ELF object file, not a program; link it first"},
    {"core", [] { return with([](ElfBuilder& b) { b.header.e_type = ET_CORE; }); }, "f: a core dump, not a program"},
    {"type 9", [] { return with([](ElfBuilder& b) { b.header.e_type = 9; }); }, "f: ELF type 9 is not a program"},
    {"no headers", [] { return with([](ElfBuilder& b) { b.segments.clear(); }); },
     "f: no program headers: not a program"},
    {"header size", [] { return with([](ElfBuilder& b) { b.header.e_phentsize = 32; }); },
     "f: corrupt: program header size 32, not 56"},
    {"headers outside", [] { return with([](ElfBuilder& b) { b.header.e_phoff = 0x2000; }); },
     "f: truncated: 2 program headers at 0x2000, the file has 4352 bytes"},
    {"headers wrap", [] { return with([](ElfBuilder& b) { b.header.e_phoff = UINT64_MAX - 7; }); },
     "f: truncated: 2 program headers at 0xfffffffffffffff8, the file has 4352 bytes"},
    {"no load",
     [] {
       return with([](ElfBuilder& b) {
         for (auto& s : b.segments) s.p_type = PT_NOTE;
       });
     },
     "f: no loadable segment: not a program"},
    {"filesz > memsz", [] { return with([](ElfBuilder& b) { b.segments[1].p_memsz = 0xff; }); },
     "f: corrupt: segment LOAD1 is larger in the file than in memory"},
    {"cut off", [] { return with([](ElfBuilder& b) { b.contents.resize(0x1080); }); },
     "f: truncated: segment LOAD1 needs file bytes up to 0x1100, the file has 0x1080"},
    {"kernel address", [] { return with([](ElfBuilder& b) { b.segments[1].p_vaddr = uint64_t{1} << 47; }); },
     "f: corrupt: segment LOAD1 at 0x800000000000 of 0x300 bytes is outside user memory"},
    {"huge", [] { return with([](ElfBuilder& b) { b.segments[1].p_memsz = UINT64_MAX; }); },
     "f: corrupt: segment LOAD1 at 0x500000 of 0xffffffffffffffff bytes is outside user memory"},
    {"overlap", [] { return with([](ElfBuilder& b) { b.segments[1].p_vaddr = 0x400fff; }); },
     "f: corrupt: segments LOAD0 and LOAD1 overlap"},
    {"relocations outside",
     [] {
       ElfBuilder b = pie(false);
       put(&b.contents, 0x1100, Elf64_Dyn{DT_RELA, {0x9000}});
       return b.build();
     },
     "f: corrupt: its relocations at 0x9000 are in no segment"},
    {"relocated word outside",
     [] {
       ElfBuilder b = pie(false);
       put(&b.contents, 0x1200, Elf64_Rela{0x23fc, R_X86_64_RELATIVE, 0});
       return b.build();
     },
     "f: corrupt: relocation of 0x23fc, which is in no segment's file bytes"},
};

TEST(LoaderElf, BadFilesGiveOneClearLine) {
  for (const BadFile& bad : kBadFiles) {
    SCOPED_TRACE(bad.name);
    try {
      Image::parse(bad.make(), "f");
      ADD_FAILURE() << "loaded";
    } catch (const Error& e) {
      EXPECT_STREQ(e.what(), bad.line);
    }
  }
}

TEST(LoaderElf, UnreadablePathsGiveTheSystemsReason) {
  auto line = [](const std::string& path) -> std::string {
    try {
      Image::load(path);
      return "loaded";
    } catch (const Error& e) {
      return e.what();
    }
  };
  EXPECT_EQ(line("/no/such/file"), "/no/such/file: No such file or directory");
  EXPECT_EQ(line("/"), "/: is a directory, not a program");
  EXPECT_EQ(line("/dev/null"), "/dev/null: not a regular file");
}

TEST(LoaderElf, FalseSectionHeadersAreLeftOut) {
  ElfBuilder b = small_elf();
  b.header.e_shoff = 0x10f0;
  b.header.e_shentsize = sizeof(Elf64_Shdr);
  b.header.e_shnum = 0xffff;
  b.header.e_shstrndx = 3;
  Image image = Image::parse(b.build(), "garbage sections");
  EXPECT_TRUE(image.sections().empty());
  EXPECT_TRUE(image.symbols().empty());
  EXPECT_FALSE(image.symbol_at(0x400100));
}

}  // namespace
}  // namespace deferscope::test
