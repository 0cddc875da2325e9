"".namedThenReturned STEXT size=144 args=0x10 locals=0x48
	0x0000 00000 (main.go:6)	TEXT	"".namedThenReturned(SB), ABIInternal, $80-16
	0x0000 00000 (main.go:6)	MOVD	16(g), R1
	0x0004 00004 (main.go:6)	MOVD	RSP, R2
	0x0008 00008 (main.go:6)	CMP	R1, R2
	0x000c 00012 (main.go:6)	BLS	128
	0x0010 00016 (main.go:6)	MOVD.W	R30, -80(RSP)
	0x0014 00020 (main.go:6)	MOVD	R29, -8(RSP)
	0x0018 00024 (main.go:6)	SUB	$8, RSP, R29
	0x001c 00028 (main.go:6)	FUNCDATA	ZR, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001c 00028 (main.go:6)	PCDATA	ZR, ZR
	0x001c 00028 (main.go:6)	PCDATA	$1, ZR
	0x001c 00028 (main.go:6)	MOVD	ZR, "".result+8(FP)
	0x0020 00032 (main.go:7)	MOVD	"".start(FP), R0
	0x0024 00036 (main.go:7)	MOVD	R0, "".result+8(FP)
	0x0028 00040 (main.go:8)	MOVD	$8, R0
	0x002c 00044 (main.go:8)	MOVW	R0, ""..autotmp_3-56(SP)
	0x0030 00048 (main.go:8)	PCDATA	ZR, $1
	0x0030 00048 (main.go:8)	MOVD	$"".namedThenReturned.func1·f(SB), R0
	0x0038 00056 (main.go:8)	PCDATA	ZR, ZR
	0x0038 00056 (main.go:8)	MOVD	R0, ""..autotmp_3-32(SP)
	0x003c 00060 (main.go:8)	PCDATA	ZR, $1
	0x003c 00060 (main.go:8)	MOVD	$"".result+8(FP), R0
	0x0040 00064 (main.go:8)	PCDATA	ZR, ZR
	0x0040 00064 (main.go:8)	MOVD	R0, ""..autotmp_3-8(SP)
	0x0044 00068 (main.go:8)	PCDATA	ZR, $1
	0x0044 00068 (main.go:8)	MOVD	$""..autotmp_3-56(SP), R0
	0x0048 00072 (main.go:8)	PCDATA	ZR, ZR
	0x0048 00072 (main.go:8)	MOVD	R0, 8(RSP)
	0x004c 00076 (main.go:8)	CALL	runtime.deferprocStack(SB)
	0x0050 00080 (main.go:8)	CMP	ZR, R0
	0x0054 00084 (main.go:8)	BNE	108
	0x0058 00088 (main.go:9)	HINT	ZR
	0x005c 00092 (main.go:9)	CALL	runtime.deferreturn(SB)
	0x0060 00096 (main.go:9)	MOVD	-8(RSP), R29
	0x0064 00100 (main.go:9)	MOVD.P	80(RSP), R30
	0x0068 00104 (main.go:9)	RET	(R30)
	0x006c 00108 (main.go:8)	HINT	ZR
	0x0070 00112 (main.go:8)	CALL	runtime.deferreturn(SB)
	0x0074 00116 (main.go:8)	MOVD	-8(RSP), R29
	0x0078 00120 (main.go:8)	MOVD.P	80(RSP), R30
	0x007c 00124 (main.go:8)	RET	(R30)
	0x0080 00128 (main.go:8)	NOP
	0x0080 00128 (main.go:6)	PCDATA	$1, $-1
	0x0080 00128 (main.go:6)	PCDATA	$0, $-1
	0x0080 00128 (main.go:6)	MOVD	R30, R3
	0x0084 00132 (main.go:6)	CALL	runtime.morestack_noctxt(SB)
	0x0088 00136 (main.go:6)	JMP	0
	0x0000 81 0b 40 f9 e2 03 00 91 5f 00 01 eb a9 03 00 54  ..@....._......T
	0x0010 fe 0f 1b f8 fd 83 1f f8 fd 23 00 d1 ff 33 00 f9  .........#...3..
	0x0020 e0 2f 40 f9 e0 33 00 f9 e0 03 7d b2 e0 13 00 b9  ./@..3....}.....
	0x0030 00 00 00 90 00 00 00 91 e0 17 00 f9 e0 83 01 91  ................
	0x0040 e0 23 00 f9 e0 43 00 91 e0 07 00 f9 00 00 00 94  .#...C..........
	0x0050 1f 00 1f eb c1 00 00 54 1f 20 03 d5 00 00 00 94  .......T. ......
	0x0060 fd 83 5f f8 fe 07 45 f8 c0 03 5f d6 1f 20 03 d5  .._...E..._.. ..
	0x0070 00 00 00 94 fd 83 5f f8 fe 07 45 f8 c0 03 5f d6  ......_...E..._.
	0x0080 e3 03 1e aa 00 00 00 94 de ff ff 17 00 00 00 00  ................
	rel 48+8 t=3 "".namedThenReturned.func1·f+0
	rel 76+4 t=10 runtime.deferprocStack+0
	rel 92+4 t=10 runtime.deferreturn+0
	rel 104+0 t=11 +0
	rel 112+4 t=10 runtime.deferreturn+0
	rel 124+0 t=11 +0
	rel 132+4 t=10 runtime.morestack_noctxt+0
