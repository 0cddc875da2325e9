// The x87 and MMX against the host: every bit of registers, status and tags.
#include <gtest/gtest.h>

#include "isa/state.h"
#include "isa_x86_host.h"

namespace deferscope::isa::test {
namespace {

constexpr Form kArithmetic[] = {
    {"fadd m32", "d8 /0 m x87"},   {"fadd m64", "dc /0 m x87"},   {"fiadd m32", "da /0 m x87"},
    {"fiadd m16", "de /0 m x87"},  {"fadd", "d8 /0 r x87"},       {"fadd", "dc /0 r x87"},
    {"faddp", "de /0 r x87"},      {"fmul m32", "d8 /1 m x87"},   {"fmul m64", "dc /1 m x87"},
    {"fimul m32", "da /1 m x87"},  {"fimul m16", "de /1 m x87"},  {"fmul", "d8 /1 r x87"},
    {"fmul", "dc /1 r x87"},       {"fmulp", "de /1 r x87"},      {"fsub m32", "d8 /4 m x87"},
    {"fsub m64", "dc /4 m x87"},   {"fisub m32", "da /4 m x87"},  {"fisub m16", "de /4 m x87"},
    {"fsub", "d8 /4 r x87"},       {"fsubr", "dc /4 r x87"},      {"fsubrp", "de /4 r x87"},
    {"fsubr m32", "d8 /5 m x87"},  {"fsubr m64", "dc /5 m x87"},  {"fisubr m32", "da /5 m x87"},
    {"fisubr m16", "de /5 m x87"}, {"fsubr", "d8 /5 r x87"},      {"fsub", "dc /5 r x87"},
    {"fsubp", "de /5 r x87"},      {"fdiv m32", "d8 /6 m x87"},   {"fdiv m64", "dc /6 m x87"},
    {"fidiv m32", "da /6 m x87"},  {"fidiv m16", "de /6 m x87"},  {"fdiv", "d8 /6 r x87"},
    {"fdivr", "dc /6 r x87"},      {"fdivrp", "de /6 r x87"},     {"fdivr m32", "d8 /7 m x87"},
    {"fdivr m64", "dc /7 m x87"},  {"fidivr m32", "da /7 m x87"}, {"fidivr m16", "de /7 m x87"},
    {"fdivr", "d8 /7 r x87"},      {"fdiv", "dc /7 r x87"},       {"fdivp", "de /7 r x87"},
    {"fsqrt", "d9 fa x87"},        {"frndint", "d9 fc x87"},      {"fscale", "d9 fd x87"},
    {"fprem", "d9 f8 x87"},        {"fprem1", "d9 f5 x87"},       {"fxtract", "d9 f4 x87"},
    {"fabs", "d9 e1 x87"},         {"fchs", "d9 e0 x87"},
};

// Processors differ in the last place.
constexpr Form kTranscendental[] = {
    {"fsin", "d9 fe x87 ulp"},   {"fcos", "d9 ff x87 ulp"},  {"fptan", "d9 f2 x87 ulp"}, {"fsincos", "d9 fb x87 ulp"},
    {"fpatan", "d9 f3 x87 ulp"}, {"f2xm1", "d9 f0 x87 ulp"}, {"fyl2x", "d9 f1 x87 ulp"}, {"fyl2xp1", "d9 f9 x87 ulp"},
};

constexpr Form kDecimal[] = {{"fbld", "df /4 m x87 bcd"}, {"fbstp", "df /6 m x87"}};

constexpr Form kComparisons[] = {
    {"fcom m32", "d8 /2 m x87"},
    {"fcomp m32", "d8 /3 m x87"},
    {"fcom m64", "dc /2 m x87"},
    {"fcomp m64", "dc /3 m x87"},
    {"ficom m32", "da /2 m x87"},
    {"ficomp m32", "da /3 m x87"},
    {"ficom m16", "de /2 m x87"},
    {"ficomp m16", "de /3 m x87"},
    {"fcom", "d8 /2 r x87"},
    {"fcomp", "d8 /3 r x87"},
    {"fcompp", "de d9 x87"},
    {"fucom", "dd /4 r x87"},
    {"fucomp", "dd /5 r x87"},
    {"fucompp", "da e9 x87"},
    {"fcomi", "db /6 r x87 keepsc1"},
    {"fcomip", "df /6 r x87 keepsc1"},
    {"fucomi", "db /5 r x87 keepsc1"},
    {"fucomip", "df /5 r x87 keepsc1"},
    {"ftst", "d9 e4 x87"},
    {"fxam", "d9 e5 x87"},
};

constexpr Form kMoves[] = {
    {"fld m32", "d9 /0 m x87"},    {"fld m64", "dd /0 m x87"},    {"fld m80", "db /5 m x87 ext"},
    {"fld", "d9 /0 r x87"},        {"fild m16", "df /0 m x87"},   {"fild m32", "db /0 m x87"},
    {"fild m64", "df /5 m x87"},   {"fst m32", "d9 /2 m x87"},    {"fstp m32", "d9 /3 m x87"},
    {"fst m64", "dd /2 m x87"},    {"fstp m64", "dd /3 m x87"},   {"fstp m80", "db /7 m x87"},
    {"fst", "dd /2 r x87"},        {"fstp", "dd /3 r x87"},       {"fist m16", "df /2 m x87"},
    {"fistp m16", "df /3 m x87"},  {"fist m32", "db /2 m x87"},   {"fistp m32", "db /3 m x87"},
    {"fistp m64", "df /7 m x87"},  {"fisttp m16", "df /1 m x87"}, {"fisttp m32", "db /1 m x87"},
    {"fisttp m64", "dd /1 m x87"}, {"fld1", "d9 e8 x87"},         {"fldl2t", "d9 e9 x87"},
    {"fldl2e", "d9 ea x87"},       {"fldpi", "d9 eb x87"},        {"fldlg2", "d9 ec x87"},
    {"fldln2", "d9 ed x87"},       {"fldz", "d9 ee x87"},         {"fxch", "d9 /1 r x87"},
    {"fcmovb", "da /0 r x87"},     {"fcmove", "da /1 r x87"},     {"fcmovbe", "da /2 r x87"},
    {"fcmovu", "da /3 r x87"},     {"fcmovnb", "db /0 r x87"},    {"fcmovne", "db /1 r x87"},
    {"fcmovnbe", "db /2 r x87"},   {"fcmovnu", "db /3 r x87"},
};

constexpr Form kControl[] = {
    {"fninit", "db e3 x87"},
    {"fnclex", "db e2 x87"},
    {"fincstp", "d9 f7 x87"},
    {"fdecstp", "d9 f6 x87"},
    {"ffree", "dd /0 r x87"},
    {"ffreep", "df /0 r x87"},
    {"fnop", "d9 d0 x87"},
    {"feni", "db e0 x87"},
    {"fdisi", "db e1 x87"},
    {"fsetpm", "db e4 x87"},
    {"fstpnce", "d9 /3 r x87"},
    {"fcom", "dc /2 r x87"},
    {"fcomp", "dc /3 r x87"},
    {"fcomp", "de /2 r x87"},
    {"fxch", "dd /1 r x87"},
    {"fxch", "df /1 r x87"},
    {"fstp", "df /2 r x87"},
    {"fstp", "df /3 r x87"},
    {"fwait", "9b x87"},
    {"emms", "0f 77 x87"},
    {"fnstcw", "d9 /7 m x87"},
    {"fnstsw", "dd /7 m x87"},
    {"fnstsw ax", "df e0 x87"},
    {"fnstenv", "d9 /6 m x87"},
    {"fnsave", "dd /6 m x87"},
    {"fxsave", "0f ae /0 m x87 area either"},
    {"fxsave64", "W 0f ae /0 m x87 area either"},
};

constexpr Form kRestoring[] = {
    {"fldcw", "d9 /5 m x87 env"},
    {"fldenv", "d9 /4 m x87 env either"},
    {"frstor", "dd /4 m x87 env either"},
    {"fldenv 16", "66 d9 /4 m x87 env16 either"},
    {"fxrstor", "0f ae /1 m x87 image either"},
    {"fxrstor64", "W 0f ae /1 m x87 image either"},
};

// XSAVE keeps the upper halves too.
constexpr Form kXsave[] = {
    {"xsave", "0f ae /4 m x87 v3 parts area either"},
    {"xsave64", "W 0f ae /4 m x87 v3 parts area either"},
    {"xrstor", "0f ae /5 m x87 v3 parts image either"},
    {"xrstor64", "W 0f ae /5 m x87 v3 parts image either"},
};

constexpr Form kMmx[] = {
    {"punpcklbw", "0f 60 /r x87"},
    {"punpcklwd", "0f 61 /r x87"},
    {"punpckldq", "0f 62 /r x87"},
    {"packsswb", "0f 63 /r x87"},
    {"pcmpgtb", "0f 64 /r x87"},
    {"pcmpgtw", "0f 65 /r x87"},
    {"pcmpgtd", "0f 66 /r x87"},
    {"packuswb", "0f 67 /r x87"},
    {"punpckhbw", "0f 68 /r x87"},
    {"punpckhwd", "0f 69 /r x87"},
    {"punpckhdq", "0f 6a /r x87"},
    {"packssdw", "0f 6b /r x87"},
    {"pcmpeqb", "0f 74 /r x87"},
    {"pcmpeqw", "0f 75 /r x87"},
    {"pcmpeqd", "0f 76 /r x87"},
    {"psrlw", "0f d1 /r x87"},
    {"psrld", "0f d2 /r x87"},
    {"psrlq", "0f d3 /r x87"},
    {"paddq", "0f d4 /r x87"},
    {"pmullw", "0f d5 /r x87"},
    {"psubusb", "0f d8 /r x87"},
    {"psubusw", "0f d9 /r x87"},
    {"pminub", "0f da /r x87"},
    {"pand", "0f db /r x87"},
    {"paddusb", "0f dc /r x87"},
    {"paddusw", "0f dd /r x87"},
    {"pmaxub", "0f de /r x87"},
    {"pandn", "0f df /r x87"},
    {"pavgb", "0f e0 /r x87"},
    {"psraw", "0f e1 /r x87"},
    {"psrad", "0f e2 /r x87"},
    {"pavgw", "0f e3 /r x87"},
    {"pmulhuw", "0f e4 /r x87"},
    {"pmulhw", "0f e5 /r x87"},
    {"psubsb", "0f e8 /r x87"},
    {"psubsw", "0f e9 /r x87"},
    {"pminsw", "0f ea /r x87"},
    {"por", "0f eb /r x87"},
    {"paddsb", "0f ec /r x87"},
    {"paddsw", "0f ed /r x87"},
    {"pmaxsw", "0f ee /r x87"},
    {"pxor", "0f ef /r x87"},
    {"psllw", "0f f1 /r x87"},
    {"pslld", "0f f2 /r x87"},
    {"psllq", "0f f3 /r x87"},
    {"pmuludq", "0f f4 /r x87"},
    {"pmaddwd", "0f f5 /r x87"},
    {"psadbw", "0f f6 /r x87"},
    {"psubb", "0f f8 /r x87"},
    {"psubw", "0f f9 /r x87"},
    {"psubd", "0f fa /r x87"},
    {"psubq", "0f fb /r x87"},
    {"paddb", "0f fc /r x87"},
    {"paddw", "0f fd /r x87"},
    {"paddd", "0f fe /r x87"},
    {"pshufb", "0f 38 00 /r x87"},
    {"phaddw", "0f 38 01 /r x87"},
    {"phaddd", "0f 38 02 /r x87"},
    {"phaddsw", "0f 38 03 /r x87"},
    {"pmaddubsw", "0f 38 04 /r x87"},
    {"phsubw", "0f 38 05 /r x87"},
    {"phsubd", "0f 38 06 /r x87"},
    {"phsubsw", "0f 38 07 /r x87"},
    {"psignb", "0f 38 08 /r x87"},
    {"psignw", "0f 38 09 /r x87"},
    {"psignd", "0f 38 0a /r x87"},
    {"pmulhrsw", "0f 38 0b /r x87"},
    {"pabsb", "0f 38 1c /r x87"},
    {"pabsw", "0f 38 1d /r x87"},
    {"pabsd", "0f 38 1e /r x87"},
    {"pshufw", "0f 70 /r ib x87"},
    {"movd", "q 0f 6e /r x87"},
    {"movd", "q 0f 7e /r x87"},
    {"movq", "0f 6f /r x87"},
    {"movq", "0f 7f /r x87"},
    {"movntq", "0f e7 /r m x87"},
    {"movq2dq", "f3 0f d6 /r r x87"},
    {"movdq2q", "f2 0f d6 /r r x87"},
    {"pmovmskb", "0f d7 /r r x87"},
    {"pextrw", "0f c5 /r r ib x87"},
    {"pinsrw", "0f c4 /r ib x87"},
    {"psrlw", "0f 71 /2 r ib x87"},
    {"psraw", "0f 71 /4 r ib x87"},
    {"psllw", "0f 71 /6 r ib x87"},
    {"psrld", "0f 72 /2 r ib x87"},
    {"psrad", "0f 72 /4 r ib x87"},
    {"pslld", "0f 72 /6 r ib x87"},
    {"psrlq", "0f 73 /2 r ib x87"},
    {"psllq", "0f 73 /6 r ib x87"},
    {"palignr", "0f 3a 0f /r ib x87"},
    {"maskmovq", "0f f7 /r r rdi x87 enters either"},
    {"cvtpi2ps", "0f 2a /r x87"},
    {"cvtps2pi", "0f 2d /r x87"},
    {"cvttps2pi", "0f 2c /r x87"},
    {"cvtpi2pd", "66 0f 2a /r x87"},
    {"cvtpd2pi", "66 0f 2d /r x87"},
    {"cvttpd2pi", "66 0f 2c /r x87"},
};

TEST(X86X87, Arithmetic) { check_against_host(kArithmetic); }
TEST(X86X87, Transcendental) { check_against_host(kTranscendental); }
TEST(X86X87, Decimal) { check_against_host(kDecimal); }
TEST(X86X87, Comparisons) { check_against_host(kComparisons); }
TEST(X86X87, Moves) { check_against_host(kMoves); }
TEST(X86X87, Control) { check_against_host(kControl); }
TEST(X86X87, Mmx) { check_against_host(kMmx); }
TEST(X86X87, Restoring) { check_against_host(kRestoring); }
TEST(X86X87, Xsave) { check_against_host(kXsave, Level::v3); }

}  // namespace
}  // namespace deferscope::isa::test
