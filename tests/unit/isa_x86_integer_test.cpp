// General-register instructions against the host.
#include <gtest/gtest.h>

#include "isa/state.h"
#include "isa_x86_host.h"

namespace deferscope::isa::test {
namespace {

constexpr uint32_t kA = flag::AF, kMul = flag::SF | flag::ZF | flag::AF | flag::PF, kAll = flag::kArith,
                   kBitTest = flag::OF | flag::SF | flag::AF | flag::PF,
                   kScan = flag::CF | flag::OF | flag::SF | flag::AF | flag::PF;

constexpr Form kArithmetic[] = {
    {"add", "b 00 /r"}, {"add", "v 01 /r"}, {"add", "b 02 /r"}, {"add", "v 03 /r"}, {"add al", "b 04 ib"},
    {"add eax", "v 05 iz"}, {"add", "b 80 /0 ib"}, {"add", "v 81 /0 iz"}, {"add", "v 83 /0 ib"},
    {"or", "b 08 /r", kA}, {"or", "v 09 /r", kA}, {"or", "b 0a /r", kA}, {"or", "v 0b /r", kA}, {"or", "v 83 /1 ib", kA},
    {"adc", "b 10 /r"}, {"adc", "v 11 /r"}, {"adc", "b 12 /r"}, {"adc", "v 13 /r"}, {"adc", "v 83 /2 ib"}, {"adc", "v 81 /2 iz"},
    {"sbb", "b 18 /r"}, {"sbb", "v 19 /r"}, {"sbb", "b 1a /r"}, {"sbb", "v 1b /r"}, {"sbb", "v 83 /3 ib"}, {"sbb", "v 81 /3 iz"},
    {"and", "b 20 /r", kA}, {"and", "v 21 /r", kA}, {"and", "b 22 /r", kA}, {"and", "v 23 /r", kA}, {"and", "v 83 /4 ib", kA},
    {"and", "v 81 /4 iz", kA},
    {"sub", "b 28 /r"}, {"sub", "v 29 /r"}, {"sub", "b 2a /r"}, {"sub", "v 2b /r"}, {"sub", "v 83 /5 ib"},
    {"xor", "b 30 /r", kA}, {"xor", "v 31 /r", kA}, {"xor", "b 32 /r", kA}, {"xor", "v 33 /r", kA}, {"xor", "v 83 /6 ib", kA},
    {"cmp", "b 38 /r"}, {"cmp", "v 39 /r"}, {"cmp", "b 3a /r"}, {"cmp", "v 3b /r"}, {"cmp", "b 80 /7 ib"}, {"cmp", "v 81 /7 iz"},
    {"cmp", "v 83 /7 ib"}, {"cmp al", "b 3c ib"},
    {"test", "b 84 /r", kA}, {"test", "v 85 /r", kA}, {"test", "b f6 /0 ib", kA}, {"test", "v f7 /0 iz", kA},
    {"inc", "b fe /0"}, {"inc", "v ff /0"}, {"dec", "b fe /1"}, {"dec", "v ff /1"},
    {"not", "b f6 /2"}, {"not", "v f7 /2"}, {"neg", "b f6 /3"}, {"neg", "v f7 /3"},
    {"lock add", "lock v 01 /r"}, {"lock or", "lock v 09 /r", kA}, {"lock and", "lock b 20 /r", kA}, {"lock inc", "lock v ff /0"},
    {"lock xadd", "lock v 0f c1 /r"}, {"lock cmpxchg", "lock v 0f b1 /r cmpx"}, {"lock neg", "lock v f7 /3"},
    {"xadd", "b 0f c0 /r"}, {"xadd", "v 0f c1 /r"}, {"cmpxchg", "b 0f b0 /r cmpx"}, {"cmpxchg", "v 0f b1 /r cmpx"},
    {"cmpxchg8b", "0f c7 /1 m cmpx", 0}, {"cmpxchg16b", "W 0f c7 /1 m cmpx", 0},
    {"mul", "b f6 /4", kMul}, {"mul", "v f7 /4", kMul}, {"imul", "b f6 /5", kMul}, {"imul", "v f7 /5", kMul},
    {"imul", "v 0f af /r", kMul}, {"imul", "v 69 /r iz", kMul}, {"imul", "v 6b /r ib", kMul},
    {"div", "b f6 /6", kAll}, {"div", "v f7 /6 div", kAll}, {"idiv", "b f6 /7", kAll}, {"idiv", "v f7 /7 div", kAll},
    {"cbw", "v 98"}, {"cwd", "v 99"},
};

constexpr Form kMoves[] = {
    {"mov", "b 88 /r"}, {"mov", "v 89 /r"}, {"mov", "b 8a /r"}, {"mov", "v 8b /r"}, {"mov", "b b0 +r ib"}, {"mov", "q c7 /0 id"},
    {"mov", "b c6 /0 ib"}, {"mov", "v c7 /0 iz"}, {"mov", "b8 +r id"}, {"mov", "W b8 +r iq"}, {"mov sreg", "v 8c /1 r"},
    {"movzx", "v 0f b6 /r"}, {"movzx", "q 0f b7 /r"}, {"movsx", "v 0f be /r"}, {"movsx", "q 0f bf /r"}, {"movsxd", "W 63 /r"},
    {"movsxd", "63 /r"}, {"lea", "v 8d /r m"}, {"xchg", "b 86 /r"}, {"xchg", "v 87 /r"}, {"xchg rax", "v 90 +r"},
    {"movnti", "q 0f c3 /r m"}, {"bswap", "q 0f c8 +r"}, {"bswap16", "66 0f c8 +r"}, {"xlat", "d7 rbx"},
    {"lahf", "9f"}, {"sahf", "9e"}, {"clc", "f8"}, {"stc", "f9"}, {"cmc", "f5"}, {"cld", "fc"}, {"std", "fd"},
    {"nop", "v 0f 1f /0"}, {"endbr64", "f3 0f 1e fa"}, {"pause", "f3 90"}, {"prefetcht0", "0f 18 /1 m"}, {"prefetchw", "0f 0d /1 m"},
    {"mfence", "0f ae f0"}, {"lfence", "0f ae e8"}, {"sfence", "0f ae f8"}, {"clflush", "0f ae /7 m"},
    {"ldmxcsr", "0f ae /2 m mxcsr"}, {"stmxcsr", "0f ae /3 m"},
    {"cmovo", "v 0f 40 /r"}, {"cmovno", "v 0f 41 /r"}, {"cmovb", "v 0f 42 /r"}, {"cmovae", "v 0f 43 /r"}, {"cmove", "v 0f 44 /r"},
    {"cmovne", "v 0f 45 /r"}, {"cmovbe", "v 0f 46 /r"}, {"cmova", "v 0f 47 /r"}, {"cmovs", "v 0f 48 /r"}, {"cmovns", "v 0f 49 /r"},
    {"cmovp", "v 0f 4a /r"}, {"cmovnp", "v 0f 4b /r"}, {"cmovl", "v 0f 4c /r"}, {"cmovge", "v 0f 4d /r"}, {"cmovle", "v 0f 4e /r"},
    {"cmovg", "v 0f 4f /r"}, {"seto", "b 0f 90 /0"}, {"setno", "b 0f 91 /0"}, {"setb", "b 0f 92 /0"}, {"setae", "b 0f 93 /0"},
    {"sete", "b 0f 94 /0"}, {"setne", "b 0f 95 /0"}, {"setbe", "b 0f 96 /0"}, {"seta", "b 0f 97 /0"}, {"sets", "b 0f 98 /0"},
    {"setns", "b 0f 99 /0"}, {"setp", "b 0f 9a /0"}, {"setnp", "b 0f 9b /0"}, {"setl", "b 0f 9c /0"}, {"setge", "b 0f 9d /0"},
    {"setle", "b 0f 9e /0"}, {"setg", "b 0f 9f /0"},
};

constexpr Form kBits[] = {
    {"rol", "b d2 /0 shift"}, {"rol", "v d3 /0 shift"}, {"rol", "v c1 /0 ib shift"}, {"rol", "b c0 /0 ib shift"}, {"rol", "v d1 /0 shift"},
    {"ror", "b d2 /1 shift"}, {"ror", "v d3 /1 shift"}, {"ror", "v c1 /1 ib shift"}, {"ror", "v d1 /1 shift"},
    {"rcl", "b d2 /2 shift"}, {"rcl", "v d3 /2 shift"}, {"rcl", "v c1 /2 ib shift"}, {"rcl", "v d1 /2 shift"},
    {"rcr", "b d2 /3 shift"}, {"rcr", "v d3 /3 shift"}, {"rcr", "v c1 /3 ib shift"}, {"rcr", "v d1 /3 shift"},
    {"shl", "b d2 /4 shift", kA}, {"shl", "v d3 /4 shift", kA}, {"shl", "v c1 /4 ib shift", kA}, {"shl", "v d1 /4 shift", kA},
    {"sal", "v d3 /6 shift", kA},
    {"shr", "b d2 /5 shift", kA}, {"shr", "v d3 /5 shift", kA}, {"shr", "v c1 /5 ib shift", kA}, {"shr", "v d1 /5 shift", kA},
    {"sar", "b d2 /7 shift", kA}, {"sar", "v d3 /7 shift", kA}, {"sar", "v c1 /7 ib shift", kA}, {"sar", "v d1 /7 shift", kA},
    {"shld", "v 0f a4 /r ib shiftd", kA}, {"shld", "v 0f a5 /r shiftd", kA}, {"shrd", "v 0f ac /r ib shiftd", kA},
    {"shrd", "v 0f ad /r shiftd", kA},
    {"bt", "v 0f a3 /r bit", kBitTest}, {"bts", "v 0f ab /r bit", kBitTest}, {"btr", "v 0f b3 /r bit", kBitTest},
    {"btc", "v 0f bb /r bit", kBitTest}, {"bt", "v 0f ba /4 ib", kBitTest}, {"bts", "v 0f ba /5 ib", kBitTest},
    {"btr", "v 0f ba /6 ib", kBitTest}, {"btc", "v 0f ba /7 ib", kBitTest}, {"lock bts", "lock v 0f ab /r bit", kBitTest},
    {"bsf", "v 0f bc /r", kScan}, {"bsr", "v 0f bd /r", kScan}, {"popcnt", "f3 v 0f b8 /r"},
    {"crc32", "f2 q 0f 38 f0 /r"}, {"crc32", "f2 v 0f 38 f1 /r"},
};

constexpr Form kControl[] = {
    {"push", "50 +r stack"}, {"push", "ff /6 stack"}, {"push", "68 id stack"}, {"push", "6a ib stack"}, {"pushw", "66 50 +r stack"},
    {"pop", "58 +r stack"}, {"pop", "8f /0 stack"}, {"popw", "66 58 +r stack"}, {"pushfq", "9c stack"}, {"pushf", "66 9c stack"},
    {"popfq", "9d stack popf"}, {"popf", "66 9d stack popf"}, {"enter", "c8 iw 00 stack"}, {"leave", "c9 frame"},
    {"jmp", "eb rel8"}, {"jmp", "e9 rel32"}, {"jmp", "ff /4 go"}, {"call", "e8 cd stack"}, {"call", "ff /2 stack go"},
    {"ret", "c3 stack go"}, {"ret", "c2 iw stack go"},
    {"jo", "70 rel8"}, {"jno", "71 rel8"}, {"jb", "72 rel8"}, {"jae", "73 rel8"}, {"je", "74 rel8"}, {"jne", "75 rel8"}, {"jbe", "76 rel8"},
    {"ja", "77 rel8"}, {"js", "78 rel8"}, {"jns", "79 rel8"}, {"jp", "7a rel8"}, {"jnp", "7b rel8"}, {"jl", "7c rel8"}, {"jge", "7d rel8"},
    {"jle", "7e rel8"}, {"jg", "7f rel8"}, {"je near", "0f 84 rel32"}, {"jg near", "0f 8f rel32"}, {"jrcxz", "e3 rel8"}, {"jecxz", "67 e3 rel8"},
    {"loop", "e2 rel8"}, {"loope", "e1 rel8"}, {"loopne", "e0 rel8"}, {"loop 32", "67 e2 rel8"},
    {"ud2", "0f 0b"}, {"hlt", "f4"}, {"cli", "fa"}, {"in", "ec"}, {"int 80h+1", "cd 81"}, {"lock mov", "f0 89 c0"},
    {"lock add r", "f0 01 c0"}, {"lock cmp", "f0 39 03"}, {"bad", "06"}, {"bad far", "ea"}, {"mov cr", "0f 20 c0"}, {"wrmsr", "0f 30"},
};

constexpr Form kStrings[] = {
    {"movsb", "a4 str"}, {"movs", "v a5 str"}, {"rep movsb", "f3 a4 str"}, {"rep movs", "f3 v a5 str"}, {"repne movs", "f2 v a5 str"},
    {"stosb", "aa str"}, {"stos", "v ab str"}, {"rep stosb", "f3 aa str"}, {"rep stos", "f3 v ab str"},
    {"lodsb", "ac str"}, {"lods", "v ad str"}, {"rep lods", "f3 v ad str"},
    {"scasb", "ae str"}, {"scas", "v af str"}, {"repe scasb", "f3 ae str"}, {"repne scasb", "f2 ae str"}, {"repne scas", "f2 v af str"},
    {"cmpsb", "a6 str"}, {"cmps", "v a7 str"}, {"repe cmpsb", "f3 a6 str"}, {"repne cmpsb", "f2 a6 str"}, {"repe cmps", "f3 v a7 str"},
    {"gs movsb", "65 a4 str"},
};

TEST(X86Host, Arithmetic) { check_against_host(kArithmetic); }
TEST(X86Host, Moves) { check_against_host(kMoves); }
TEST(X86Host, Bits) { check_against_host(kBits); }
TEST(X86Host, Control) { check_against_host(kControl); }
TEST(X86Host, Strings) { check_against_host(kStrings); }

}  // namespace
}  // namespace deferscope::isa::test