"".localOnly STEXT size=160 args=0x10 locals=0x58
	0x0000 00000 (main.go:13)	TEXT	"".localOnly(SB), ABIInternal, $96-16
	0x0000 00000 (main.go:13)	MOVD	16(g), R1
	0x0004 00004 (main.go:13)	MOVD	RSP, R2
	0x0008 00008 (main.go:13)	CMP	R1, R2
	0x000c 00012 (main.go:13)	BLS	136
	0x0010 00016 (main.go:13)	MOVD.W	R30, -96(RSP)
	0x0014 00020 (main.go:13)	MOVD	R29, -8(RSP)
	0x0018 00024 (main.go:13)	SUB	$8, RSP, R29
	0x001c 00028 (main.go:13)	FUNCDATA	ZR, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001c 00028 (main.go:13)	PCDATA	ZR, ZR
	0x001c 00028 (main.go:13)	PCDATA	$1, ZR
	0x001c 00028 (main.go:13)	MOVD	ZR, "".~r1+8(FP)
	0x0020 00032 (main.go:14)	MOVD	"".start(FP), R0
	0x0024 00036 (main.go:14)	MOVD	R0, "".local-64(SP)
	0x0028 00040 (main.go:15)	MOVD	$8, R0
	0x002c 00044 (main.go:15)	MOVW	R0, ""..autotmp_4-56(SP)
	0x0030 00048 (main.go:15)	PCDATA	ZR, $1
	0x0030 00048 (main.go:15)	MOVD	$"".localOnly.func1·f(SB), R0
	0x0038 00056 (main.go:15)	PCDATA	ZR, ZR
	0x0038 00056 (main.go:15)	MOVD	R0, ""..autotmp_4-32(SP)
	0x003c 00060 (main.go:15)	PCDATA	ZR, $1
	0x003c 00060 (main.go:15)	MOVD	$"".local-64(SP), R0
	0x0040 00064 (main.go:15)	PCDATA	ZR, ZR
	0x0040 00064 (main.go:15)	MOVD	R0, ""..autotmp_4-8(SP)
	0x0044 00068 (main.go:15)	PCDATA	ZR, $1
	0x0044 00068 (main.go:15)	MOVD	$""..autotmp_4-56(SP), R0
	0x0048 00072 (main.go:15)	PCDATA	ZR, ZR
	0x0048 00072 (main.go:15)	MOVD	R0, 8(RSP)
	0x004c 00076 (main.go:15)	CALL	runtime.deferprocStack(SB)
	0x0050 00080 (main.go:15)	CMP	ZR, R0
	0x0054 00084 (main.go:15)	BNE	116
	0x0058 00088 (main.go:16)	MOVD	"".local-64(SP), R0
	0x005c 00092 (main.go:16)	MOVD	R0, "".~r1+8(FP)
	0x0060 00096 (main.go:16)	HINT	ZR
	0x0064 00100 (main.go:16)	CALL	runtime.deferreturn(SB)
	0x0068 00104 (main.go:16)	MOVD	-8(RSP), R29
	0x006c 00108 (main.go:16)	MOVD.P	96(RSP), R30
	0x0070 00112 (main.go:16)	RET	(R30)
	0x0074 00116 (main.go:15)	HINT	ZR
	0x0078 00120 (main.go:15)	CALL	runtime.deferreturn(SB)
	0x007c 00124 (main.go:15)	MOVD	-8(RSP), R29
	0x0080 00128 (main.go:15)	MOVD.P	96(RSP), R30
	0x0084 00132 (main.go:15)	RET	(R30)
	0x0088 00136 (main.go:15)	NOP
	0x0088 00136 (main.go:13)	PCDATA	$1, $-1
	0x0088 00136 (main.go:13)	PCDATA	$0, $-1
	0x0088 00136 (main.go:13)	MOVD	R30, R3
	0x008c 00140 (main.go:13)	CALL	runtime.morestack_noctxt(SB)
	0x0090 00144 (main.go:13)	JMP	0
	0x0000 81 0b 40 f9 e2 03 00 91 5f 00 01 eb e9 03 00 54  ..@....._......T
	0x0010 fe 0f 1a f8 fd 83 1f f8 fd 23 00 d1 ff 3b 00 f9  .........#...;..
	0x0020 e0 37 40 f9 e0 0f 00 f9 e0 03 7d b2 e0 23 00 b9  .7@.......}..#..
	0x0030 00 00 00 90 00 00 00 91 e0 1f 00 f9 e0 63 00 91  .............c..
	0x0040 e0 2b 00 f9 e0 83 00 91 e0 07 00 f9 00 00 00 94  .+..............
	0x0050 1f 00 1f eb 01 01 00 54 e0 0f 40 f9 e0 3b 00 f9  .......T..@..;..
	0x0060 1f 20 03 d5 00 00 00 94 fd 83 5f f8 fe 07 46 f8  . ........_...F.
	0x0070 c0 03 5f d6 1f 20 03 d5 00 00 00 94 fd 83 5f f8  .._.. ........_.
	0x0080 fe 07 46 f8 c0 03 5f d6 e3 03 1e aa 00 00 00 94  ..F..._.........
	0x0090 dc ff ff 17 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 48+8 t=3 "".localOnly.func1·f+0
	rel 76+4 t=10 runtime.deferprocStack+0
	rel 100+4 t=10 runtime.deferreturn+0
	rel 112+0 t=11 +0
	rel 120+4 t=10 runtime.deferreturn+0
	rel 132+0 t=11 +0
	rel 140+4 t=10 runtime.morestack_noctxt+0
