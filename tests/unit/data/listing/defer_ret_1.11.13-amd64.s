"".namedThenReturned STEXT size=125 args=0x10 locals=0x20
	0x0000 00000 (main.go:6)	TEXT	"".namedThenReturned(SB), $32-16
	0x0000 00000 (main.go:6)	MOVQ	(TLS), CX
	0x0009 00009 (main.go:6)	CMPQ	SP, 16(CX)
	0x000d 00013 (main.go:6)	JLS	118
	0x000f 00015 (main.go:6)	SUBQ	$32, SP
	0x0013 00019 (main.go:6)	MOVQ	BP, 24(SP)
	0x0018 00024 (main.go:6)	LEAQ	24(SP), BP
	0x001d 00029 (main.go:6)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:6)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:6)	FUNCDATA	$3, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001d 00029 (main.go:6)	PCDATA	$2, $0
	0x001d 00029 (main.go:6)	PCDATA	$0, $0
	0x001d 00029 (main.go:6)	MOVQ	$0, "".result+48(SP)
	0x0026 00038 (main.go:7)	MOVQ	"".start+40(SP), AX
	0x002b 00043 (main.go:7)	MOVQ	AX, "".result+48(SP)
	0x0030 00048 (main.go:8)	PCDATA	$2, $1
	0x0030 00048 (main.go:8)	LEAQ	"".result+48(SP), AX
	0x0035 00053 (main.go:8)	PCDATA	$2, $0
	0x0035 00053 (main.go:8)	MOVQ	AX, 16(SP)
	0x003a 00058 (main.go:8)	MOVL	$8, (SP)
	0x0041 00065 (main.go:8)	PCDATA	$2, $1
	0x0041 00065 (main.go:8)	LEAQ	"".namedThenReturned.func1·f(SB), AX
	0x0048 00072 (main.go:8)	PCDATA	$2, $0
	0x0048 00072 (main.go:8)	MOVQ	AX, 8(SP)
	0x004d 00077 (main.go:8)	CALL	runtime.deferproc(SB)
	0x0052 00082 (main.go:8)	TESTL	AX, AX
	0x0054 00084 (main.go:8)	JNE	102
	0x0056 00086 (main.go:9)	XCHGL	AX, AX
	0x0057 00087 (main.go:9)	CALL	runtime.deferreturn(SB)
	0x005c 00092 (main.go:9)	MOVQ	24(SP), BP
	0x0061 00097 (main.go:9)	ADDQ	$32, SP
	0x0065 00101 (main.go:9)	RET
	0x0066 00102 (main.go:8)	XCHGL	AX, AX
	0x0067 00103 (main.go:8)	CALL	runtime.deferreturn(SB)
	0x006c 00108 (main.go:8)	MOVQ	24(SP), BP
	0x0071 00113 (main.go:8)	ADDQ	$32, SP
	0x0075 00117 (main.go:8)	RET
	0x0076 00118 (main.go:8)	NOP
	0x0076 00118 (main.go:6)	PCDATA	$0, $-1
	0x0076 00118 (main.go:6)	PCDATA	$2, $-1
	0x0076 00118 (main.go:6)	CALL	runtime.morestack_noctxt(SB)
	0x007b 00123 (main.go:6)	JMP	0
	0x0000 64 48 8b 0c 25 00 00 00 00 48 3b 61 10 76 67 48  dH..%....H;a.vgH
	0x0010 83 ec 20 48 89 6c 24 18 48 8d 6c 24 18 48 c7 44  .. H.l$.H.l$.H.D
	0x0020 24 30 00 00 00 00 48 8b 44 24 28 48 89 44 24 30  $0....H.D$(H.D$0
	0x0030 48 8d 44 24 30 48 89 44 24 10 c7 04 24 08 00 00  H.D$0H.D$...$...
	0x0040 00 48 8d 05 00 00 00 00 48 89 44 24 08 e8 00 00  .H......H.D$....
	0x0050 00 00 85 c0 75 10 90 e8 00 00 00 00 48 8b 6c 24  ....u.......H.l$
	0x0060 18 48 83 c4 20 c3 90 e8 00 00 00 00 48 8b 6c 24  .H.. .......H.l$
	0x0070 18 48 83 c4 20 c3 e8 00 00 00 00 eb 83           .H.. ........
	rel 5+4 t=16 TLS+0
	rel 68+4 t=15 "".namedThenReturned.func1·f+0
	rel 78+4 t=8 runtime.deferproc+0
	rel 88+4 t=8 runtime.deferreturn+0
	rel 104+4 t=8 runtime.deferreturn+0
	rel 119+4 t=8 runtime.morestack_noctxt+0
"".localOnly STEXT size=138 args=0x10 locals=0x28
	0x0000 00000 (main.go:13)	TEXT	"".localOnly(SB), $40-16
	0x0000 00000 (main.go:13)	MOVQ	(TLS), CX
	0x0009 00009 (main.go:13)	CMPQ	SP, 16(CX)
	0x000d 00013 (main.go:13)	JLS	128
	0x000f 00015 (main.go:13)	SUBQ	$40, SP
	0x0013 00019 (main.go:13)	MOVQ	BP, 32(SP)
	0x0018 00024 (main.go:13)	LEAQ	32(SP), BP
	0x001d 00029 (main.go:13)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:13)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:13)	FUNCDATA	$3, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001d 00029 (main.go:13)	PCDATA	$2, $0
	0x001d 00029 (main.go:13)	PCDATA	$0, $0
	0x001d 00029 (main.go:13)	MOVQ	$0, "".~r1+56(SP)
	0x0026 00038 (main.go:14)	MOVQ	"".start+48(SP), AX
	0x002b 00043 (main.go:14)	MOVQ	AX, "".local+24(SP)
	0x0030 00048 (main.go:15)	PCDATA	$2, $1
	0x0030 00048 (main.go:15)	LEAQ	"".local+24(SP), AX
	0x0035 00053 (main.go:15)	PCDATA	$2, $0
	0x0035 00053 (main.go:15)	MOVQ	AX, 16(SP)
	0x003a 00058 (main.go:15)	MOVL	$8, (SP)
	0x0041 00065 (main.go:15)	PCDATA	$2, $1
	0x0041 00065 (main.go:15)	LEAQ	"".localOnly.func1·f(SB), AX
	0x0048 00072 (main.go:15)	PCDATA	$2, $0
	0x0048 00072 (main.go:15)	MOVQ	AX, 8(SP)
	0x004d 00077 (main.go:15)	CALL	runtime.deferproc(SB)
	0x0052 00082 (main.go:15)	TESTL	AX, AX
	0x0054 00084 (main.go:15)	JNE	112
	0x0056 00086 (main.go:16)	MOVQ	"".local+24(SP), AX
	0x005b 00091 (main.go:16)	MOVQ	AX, "".~r1+56(SP)
	0x0060 00096 (main.go:16)	XCHGL	AX, AX
	0x0061 00097 (main.go:16)	CALL	runtime.deferreturn(SB)
	0x0066 00102 (main.go:16)	MOVQ	32(SP), BP
	0x006b 00107 (main.go:16)	ADDQ	$40, SP
	0x006f 00111 (main.go:16)	RET
	0x0070 00112 (main.go:15)	XCHGL	AX, AX
	0x0071 00113 (main.go:15)	CALL	runtime.deferreturn(SB)
	0x0076 00118 (main.go:15)	MOVQ	32(SP), BP
	0x007b 00123 (main.go:15)	ADDQ	$40, SP
	0x007f 00127 (main.go:15)	RET
	0x0080 00128 (main.go:15)	NOP
	0x0080 00128 (main.go:13)	PCDATA	$0, $-1
	0x0080 00128 (main.go:13)	PCDATA	$2, $-1
	0x0080 00128 (main.go:13)	CALL	runtime.morestack_noctxt(SB)
	0x0085 00133 (main.go:13)	JMP	0
	0x0000 64 48 8b 0c 25 00 00 00 00 48 3b 61 10 76 71 48  dH..%....H;a.vqH
	0x0010 83 ec 28 48 89 6c 24 20 48 8d 6c 24 20 48 c7 44  ..(H.l$ H.l$ H.D
	0x0020 24 38 00 00 00 00 48 8b 44 24 30 48 89 44 24 18  $8....H.D$0H.D$.
	0x0030 48 8d 44 24 18 48 89 44 24 10 c7 04 24 08 00 00  H.D$.H.D$...$...
	0x0040 00 48 8d 05 00 00 00 00 48 89 44 24 08 e8 00 00  .H......H.D$....
	0x0050 00 00 85 c0 75 1a 48 8b 44 24 18 48 89 44 24 38  ....u.H.D$.H.D$8
	0x0060 90 e8 00 00 00 00 48 8b 6c 24 20 48 83 c4 28 c3  ......H.l$ H..(.
	0x0070 90 e8 00 00 00 00 48 8b 6c 24 20 48 83 c4 28 c3  ......H.l$ H..(.
	0x0080 e8 00 00 00 00 e9 76 ff ff ff                    ......v...
	rel 5+4 t=16 TLS+0
	rel 68+4 t=15 "".localOnly.func1·f+0
	rel 78+4 t=8 runtime.deferproc+0
	rel 98+4 t=8 runtime.deferreturn+0
	rel 114+4 t=8 runtime.deferreturn+0
	rel 129+4 t=8 runtime.morestack_noctxt+0
"".setByReturn STEXT size=137 args=0x10 locals=0x28
	0x0000 00000 (main.go:20)	TEXT	"".setByReturn(SB), $40-16
	0x0000 00000 (main.go:20)	MOVQ	(TLS), CX
	0x0009 00009 (main.go:20)	CMPQ	SP, 16(CX)
	0x000d 00013 (main.go:20)	JLS	127
	0x000f 00015 (main.go:20)	SUBQ	$40, SP
	0x0013 00019 (main.go:20)	MOVQ	BP, 32(SP)
	0x0018 00024 (main.go:20)	LEAQ	32(SP), BP
	0x001d 00029 (main.go:20)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:20)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001d 00029 (main.go:20)	FUNCDATA	$3, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001d 00029 (main.go:20)	PCDATA	$2, $0
	0x001d 00029 (main.go:20)	PCDATA	$0, $0
	0x001d 00029 (main.go:20)	MOVQ	$0, "".result+56(SP)
	0x0026 00038 (main.go:21)	PCDATA	$2, $1
	0x0026 00038 (main.go:21)	LEAQ	"".result+56(SP), AX
	0x002b 00043 (main.go:21)	PCDATA	$2, $0
	0x002b 00043 (main.go:21)	MOVQ	AX, 16(SP)
	0x0030 00048 (main.go:21)	MOVQ	"".step+48(SP), AX
	0x0035 00053 (main.go:21)	MOVQ	AX, 24(SP)
	0x003a 00058 (main.go:21)	MOVL	$16, (SP)
	0x0041 00065 (main.go:21)	PCDATA	$2, $1
	0x0041 00065 (main.go:21)	LEAQ	"".setByReturn.func1·f(SB), AX
	0x0048 00072 (main.go:21)	PCDATA	$2, $0
	0x0048 00072 (main.go:21)	MOVQ	AX, 8(SP)
	0x004d 00077 (main.go:21)	CALL	runtime.deferproc(SB)
	0x0052 00082 (main.go:21)	TESTL	AX, AX
	0x0054 00084 (main.go:21)	JNE	111
	0x0056 00086 (main.go:22)	MOVQ	$2, "".result+56(SP)
	0x005f 00095 (main.go:22)	XCHGL	AX, AX
	0x0060 00096 (main.go:22)	CALL	runtime.deferreturn(SB)
	0x0065 00101 (main.go:22)	MOVQ	32(SP), BP
	0x006a 00106 (main.go:22)	ADDQ	$40, SP
	0x006e 00110 (main.go:22)	RET
	0x006f 00111 (main.go:21)	XCHGL	AX, AX
	0x0070 00112 (main.go:21)	CALL	runtime.deferreturn(SB)
	0x0075 00117 (main.go:21)	MOVQ	32(SP), BP
	0x007a 00122 (main.go:21)	ADDQ	$40, SP
	0x007e 00126 (main.go:21)	RET
	0x007f 00127 (main.go:21)	NOP
	0x007f 00127 (main.go:20)	PCDATA	$0, $-1
	0x007f 00127 (main.go:20)	PCDATA	$2, $-1
	0x007f 00127 (main.go:20)	CALL	runtime.morestack_noctxt(SB)
	0x0084 00132 (main.go:20)	JMP	0
	0x0000 64 48 8b 0c 25 00 00 00 00 48 3b 61 10 76 70 48  dH..%....H;a.vpH
	0x0010 83 ec 28 48 89 6c 24 20 48 8d 6c 24 20 48 c7 44  ..(H.l$ H.l$ H.D
	0x0020 24 38 00 00 00 00 48 8d 44 24 38 48 89 44 24 10  $8....H.D$8H.D$.
	0x0030 48 8b 44 24 30 48 89 44 24 18 c7 04 24 10 00 00  H.D$0H.D$...$...
	0x0040 00 48 8d 05 00 00 00 00 48 89 44 24 08 e8 00 00  .H......H.D$....
	0x0050 00 00 85 c0 75 19 48 c7 44 24 38 02 00 00 00 90  ....u.H.D$8.....
	0x0060 e8 00 00 00 00 48 8b 6c 24 20 48 83 c4 28 c3 90  .....H.l$ H..(..
	0x0070 e8 00 00 00 00 48 8b 6c 24 20 48 83 c4 28 c3 e8  .....H.l$ H..(..
	0x0080 00 00 00 00 e9 77 ff ff ff                       .....w...
	rel 5+4 t=16 TLS+0
	rel 68+4 t=15 "".setByReturn.func1·f+0
	rel 78+4 t=8 runtime.deferproc+0
	rel 97+4 t=8 runtime.deferreturn+0
	rel 113+4 t=8 runtime.deferreturn+0
	rel 128+4 t=8 runtime.morestack_noctxt+0
"".main STEXT size=189 args=0x0 locals=0x30
	0x0000 00000 (main.go:25)	TEXT	"".main(SB), $48-0
	0x0000 00000 (main.go:25)	MOVQ	(TLS), CX
	0x0009 00009 (main.go:25)	CMPQ	SP, 16(CX)
	0x000d 00013 (main.go:25)	JLS	179
	0x0013 00019 (main.go:25)	SUBQ	$48, SP
	0x0017 00023 (main.go:25)	MOVQ	BP, 40(SP)
	0x001c 00028 (main.go:25)	LEAQ	40(SP), BP
	0x0021 00033 (main.go:25)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0021 00033 (main.go:25)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0021 00033 (main.go:25)	FUNCDATA	$3, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0021 00033 (main.go:26)	PCDATA	$2, $0
	0x0021 00033 (main.go:26)	PCDATA	$0, $0
	0x0021 00033 (main.go:26)	MOVQ	$1, (SP)
	0x0029 00041 (main.go:26)	CALL	"".namedThenReturned(SB)
	0x002e 00046 (main.go:26)	MOVQ	8(SP), AX
	0x0033 00051 (main.go:26)	MOVQ	AX, ""..autotmp_3+32(SP)
	0x0038 00056 (main.go:26)	MOVQ	$1, (SP)
	0x0040 00064 (main.go:26)	CALL	"".localOnly(SB)
	0x0045 00069 (main.go:26)	MOVQ	8(SP), AX
	0x004a 00074 (main.go:26)	MOVQ	AX, ""..autotmp_4+24(SP)
	0x004f 00079 (main.go:26)	MOVQ	$1, (SP)
	0x0057 00087 (main.go:26)	CALL	"".setByReturn(SB)
	0x005c 00092 (main.go:26)	MOVQ	8(SP), AX
	0x0061 00097 (main.go:26)	MOVQ	AX, ""..autotmp_5+16(SP)
	0x0066 00102 (main.go:26)	CALL	runtime.printlock(SB)
	0x006b 00107 (main.go:26)	MOVQ	""..autotmp_3+32(SP), AX
	0x0070 00112 (main.go:26)	MOVQ	AX, (SP)
	0x0074 00116 (main.go:26)	CALL	runtime.printint(SB)
	0x0079 00121 (main.go:26)	CALL	runtime.printsp(SB)
	0x007e 00126 (main.go:26)	MOVQ	""..autotmp_4+24(SP), AX
	0x0083 00131 (main.go:26)	MOVQ	AX, (SP)
	0x0087 00135 (main.go:26)	CALL	runtime.printint(SB)
	0x008c 00140 (main.go:26)	CALL	runtime.printsp(SB)
	0x0091 00145 (main.go:26)	MOVQ	""..autotmp_5+16(SP), AX
	0x0096 00150 (main.go:26)	MOVQ	AX, (SP)
	0x009a 00154 (main.go:26)	CALL	runtime.printint(SB)
	0x009f 00159 (main.go:26)	CALL	runtime.printnl(SB)
	0x00a4 00164 (main.go:26)	CALL	runtime.printunlock(SB)
	0x00a9 00169 (main.go:27)	MOVQ	40(SP), BP
	0x00ae 00174 (main.go:27)	ADDQ	$48, SP
	0x00b2 00178 (main.go:27)	RET
	0x00b3 00179 (main.go:27)	NOP
	0x00b3 00179 (main.go:25)	PCDATA	$0, $-1
	0x00b3 00179 (main.go:25)	PCDATA	$2, $-1
	0x00b3 00179 (main.go:25)	CALL	runtime.morestack_noctxt(SB)
	0x00b8 00184 (main.go:25)	JMP	0
	0x0000 64 48 8b 0c 25 00 00 00 00 48 3b 61 10 0f 86 a0  dH..%....H;a....
	0x0010 00 00 00 48 83 ec 30 48 89 6c 24 28 48 8d 6c 24  ...H..0H.l$(H.l$
	0x0020 28 48 c7 04 24 01 00 00 00 e8 00 00 00 00 48 8b  (H..$.........H.
	0x0030 44 24 08 48 89 44 24 20 48 c7 04 24 01 00 00 00  D$.H.D$ H..$....
	0x0040 e8 00 00 00 00 48 8b 44 24 08 48 89 44 24 18 48  .....H.D$.H.D$.H
	0x0050 c7 04 24 01 00 00 00 e8 00 00 00 00 48 8b 44 24  ..$.........H.D$
	0x0060 08 48 89 44 24 10 e8 00 00 00 00 48 8b 44 24 20  .H.D$......H.D$ 
	0x0070 48 89 04 24 e8 00 00 00 00 e8 00 00 00 00 48 8b  H..$..........H.
	0x0080 44 24 18 48 89 04 24 e8 00 00 00 00 e8 00 00 00  D$.H..$.........
	0x0090 00 48 8b 44 24 10 48 89 04 24 e8 00 00 00 00 e8  .H.D$.H..$......
	0x00a0 00 00 00 00 e8 00 00 00 00 48 8b 6c 24 28 48 83  .........H.l$(H.
	0x00b0 c4 30 c3 e8 00 00 00 00 e9 43 ff ff ff           .0.......C...
	rel 5+4 t=16 TLS+0
	rel 42+4 t=8 "".namedThenReturned+0
	rel 65+4 t=8 "".localOnly+0
	rel 88+4 t=8 "".setByReturn+0
	rel 103+4 t=8 runtime.printlock+0
	rel 117+4 t=8 runtime.printint+0
	rel 122+4 t=8 runtime.printsp+0
	rel 136+4 t=8 runtime.printint+0
	rel 141+4 t=8 runtime.printsp+0
	rel 155+4 t=8 runtime.printint+0
	rel 160+4 t=8 runtime.printnl+0
	rel 165+4 t=8 runtime.printunlock+0
	rel 180+4 t=8 runtime.morestack_noctxt+0
"".namedThenReturned.func1 STEXT nosplit size=10 args=0x8 locals=0x0
	0x0000 00000 (main.go:8)	TEXT	"".namedThenReturned.func1(SB), NOSPLIT, $0-8
	0x0000 00000 (main.go:8)	FUNCDATA	$0, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$3, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x0000 00000 (main.go:8)	PCDATA	$2, $1
	0x0000 00000 (main.go:8)	PCDATA	$0, $1
	0x0000 00000 (main.go:8)	MOVQ	"".&result+8(SP), AX
	0x0005 00005 (main.go:8)	PCDATA	$2, $0
	0x0005 00005 (main.go:8)	ADDQ	$3, (AX)
	0x0009 00009 (main.go:8)	RET
	0x0000 48 8b 44 24 08 48 83 00 03 c3                    H.D$.H....
"".localOnly.func1 STEXT nosplit size=10 args=0x8 locals=0x0
	0x0000 00000 (main.go:15)	TEXT	"".localOnly.func1(SB), NOSPLIT, $0-8
	0x0000 00000 (main.go:15)	FUNCDATA	$0, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$3, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x0000 00000 (main.go:15)	PCDATA	$2, $1
	0x0000 00000 (main.go:15)	PCDATA	$0, $1
	0x0000 00000 (main.go:15)	MOVQ	"".&local+8(SP), AX
	0x0005 00005 (main.go:15)	PCDATA	$2, $0
	0x0005 00005 (main.go:15)	ADDQ	$3, (AX)
	0x0009 00009 (main.go:15)	RET
	0x0000 48 8b 44 24 08 48 83 00 03 c3                    H.D$.H....
"".setByReturn.func1 STEXT nosplit size=17 args=0x10 locals=0x0
	0x0000 00000 (main.go:21)	TEXT	"".setByReturn.func1(SB), NOSPLIT, $0-16
	0x0000 00000 (main.go:21)	FUNCDATA	$0, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$3, gclocals·568470801006e5c0dc3947ea998fe279(SB)
	0x0000 00000 (main.go:21)	PCDATA	$2, $0
	0x0000 00000 (main.go:21)	PCDATA	$0, $0
	0x0000 00000 (main.go:21)	MOVQ	"".step+16(SP), AX
	0x0005 00005 (main.go:21)	PCDATA	$2, $1
	0x0005 00005 (main.go:21)	PCDATA	$0, $1
	0x0005 00005 (main.go:21)	MOVQ	"".&result+8(SP), CX
	0x000a 00010 (main.go:21)	ADDQ	(CX), AX
	0x000d 00013 (main.go:21)	PCDATA	$2, $0
	0x000d 00013 (main.go:21)	MOVQ	AX, (CX)
	0x0010 00016 (main.go:21)	RET
	0x0000 48 8b 44 24 10 48 8b 4c 24 08 48 03 01 48 89 01  H.D$.H.L$.H..H..
	0x0010 c3                                               .
"".init STEXT size=80 args=0x0 locals=0x8
	0x0000 00000 (<autogenerated>:1)	TEXT	"".init(SB), $8-0
	0x0000 00000 (<autogenerated>:1)	MOVQ	(TLS), CX
	0x0009 00009 (<autogenerated>:1)	CMPQ	SP, 16(CX)
	0x000d 00013 (<autogenerated>:1)	JLS	73
	0x000f 00015 (<autogenerated>:1)	SUBQ	$8, SP
	0x0013 00019 (<autogenerated>:1)	MOVQ	BP, (SP)
	0x0017 00023 (<autogenerated>:1)	LEAQ	(SP), BP
	0x001b 00027 (<autogenerated>:1)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001b 00027 (<autogenerated>:1)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001b 00027 (<autogenerated>:1)	FUNCDATA	$3, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001b 00027 (<autogenerated>:1)	PCDATA	$2, $0
	0x001b 00027 (<autogenerated>:1)	PCDATA	$0, $0
	0x001b 00027 (<autogenerated>:1)	MOVBLZX	"".initdone·(SB), AX
	0x0022 00034 (<autogenerated>:1)	CMPB	AL, $1
	0x0025 00037 (<autogenerated>:1)	JLS	48
	0x0027 00039 (<autogenerated>:1)	PCDATA	$2, $-2
	0x0027 00039 (<autogenerated>:1)	PCDATA	$0, $-2
	0x0027 00039 (<autogenerated>:1)	MOVQ	(SP), BP
	0x002b 00043 (<autogenerated>:1)	ADDQ	$8, SP
	0x002f 00047 (<autogenerated>:1)	RET
	0x0030 00048 (<autogenerated>:1)	JNE	57
	0x0032 00050 (<autogenerated>:1)	PCDATA	$2, $0
	0x0032 00050 (<autogenerated>:1)	PCDATA	$0, $0
	0x0032 00050 (<autogenerated>:1)	CALL	runtime.throwinit(SB)
	0x0037 00055 (<autogenerated>:1)	UNDEF
	0x0039 00057 (<autogenerated>:1)	MOVB	$2, "".initdone·(SB)
	0x0040 00064 (<autogenerated>:1)	MOVQ	(SP), BP
	0x0044 00068 (<autogenerated>:1)	ADDQ	$8, SP
	0x0048 00072 (<autogenerated>:1)	RET
	0x0049 00073 (<autogenerated>:1)	NOP
	0x0049 00073 (<autogenerated>:1)	PCDATA	$0, $-1
	0x0049 00073 (<autogenerated>:1)	PCDATA	$2, $-1
	0x0049 00073 (<autogenerated>:1)	CALL	runtime.morestack_noctxt(SB)
	0x004e 00078 (<autogenerated>:1)	JMP	0
	0x0000 64 48 8b 0c 25 00 00 00 00 48 3b 61 10 76 3a 48  dH..%....H;a.v:H
	0x0010 83 ec 08 48 89 2c 24 48 8d 2c 24 0f b6 05 00 00  ...H.,$H.,$.....
	0x0020 00 00 80 f8 01 76 09 48 8b 2c 24 48 83 c4 08 c3  .....v.H.,$H....
	0x0030 75 07 e8 00 00 00 00 0f 0b c6 05 00 00 00 00 02  u...............
	0x0040 48 8b 2c 24 48 83 c4 08 c3 e8 00 00 00 00 eb b0  H.,$H...........
	rel 5+4 t=16 TLS+0
	rel 30+4 t=15 "".initdone·+0
	rel 51+4 t=8 runtime.throwinit+0
	rel 59+4 t=15 "".initdone·+-1
	rel 74+4 t=8 runtime.morestack_noctxt+0
"".initdone· SNOPTRBSS size=1
"".localOnly.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".localOnly.func1+0
"".namedThenReturned.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".namedThenReturned.func1+0
"".setByReturn.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".setByReturn.func1+0
gclocals·33cdeccccebe80329f1fdbee7f5874cb SRODATA dupok size=8
	0x0000 01 00 00 00 00 00 00 00                          ........
gclocals·9fb7f0986f647f17cb53dda1484e0f7a SRODATA dupok size=10
	0x0000 02 00 00 00 01 00 00 00 00 01                    ..........
gclocals·1a65e721a2ccc325b382662e7ffee780 SRODATA dupok size=10
	0x0000 02 00 00 00 01 00 00 00 01 00                    ..........
gclocals·69c1753bd5f81501d95132d08af04464 SRODATA dupok size=8
	0x0000 02 00 00 00 00 00 00 00                          ........
gclocals·568470801006e5c0dc3947ea998fe279 SRODATA dupok size=10
	0x0000 02 00 00 00 02 00 00 00 00 02                    ..........
