// The x87 against the host: every bit of registers, status and tags.
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

TEST(X86X87, Arithmetic) { check_against_host(kArithmetic); }
TEST(X86X87, Comparisons) { check_against_host(kComparisons); }
TEST(X86X87, Moves) { check_against_host(kMoves); }
TEST(X86X87, Control) { check_against_host(kControl); }
TEST(X86X87, Restoring) { check_against_host(kRestoring); }
TEST(X86X87, Xsave) { check_against_host(kXsave, Level::v3); }

}  // namespace
}  // namespace deferscope::isa::test