"".setByReturn STEXT size=160 args=0x10 locals=0x58
	0x0000 00000 (main.go:20)	TEXT	"".setByReturn(SB), ABIInternal, $96-16
	0x0000 00000 (main.go:20)	MOVD	16(g), R1
	0x0004 00004 (main.go:20)	MOVD	RSP, R2
	0x0008 00008 (main.go:20)	CMP	R1, R2
	0x000c 00012 (main.go:20)	BLS	136
	0x0010 00016 (main.go:20)	MOVD.W	R30, -96(RSP)
	0x0014 00020 (main.go:20)	MOVD	R29, -8(RSP)
	0x0018 00024 (main.go:20)	SUB	$8, RSP, R29
	0x001c 00028 (main.go:20)	FUNCDATA	ZR, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x001c 00028 (main.go:20)	PCDATA	ZR, ZR
	0x001c 00028 (main.go:20)	PCDATA	$1, ZR
	0x001c 00028 (main.go:20)	MOVD	ZR, "".result+8(FP)
	0x0020 00032 (main.go:21)	MOVD	$16, R0
	0x0024 00036 (main.go:21)	MOVW	R0, ""..autotmp_3-64(SP)
	0x0028 00040 (main.go:21)	PCDATA	ZR, $1
	0x0028 00040 (main.go:21)	MOVD	$"".setByReturn.func1·f(SB), R0
	0x0030 00048 (main.go:21)	PCDATA	ZR, ZR
	0x0030 00048 (main.go:21)	MOVD	R0, ""..autotmp_3-40(SP)
	0x0034 00052 (main.go:21)	PCDATA	ZR, $1
	0x0034 00052 (main.go:21)	MOVD	$"".result+8(FP), R0
	0x0038 00056 (main.go:21)	PCDATA	ZR, ZR
	0x0038 00056 (main.go:21)	MOVD	R0, ""..autotmp_3-16(SP)
	0x003c 00060 (main.go:21)	MOVD	"".step(FP), R0
	0x0040 00064 (main.go:21)	MOVD	R0, ""..autotmp_3-8(SP)
	0x0044 00068 (main.go:21)	PCDATA	ZR, $1
	0x0044 00068 (main.go:21)	MOVD	$""..autotmp_3-64(SP), R0
	0x0048 00072 (main.go:21)	PCDATA	ZR, ZR
	0x0048 00072 (main.go:21)	MOVD	R0, 8(RSP)
	0x004c 00076 (main.go:21)	CALL	runtime.deferprocStack(SB)
	0x0050 00080 (main.go:21)	CMP	ZR, R0
	0x0054 00084 (main.go:21)	BNE	116
	0x0058 00088 (main.go:22)	MOVD	$2, R0
	0x005c 00092 (main.go:22)	MOVD	R0, "".result+8(FP)
	0x0060 00096 (main.go:22)	HINT	ZR
	0x0064 00100 (main.go:22)	CALL	runtime.deferreturn(SB)
	0x0068 00104 (main.go:22)	MOVD	-8(RSP), R29
	0x006c 00108 (main.go:22)	MOVD.P	96(RSP), R30
	0x0070 00112 (main.go:22)	RET	(R30)
	0x0074 00116 (main.go:21)	HINT	ZR
	0x0078 00120 (main.go:21)	CALL	runtime.deferreturn(SB)
	0x007c 00124 (main.go:21)	MOVD	-8(RSP), R29
	0x0080 00128 (main.go:21)	MOVD.P	96(RSP), R30
	0x0084 00132 (main.go:21)	RET	(R30)
	0x0088 00136 (main.go:21)	NOP
	0x0088 00136 (main.go:20)	PCDATA	$1, $-1
	0x0088 00136 (main.go:20)	PCDATA	$0, $-1
	0x0088 00136 (main.go:20)	MOVD	R30, R3
	0x008c 00140 (main.go:20)	CALL	runtime.morestack_noctxt(SB)
	0x0090 00144 (main.go:20)	JMP	0
	0x0000 81 0b 40 f9 e2 03 00 91 5f 00 01 eb e9 03 00 54  ..@....._......T
	0x0010 fe 0f 1a f8 fd 83 1f f8 fd 23 00 d1 ff 3b 00 f9  .........#...;..
	0x0020 e0 03 7c b2 e0 1b 00 b9 00 00 00 90 00 00 00 91  ..|.............
	0x0030 e0 1b 00 f9 e0 c3 01 91 e0 27 00 f9 e0 37 40 f9  .........'...7@.
	0x0040 e0 2b 00 f9 e0 63 00 91 e0 07 00 f9 00 00 00 94  .+...c..........
	0x0050 1f 00 1f eb 01 01 00 54 e0 03 7f b2 e0 3b 00 f9  .......T.....;..
	0x0060 1f 20 03 d5 00 00 00 94 fd 83 5f f8 fe 07 46 f8  . ........_...F.
	0x0070 c0 03 5f d6 1f 20 03 d5 00 00 00 94 fd 83 5f f8  .._.. ........_.
	0x0080 fe 07 46 f8 c0 03 5f d6 e3 03 1e aa 00 00 00 94  ..F..._.........
	0x0090 dc ff ff 17 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 40+8 t=3 "".setByReturn.func1·f+0
	rel 76+4 t=10 runtime.deferprocStack+0
	rel 100+4 t=10 runtime.deferreturn+0
	rel 112+0 t=11 +0
	rel 120+4 t=10 runtime.deferreturn+0
	rel 132+0 t=11 +0
	rel 140+4 t=10 runtime.morestack_noctxt+0
