// SSE … SSE4.2, AES and PCLMUL against the host.
#include <gtest/gtest.h>

#include "isa_x86_host.h"

namespace deferscope::isa::test {
namespace {

constexpr Form kMoves[] = {
    {"movups", "0f 10 /r"}, {"movups", "0f 11 /r"}, {"movaps", "0f 28 /r"}, {"movaps", "0f 29 /r"}, {"movupd", "66 0f 10 /r"},
    {"movupd", "66 0f 11 /r"}, {"movapd", "66 0f 28 /r"}, {"movapd", "66 0f 29 /r"}, {"movdqa", "66 0f 6f /r"}, {"movdqa", "66 0f 7f /r"},
    {"movdqu", "f3 0f 6f /r"}, {"movdqu", "f3 0f 7f /r"}, {"lddqu", "f2 0f f0 /r m"}, {"movss", "f3 0f 10 /r"}, {"movss", "f3 0f 11 /r"},
    {"movsd", "f2 0f 10 /r"}, {"movsd", "f2 0f 11 /r"}, {"movd", "66 q 0f 6e /r"}, {"movd", "66 q 0f 7e /r"}, {"movq", "f3 0f 7e /r"},
    {"movq", "66 0f d6 /r"}, {"movlps", "0f 12 /r"}, {"movlps", "0f 13 /r m"}, {"movhps", "0f 16 /r"}, {"movhps", "0f 17 /r m"},
    {"movlpd", "66 0f 12 /r m"}, {"movlpd", "66 0f 13 /r m"}, {"movhpd", "66 0f 16 /r m"}, {"movhpd", "66 0f 17 /r m"},
    {"movntps", "0f 2b /r m"}, {"movntdq", "66 0f e7 /r m"}, {"movntdqa", "66 0f 38 2a /r m"}, {"movddup", "f2 0f 12 /r"},
    {"movsldup", "f3 0f 12 /r"}, {"movshdup", "f3 0f 16 /r"}, {"movmskps", "q 0f 50 /r r"}, {"movmskpd", "66 q 0f 50 /r r"},
    {"pmovmskb", "66 q 0f d7 /r r"}, {"pextrb", "66 0f 3a 14 /r ib"}, {"pextrw", "66 0f c5 /r r ib"}, {"pextrw", "66 0f 3a 15 /r ib"},
    {"pextrd", "66 q 0f 3a 16 /r ib"}, {"extractps", "66 0f 3a 17 /r ib"}, {"pinsrb", "66 0f 3a 20 /r ib"}, {"pinsrw", "66 0f c4 /r ib"},
    {"pinsrd", "66 q 0f 3a 22 /r ib"}, {"insertps", "66 0f 3a 21 /r ib"}, {"maskmovdqu", "66 0f f7 /r r rdi"},
};

constexpr Form kIntegers[] = {
    {"punpcklbw", "66 0f 60 /r"}, {"punpcklwd", "66 0f 61 /r"}, {"punpckldq", "66 0f 62 /r"}, {"packsswb", "66 0f 63 /r"},
    {"pcmpgtb", "66 0f 64 /r"}, {"pcmpgtw", "66 0f 65 /r"}, {"pcmpgtd", "66 0f 66 /r"}, {"packuswb", "66 0f 67 /r"},
    {"punpckhbw", "66 0f 68 /r"}, {"punpckhwd", "66 0f 69 /r"}, {"punpckhdq", "66 0f 6a /r"}, {"packssdw", "66 0f 6b /r"},
    {"punpcklqdq", "66 0f 6c /r"}, {"punpckhqdq", "66 0f 6d /r"}, {"pshufd", "66 0f 70 /r ib"}, {"pshufhw", "f3 0f 70 /r ib"},
    {"pshuflw", "f2 0f 70 /r ib"}, {"psrlw", "66 0f 71 /2 r ib"}, {"psraw", "66 0f 71 /4 r ib"}, {"psllw", "66 0f 71 /6 r ib"},
    {"psrld", "66 0f 72 /2 r ib"}, {"psrad", "66 0f 72 /4 r ib"}, {"pslld", "66 0f 72 /6 r ib"}, {"psrlq", "66 0f 73 /2 r ib"},
    {"psrldq", "66 0f 73 /3 r ib"}, {"psllq", "66 0f 73 /6 r ib"}, {"pslldq", "66 0f 73 /7 r ib"}, {"pcmpeqb", "66 0f 74 /r"},
    {"pcmpeqw", "66 0f 75 /r"}, {"pcmpeqd", "66 0f 76 /r"}, {"psrlw", "66 0f d1 /r"}, {"psrld", "66 0f d2 /r"}, {"psrlq", "66 0f d3 /r"},
    {"paddq", "66 0f d4 /r"}, {"pmullw", "66 0f d5 /r"}, {"psubusb", "66 0f d8 /r"}, {"psubusw", "66 0f d9 /r"}, {"pminub", "66 0f da /r"},
    {"pand", "66 0f db /r"}, {"paddusb", "66 0f dc /r"}, {"paddusw", "66 0f dd /r"}, {"pmaxub", "66 0f de /r"}, {"pandn", "66 0f df /r"},
    {"pavgb", "66 0f e0 /r"}, {"psraw", "66 0f e1 /r"}, {"psrad", "66 0f e2 /r"}, {"pavgw", "66 0f e3 /r"}, {"pmulhuw", "66 0f e4 /r"},
    {"pmulhw", "66 0f e5 /r"}, {"psubsb", "66 0f e8 /r"}, {"psubsw", "66 0f e9 /r"}, {"pminsw", "66 0f ea /r"}, {"por", "66 0f eb /r"},
    {"paddsb", "66 0f ec /r"}, {"paddsw", "66 0f ed /r"}, {"pmaxsw", "66 0f ee /r"}, {"pxor", "66 0f ef /r"}, {"psllw", "66 0f f1 /r"},
    {"pslld", "66 0f f2 /r"}, {"psllq", "66 0f f3 /r"}, {"pmuludq", "66 0f f4 /r"}, {"pmaddwd", "66 0f f5 /r"}, {"psadbw", "66 0f f6 /r"},
    {"psubb", "66 0f f8 /r"}, {"psubw", "66 0f f9 /r"}, {"psubd", "66 0f fa /r"}, {"psubq", "66 0f fb /r"}, {"paddb", "66 0f fc /r"},
    {"paddw", "66 0f fd /r"}, {"paddd", "66 0f fe /r"}, {"andps", "0f 54 /r"}, {"andnpd", "66 0f 55 /r"}, {"orps", "0f 56 /r"},
    {"xorps", "0f 57 /r"}, {"shufps", "0f c6 /r ib"}, {"shufpd", "66 0f c6 /r ib"}, {"unpcklps", "0f 14 /r"}, {"unpckhps", "0f 15 /r"},
    {"unpcklpd", "66 0f 14 /r"}, {"unpckhpd", "66 0f 15 /r"},
    {"pshufb", "66 0f 38 00 /r"}, {"phaddw", "66 0f 38 01 /r"}, {"phaddd", "66 0f 38 02 /r"}, {"phaddsw", "66 0f 38 03 /r"},
    {"pmaddubsw", "66 0f 38 04 /r"}, {"phsubw", "66 0f 38 05 /r"}, {"phsubd", "66 0f 38 06 /r"}, {"phsubsw", "66 0f 38 07 /r"},
    {"psignb", "66 0f 38 08 /r"}, {"psignw", "66 0f 38 09 /r"}, {"psignd", "66 0f 38 0a /r"}, {"pmulhrsw", "66 0f 38 0b /r"},
    {"pblendvb", "66 0f 38 10 /r"}, {"blendvps", "66 0f 38 14 /r"}, {"blendvpd", "66 0f 38 15 /r"}, {"ptest", "66 0f 38 17 /r"},
    {"pabsb", "66 0f 38 1c /r"}, {"pabsw", "66 0f 38 1d /r"}, {"pabsd", "66 0f 38 1e /r"}, {"pmovsxbw", "66 0f 38 20 /r"},
    {"pmovsxbd", "66 0f 38 21 /r"}, {"pmovsxbq", "66 0f 38 22 /r"}, {"pmovsxwd", "66 0f 38 23 /r"}, {"pmovsxwq", "66 0f 38 24 /r"},
    {"pmovsxdq", "66 0f 38 25 /r"}, {"pmuldq", "66 0f 38 28 /r"}, {"pcmpeqq", "66 0f 38 29 /r"}, {"packusdw", "66 0f 38 2b /r"},
    {"pmovzxbw", "66 0f 38 30 /r"}, {"pmovzxbd", "66 0f 38 31 /r"}, {"pmovzxbq", "66 0f 38 32 /r"}, {"pmovzxwd", "66 0f 38 33 /r"},
    {"pmovzxwq", "66 0f 38 34 /r"}, {"pmovzxdq", "66 0f 38 35 /r"}, {"pcmpgtq", "66 0f 38 37 /r"}, {"pminsb", "66 0f 38 38 /r"},
    {"pminsd", "66 0f 38 39 /r"}, {"pminuw", "66 0f 38 3a /r"}, {"pminud", "66 0f 38 3b /r"}, {"pmaxsb", "66 0f 38 3c /r"},
    {"pmaxsd", "66 0f 38 3d /r"}, {"pmaxuw", "66 0f 38 3e /r"}, {"pmaxud", "66 0f 38 3f /r"}, {"pmulld", "66 0f 38 40 /r"},
    {"phminposuw", "66 0f 38 41 /r"}, {"blendps", "66 0f 3a 0c /r ib"}, {"blendpd", "66 0f 3a 0d /r ib"}, {"pblendw", "66 0f 3a 0e /r ib"},
    {"palignr", "66 0f 3a 0f /r ib"}, {"mpsadbw", "66 0f 3a 42 /r ib"}, {"pclmulqdq", "66 0f 3a 44 /r ib"},
    {"pcmpestrm", "66 q 0f 3a 60 /r ib len"}, {"pcmpestri", "66 q 0f 3a 61 /r ib len"}, {"pcmpistrm", "66 0f 3a 62 /r ib"},
    {"pcmpistri", "66 0f 3a 63 /r ib"}, {"aesimc", "66 0f 38 db /r"}, {"aesenc", "66 0f 38 dc /r"}, {"aesenclast", "66 0f 38 dd /r"},
    {"aesdec", "66 0f 38 de /r"}, {"aesdeclast", "66 0f 38 df /r"}, {"aeskeygenassist", "66 0f 3a df /r ib"},
};

constexpr Form kFloats[] = {
    {"addss", "f3 0f 58 /r"}, {"addsd", "f2 0f 58 /r"}, {"addps", "0f 58 /r"}, {"addpd", "66 0f 58 /r"}, {"mulss", "f3 0f 59 /r"},
    {"mulsd", "f2 0f 59 /r"}, {"mulps", "0f 59 /r"}, {"mulpd", "66 0f 59 /r"}, {"subss", "f3 0f 5c /r"}, {"subsd", "f2 0f 5c /r"},
    {"subps", "0f 5c /r"}, {"subpd", "66 0f 5c /r"}, {"minss", "f3 0f 5d /r"}, {"minsd", "f2 0f 5d /r"}, {"minps", "0f 5d /r"},
    {"minpd", "66 0f 5d /r"}, {"divss", "f3 0f 5e /r"}, {"divsd", "f2 0f 5e /r"}, {"divps", "0f 5e /r"}, {"divpd", "66 0f 5e /r"},
    {"maxss", "f3 0f 5f /r"}, {"maxsd", "f2 0f 5f /r"}, {"maxps", "0f 5f /r"}, {"maxpd", "66 0f 5f /r"}, {"sqrtss", "f3 0f 51 /r"},
    {"sqrtsd", "f2 0f 51 /r"}, {"sqrtps", "0f 51 /r"}, {"sqrtpd", "66 0f 51 /r"}, {"cmpss", "f3 0f c2 /r ib"}, {"cmpsd", "f2 0f c2 /r ib"},
    {"cmpps", "0f c2 /r ib"}, {"cmppd", "66 0f c2 /r ib"}, {"ucomiss", "0f 2e /r"}, {"ucomisd", "66 0f 2e /r"}, {"comiss", "0f 2f /r"},
    {"comisd", "66 0f 2f /r"}, {"roundps", "66 0f 3a 08 /r ib"}, {"roundpd", "66 0f 3a 09 /r ib"}, {"roundss", "66 0f 3a 0a /r ib"},
    {"roundsd", "66 0f 3a 0b /r ib"}, {"addsubpd", "66 0f d0 /r"}, {"addsubps", "f2 0f d0 /r"}, {"haddpd", "66 0f 7c /r"},
    {"haddps", "f2 0f 7c /r"}, {"hsubpd", "66 0f 7d /r"}, {"hsubps", "f2 0f 7d /r"}, {"dpps", "66 0f 3a 40 /r ib"},
    {"dppd", "66 0f 3a 41 /r ib"}, {"rcpss", "f3 0f 53 /r estimate"}, {"rcpps", "0f 53 /r estimate"}, {"rsqrtss", "f3 0f 52 /r estimate"},
    {"rsqrtps", "0f 52 /r estimate"}, {"cvtsi2ss", "f3 q 0f 2a /r"}, {"cvtsi2sd", "f2 q 0f 2a /r"}, {"cvttss2si", "f3 q 0f 2c /r daz"},
    {"cvttsd2si", "f2 q 0f 2c /r daz"}, {"cvtss2si", "f3 q 0f 2d /r"}, {"cvtsd2si", "f2 q 0f 2d /r"}, {"cvtss2sd", "f3 0f 5a /r"},
    {"cvtsd2ss", "f2 0f 5a /r"}, {"cvtps2pd", "0f 5a /r"}, {"cvtpd2ps", "66 0f 5a /r"}, {"cvtdq2ps", "0f 5b /r"},
    {"cvtps2dq", "66 0f 5b /r"}, {"cvttps2dq", "f3 0f 5b /r"}, {"cvtdq2pd", "f3 0f e6 /r"}, {"cvtpd2dq", "f2 0f e6 /r"},
    {"cvttpd2dq", "66 0f e6 /r"},
};

TEST(X86Host, SseMoves) { check_against_host(kMoves); }
TEST(X86Host, SseIntegers) { check_against_host(kIntegers); }
TEST(X86Host, SseFloats) { check_against_host(kFloats); }

}  // namespace
}  // namespace deferscope::isa::test