"".main STEXT size=176 args=0x0 locals=0x38
	0x0000 00000 (main.go:25)	TEXT	"".main(SB), ABIInternal, $64-0
	0x0000 00000 (main.go:25)	MOVD	16(g), R1
	0x0004 00004 (main.go:25)	MOVD	RSP, R2
	0x0008 00008 (main.go:25)	CMP	R1, R2
	0x000c 00012 (main.go:25)	BLS	156
	0x0010 00016 (main.go:25)	MOVD.W	R30, -64(RSP)
	0x0014 00020 (main.go:25)	MOVD	R29, -8(RSP)
	0x0018 00024 (main.go:25)	SUB	$8, RSP, R29
	0x001c 00028 (main.go:25)	FUNCDATA	ZR, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:25)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:25)	FUNCDATA	$2, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x001c 00028 (main.go:26)	PCDATA	ZR, ZR
	0x001c 00028 (main.go:26)	PCDATA	$1, ZR
	0x001c 00028 (main.go:26)	MOVD	$1, R0
	0x0020 00032 (main.go:26)	MOVD	R0, 8(RSP)
	0x0024 00036 (main.go:26)	CALL	"".namedThenReturned(SB)
	0x0028 00040 (main.go:26)	MOVD	16(RSP), R0
	0x002c 00044 (main.go:26)	MOVD	R0, ""..autotmp_3-8(SP)
	0x0030 00048 (main.go:26)	MOVD	$1, R1
	0x0034 00052 (main.go:26)	MOVD	R1, 8(RSP)
	0x0038 00056 (main.go:26)	CALL	"".localOnly(SB)
	0x003c 00060 (main.go:26)	MOVD	16(RSP), R0
	0x0040 00064 (main.go:26)	MOVD	R0, ""..autotmp_4-16(SP)
	0x0044 00068 (main.go:26)	MOVD	$1, R1
	0x0048 00072 (main.go:26)	MOVD	R1, 8(RSP)
	0x004c 00076 (main.go:26)	CALL	"".setByReturn(SB)
	0x0050 00080 (main.go:26)	MOVD	16(RSP), R0
	0x0054 00084 (main.go:26)	MOVD	R0, ""..autotmp_5-24(SP)
	0x0058 00088 (main.go:26)	CALL	runtime.printlock(SB)
	0x005c 00092 (main.go:26)	MOVD	""..autotmp_3-8(SP), R0
	0x0060 00096 (main.go:26)	MOVD	R0, 8(RSP)
	0x0064 00100 (main.go:26)	CALL	runtime.printint(SB)
	0x0068 00104 (main.go:26)	CALL	runtime.printsp(SB)
	0x006c 00108 (main.go:26)	MOVD	""..autotmp_4-16(SP), R0
	0x0070 00112 (main.go:26)	MOVD	R0, 8(RSP)
	0x0074 00116 (main.go:26)	CALL	runtime.printint(SB)
	0x0078 00120 (main.go:26)	CALL	runtime.printsp(SB)
	0x007c 00124 (main.go:26)	MOVD	""..autotmp_5-24(SP), R0
	0x0080 00128 (main.go:26)	MOVD	R0, 8(RSP)
	0x0084 00132 (main.go:26)	CALL	runtime.printint(SB)
	0x0088 00136 (main.go:26)	CALL	runtime.printnl(SB)
	0x008c 00140 (main.go:26)	CALL	runtime.printunlock(SB)
	0x0090 00144 (main.go:27)	MOVD	-8(RSP), R29
	0x0094 00148 (main.go:27)	MOVD.P	64(RSP), R30
	0x0098 00152 (main.go:27)	RET	(R30)
	0x009c 00156 (main.go:27)	NOP
	0x009c 00156 (main.go:25)	PCDATA	$1, $-1
	0x009c 00156 (main.go:25)	PCDATA	$0, $-1
	0x009c 00156 (main.go:25)	MOVD	R30, R3
	0x00a0 00160 (main.go:25)	CALL	runtime.morestack_noctxt(SB)
	0x00a4 00164 (main.go:25)	JMP	0
	0x0000 81 0b 40 f9 e2 03 00 91 5f 00 01 eb 89 04 00 54  ..@....._......T
	0x0010 fe 0f 1c f8 fd 83 1f f8 fd 23 00 d1 e0 03 40 b2  .........#....@.
	0x0020 e0 07 00 f9 00 00 00 94 e0 0b 40 f9 e0 1b 00 f9  ..........@.....
	0x0030 e1 03 40 b2 e1 07 00 f9 00 00 00 94 e0 0b 40 f9  ..@...........@.
	0x0040 e0 17 00 f9 e1 03 40 b2 e1 07 00 f9 00 00 00 94  ......@.........
	0x0050 e0 0b 40 f9 e0 13 00 f9 00 00 00 94 e0 1b 40 f9  ..@...........@.
	0x0060 e0 07 00 f9 00 00 00 94 00 00 00 94 e0 17 40 f9  ..............@.
	0x0070 e0 07 00 f9 00 00 00 94 00 00 00 94 e0 13 40 f9  ..............@.
	0x0080 e0 07 00 f9 00 00 00 94 00 00 00 94 00 00 00 94  ................
	0x0090 fd 83 5f f8 fe 07 44 f8 c0 03 5f d6 e3 03 1e aa  .._...D..._.....
	0x00a0 00 00 00 94 d7 ff ff 17 00 00 00 00 00 00 00 00  ................
	rel 36+4 t=10 "".namedThenReturned+0
	rel 56+4 t=10 "".localOnly+0
	rel 76+4 t=10 "".setByReturn+0
	rel 88+4 t=10 runtime.printlock+0
	rel 100+4 t=10 runtime.printint+0
	rel 104+4 t=10 runtime.printsp+0
	rel 116+4 t=10 runtime.printint+0
	rel 120+4 t=10 runtime.printsp+0
	rel 132+4 t=10 runtime.printint+0
	rel 136+4 t=10 runtime.printnl+0
	rel 140+4 t=10 runtime.printunlock+0
	rel 152+0 t=11 +0
	rel 160+4 t=10 runtime.morestack_noctxt+0
"".namedThenReturned.func1 STEXT size=32 args=0x8 locals=0x0 leaf
	0x0000 00000 (main.go:8)	TEXT	"".namedThenReturned.func1(SB), LEAF|NOFRAME|ABIInternal, $0-8
	0x0000 00000 (main.go:8)	FUNCDATA	ZR, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x0000 00000 (main.go:8)	PCDATA	ZR, $1
	0x0000 00000 (main.go:8)	PCDATA	$1, $1
	0x0000 00000 (main.go:8)	MOVD	"".&result(FP), R0
	0x0004 00004 (main.go:8)	MOVD	(R0), R1
	0x0008 00008 (main.go:8)	ADD	$3, R1, R1
	0x000c 00012 (main.go:8)	PCDATA	ZR, ZR
	0x000c 00012 (main.go:8)	MOVD	R1, (R0)
	0x0010 00016 (main.go:8)	RET	(R30)
	0x0000 e0 07 40 f9 01 00 40 f9 21 0c 00 91 01 00 00 f9  ..@...@.!.......
	0x0010 c0 03 5f d6 00 00 00 00 00 00 00 00 00 00 00 00  .._.............
	rel 16+0 t=11 +0
"".localOnly.func1 STEXT size=32 args=0x8 locals=0x0 leaf
	0x0000 00000 (main.go:15)	TEXT	"".localOnly.func1(SB), LEAF|NOFRAME|ABIInternal, $0-8
	0x0000 00000 (main.go:15)	FUNCDATA	ZR, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x0000 00000 (main.go:15)	PCDATA	ZR, $1
	0x0000 00000 (main.go:15)	PCDATA	$1, $1
	0x0000 00000 (main.go:15)	MOVD	"".&local(FP), R0
	0x0004 00004 (main.go:15)	MOVD	(R0), R1
	0x0008 00008 (main.go:15)	ADD	$3, R1, R1
	0x000c 00012 (main.go:15)	PCDATA	ZR, ZR
	0x000c 00012 (main.go:15)	MOVD	R1, (R0)
	0x0010 00016 (main.go:15)	RET	(R30)
	0x0000 e0 07 40 f9 01 00 40 f9 21 0c 00 91 01 00 00 f9  ..@...@.!.......
	0x0010 c0 03 5f d6 00 00 00 00 00 00 00 00 00 00 00 00  .._.............
	rel 16+0 t=11 +0
"".setByReturn.func1 STEXT size=32 args=0x10 locals=0x0 leaf
	0x0000 00000 (main.go:21)	TEXT	"".setByReturn.func1(SB), LEAF|NOFRAME|ABIInternal, $0-16
	0x0000 00000 (main.go:21)	FUNCDATA	ZR, gclocals·1a65e721a2ccc325b382662e7ffee780(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$1, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$2, gclocals·9fb7f0986f647f17cb53dda1484e0f7a(SB)
	0x0000 00000 (main.go:21)	PCDATA	ZR, $1
	0x0000 00000 (main.go:21)	PCDATA	$1, $1
	0x0000 00000 (main.go:21)	MOVD	"".&result(FP), R0
	0x0004 00004 (main.go:21)	MOVD	(R0), R1
	0x0008 00008 (main.go:21)	MOVD	"".step+8(FP), R2
	0x000c 00012 (main.go:21)	ADD	R2, R1, R1
	0x0010 00016 (main.go:21)	PCDATA	ZR, ZR
	0x0010 00016 (main.go:21)	MOVD	R1, (R0)
	0x0014 00020 (main.go:21)	RET	(R30)
	0x0000 e0 07 40 f9 01 00 40 f9 e2 0b 40 f9 21 00 02 8b  ..@...@...@.!...
	0x0010 01 00 00 f9 c0 03 5f d6 00 00 00 00 00 00 00 00  ......_.........
	rel 20+0 t=11 +0
""..inittask SNOPTRDATA size=24
	0x0000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0010 00 00 00 00 00 00 00 00                          ........
"".localOnly.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".localOnly.func1+0
"".namedThenReturned.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".namedThenReturned.func1+0
"".setByReturn.func1·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=1 "".setByReturn.func1+0
runtime.gcbits.01 SRODATA dupok size=1
	0x0000 01                                               .
type..namedata.*[]uint8- SRODATA dupok size=11
	0x0000 00 00 08 2a 5b 5d 75 69 6e 74 38                 ...*[]uint8
type.*[]uint8 SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 a5 8e d0 69 00 08 08 36 00 00 00 00 00 00 00 00  ...i...6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*[]uint8-+0
	rel 48+8 t=1 type.[]uint8+0
type.[]uint8 SRODATA dupok size=56
	0x0000 18 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 df 7e 2e 38 02 08 08 17 00 00 00 00 00 00 00 00  .~.8............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+0
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*[]uint8-+0
	rel 44+4 t=6 type.*[]uint8+0
	rel 48+8 t=1 type.uint8+0
type..namedata.*[16]uint8- SRODATA dupok size=13
	0x0000 00 00 0a 2a 5b 31 36 5d 75 69 6e 74 38           ...*[16]uint8
type.*[16]uint8 SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 b4 2f 0d 51 00 08 08 36 00 00 00 00 00 00 00 00  ./.Q...6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*[16]uint8-+0
	rel 48+8 t=1 type.[16]uint8+0
runtime.gcbits. SRODATA dupok size=0
type.[16]uint8 SRODATA dupok size=72
	0x0000 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0010 b7 7d 35 47 02 01 01 11 00 00 00 00 00 00 00 00  .}5G............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 10 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+96
	rel 32+8 t=1 runtime.gcbits.+0
	rel 40+4 t=5 type..namedata.*[16]uint8-+0
	rel 44+4 t=6 type.*[16]uint8+0
	rel 48+8 t=1 type.uint8+0
	rel 56+8 t=1 type.[]uint8+0
type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [16]uint8 }- SRODATA dupok size=132
	0x0000 00 00 81 2a 73 74 72 75 63 74 20 7b 20 73 69 7a  ...*struct { siz
	0x0010 20 75 69 6e 74 33 32 3b 20 73 74 61 72 74 65 64   uint32; started
	0x0020 20 62 6f 6f 6c 3b 20 68 65 61 70 20 62 6f 6f 6c   bool; heap bool
	0x0030 3b 20 73 70 20 75 69 6e 74 70 74 72 3b 20 70 63  ; sp uintptr; pc
	0x0040 20 75 69 6e 74 70 74 72 3b 20 66 6e 20 75 69 6e   uintptr; fn uin
	0x0050 74 70 74 72 3b 20 5f 70 61 6e 69 63 20 75 69 6e  tptr; _panic uin
	0x0060 74 70 74 72 3b 20 6c 69 6e 6b 20 75 69 6e 74 70  tptr; link uintp
	0x0070 74 72 3b 20 61 72 67 73 20 5b 31 36 5d 75 69 6e  tr; args [16]uin
	0x0080 74 38 20 7d                                      t8 }
type.*struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [16]uint8 } SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 7f e9 36 14 00 08 08 36 00 00 00 00 00 00 00 00  ..6....6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [16]uint8 }-+0
	rel 48+8 t=1 type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [16]uint8 }+0
type..namedata.siz- SRODATA dupok size=6
	0x0000 00 00 03 73 69 7a                                ...siz
type..namedata.started- SRODATA dupok size=10
	0x0000 00 00 07 73 74 61 72 74 65 64                    ...started
type..namedata.heap- SRODATA dupok size=7
	0x0000 00 00 04 68 65 61 70                             ...heap
type..namedata.sp- SRODATA dupok size=5
	0x0000 00 00 02 73 70                                   ...sp
type..namedata.pc- SRODATA dupok size=5
	0x0000 00 00 02 70 63                                   ...pc
type..namedata.fn- SRODATA dupok size=5
	0x0000 00 00 02 66 6e                                   ...fn
type..namedata._panic- SRODATA dupok size=9
	0x0000 00 00 06 5f 70 61 6e 69 63                       ..._panic
type..namedata.link- SRODATA dupok size=7
	0x0000 00 00 04 6c 69 6e 6b                             ...link
type..namedata.args- SRODATA dupok size=7
	0x0000 00 00 04 61 72 67 73                             ...args
type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [16]uint8 } SRODATA dupok size=296
	0x0000 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  @...............
	0x0010 94 a2 ab ac 02 08 08 19 00 00 00 00 00 00 00 00  ................
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 09 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00  ................
	0x0050 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0060 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0070 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0080 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0090 0a 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00a0 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00  ................
	0x00b0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00c0 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ...............
	0x00d0 00 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00  ........0.......
	0x00e0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00f0 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  @...............
	0x0100 00 00 00 00 00 00 00 00 50 00 00 00 00 00 00 00  ........P.......
	0x0110 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0120 60 00 00 00 00 00 00 00                          `.......
	rel 24+8 t=1 runtime.algarray+0
	rel 32+8 t=1 runtime.gcbits.+0
	rel 40+4 t=5 type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [16]uint8 }-+0
	rel 44+4 t=6 type.*struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [16]uint8 }+0
	rel 48+8 t=1 type..importpath."".+0
	rel 56+8 t=1 type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [16]uint8 }+80
	rel 80+8 t=1 type..namedata.siz-+0
	rel 88+8 t=1 type.uint32+0
	rel 104+8 t=1 type..namedata.started-+0
	rel 112+8 t=1 type.bool+0
	rel 128+8 t=1 type..namedata.heap-+0
	rel 136+8 t=1 type.bool+0
	rel 152+8 t=1 type..namedata.sp-+0
	rel 160+8 t=1 type.uintptr+0
	rel 176+8 t=1 type..namedata.pc-+0
	rel 184+8 t=1 type.uintptr+0
	rel 200+8 t=1 type..namedata.fn-+0
	rel 208+8 t=1 type.uintptr+0
	rel 224+8 t=1 type..namedata._panic-+0
	rel 232+8 t=1 type.uintptr+0
	rel 248+8 t=1 type..namedata.link-+0
	rel 256+8 t=1 type.uintptr+0
	rel 272+8 t=1 type..namedata.args-+0
	rel 280+8 t=1 type.[16]uint8+0
type..namedata.*[8]uint8- SRODATA dupok size=12
	0x0000 00 00 09 2a 5b 38 5d 75 69 6e 74 38              ...*[8]uint8
type.*[8]uint8 SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 a9 89 a5 7a 00 08 08 36 00 00 00 00 00 00 00 00  ...z...6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*[8]uint8-+0
	rel 48+8 t=1 type.[8]uint8+0
type.[8]uint8 SRODATA dupok size=72
	0x0000 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0010 3e f9 30 b4 02 01 01 11 00 00 00 00 00 00 00 00  >.0.............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 08 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.+0
	rel 40+4 t=5 type..namedata.*[8]uint8-+0
	rel 44+4 t=6 type.*[8]uint8+0
	rel 48+8 t=1 type.uint8+0
	rel 56+8 t=1 type.[]uint8+0
type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [8]uint8 }- SRODATA dupok size=131
	0x0000 00 00 80 2a 73 74 72 75 63 74 20 7b 20 73 69 7a  ...*struct { siz
	0x0010 20 75 69 6e 74 33 32 3b 20 73 74 61 72 74 65 64   uint32; started
	0x0020 20 62 6f 6f 6c 3b 20 68 65 61 70 20 62 6f 6f 6c   bool; heap bool
	0x0030 3b 20 73 70 20 75 69 6e 74 70 74 72 3b 20 70 63  ; sp uintptr; pc
	0x0040 20 75 69 6e 74 70 74 72 3b 20 66 6e 20 75 69 6e   uintptr; fn uin
	0x0050 74 70 74 72 3b 20 5f 70 61 6e 69 63 20 75 69 6e  tptr; _panic uin
	0x0060 74 70 74 72 3b 20 6c 69 6e 6b 20 75 69 6e 74 70  tptr; link uintp
	0x0070 74 72 3b 20 61 72 67 73 20 5b 38 5d 75 69 6e 74  tr; args [8]uint
	0x0080 38 20 7d                                         8 }
type.*struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [8]uint8 } SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 75 a3 45 6a 00 08 08 36 00 00 00 00 00 00 00 00  u.Ej...6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=1 runtime.algarray+80
	rel 32+8 t=1 runtime.gcbits.01+0
	rel 40+4 t=5 type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [8]uint8 }-+0
	rel 48+8 t=1 type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [8]uint8 }+0
type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [8]uint8 } SRODATA dupok size=296
	0x0000 38 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  8...............
	0x0010 2d f4 56 a6 02 08 08 19 00 00 00 00 00 00 00 00  -.V.............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 09 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00  ................
	0x0050 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0060 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0070 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0080 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0090 0a 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00a0 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00  ................
	0x00b0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00c0 20 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ...............
	0x00d0 00 00 00 00 00 00 00 00 30 00 00 00 00 00 00 00  ........0.......
	0x00e0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x00f0 40 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  @...............
	0x0100 00 00 00 00 00 00 00 00 50 00 00 00 00 00 00 00  ........P.......
	0x0110 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0120 60 00 00 00 00 00 00 00                          `.......
	rel 24+8 t=1 runtime.algarray+0
	rel 32+8 t=1 runtime.gcbits.+0
	rel 40+4 t=5 type..namedata.*struct { siz uint32; started bool; heap bool; sp uintptr; pc uintptr; fn uintptr; _panic uintptr; link uintptr; args [8]uint8 }-+0
	rel 44+4 t=6 type.*struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [8]uint8 }+0
	rel 48+8 t=1 type..importpath."".+0
	rel 56+8 t=1 type.noalg.struct { "".siz uint32; "".started bool; "".heap bool; "".sp uintptr; "".pc uintptr; "".fn uintptr; ""._panic uintptr; "".link uintptr; "".args [8]uint8 }+80
	rel 80+8 t=1 type..namedata.siz-+0
	rel 88+8 t=1 type.uint32+0
	rel 104+8 t=1 type..namedata.started-+0
	rel 112+8 t=1 type.bool+0
	rel 128+8 t=1 type..namedata.heap-+0
	rel 136+8 t=1 type.bool+0
	rel 152+8 t=1 type..namedata.sp-+0
	rel 160+8 t=1 type.uintptr+0
	rel 176+8 t=1 type..namedata.pc-+0
	rel 184+8 t=1 type.uintptr+0
	rel 200+8 t=1 type..namedata.fn-+0
	rel 208+8 t=1 type.uintptr+0
	rel 224+8 t=1 type..namedata._panic-+0
	rel 232+8 t=1 type.uintptr+0
	rel 248+8 t=1 type..namedata.link-+0
	rel 256+8 t=1 type.uintptr+0
	rel 272+8 t=1 type..namedata.args-+0
	rel 280+8 t=1 type.[8]uint8+0
gclocals·33cdeccccebe80329f1fdbee7f5874cb SRODATA dupok size=8
	0x0000 01 00 00 00 00 00 00 00                          ........
gclocals·9fb7f0986f647f17cb53dda1484e0f7a SRODATA dupok size=10
	0x0000 02 00 00 00 01 00 00 00 00 01                    ..........
gclocals·1a65e721a2ccc325b382662e7ffee780 SRODATA dupok size=10
	0x0000 02 00 00 00 01 00 00 00 01 00                    ..........
gclocals·69c1753bd5f81501d95132d08af04464 SRODATA dupok size=8
	0x0000 02 00 00 00 00 00 00 00                          ........
