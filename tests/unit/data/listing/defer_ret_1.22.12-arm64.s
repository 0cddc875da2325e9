main.namedThenReturned STEXT size=144 args=0x8 locals=0x38 funcid=0x0 align=0x0
	0x0000 00000 (main.go:6)	TEXT	main.namedThenReturned(SB), ABIInternal, $64-8
	0x0000 00000 (main.go:6)	MOVD	16(g), R16
	0x0004 00004 (main.go:6)	PCDATA	$0, $-2
	0x0004 00004 (main.go:6)	CMP	R16, RSP
	0x0008 00008 (main.go:6)	BLS	124
	0x000c 00012 (main.go:6)	PCDATA	$0, $-1
	0x000c 00012 (main.go:6)	MOVD.W	R30, -64(RSP)
	0x0010 00016 (main.go:6)	MOVD	R29, -8(RSP)
	0x0014 00020 (main.go:6)	SUB	$8, RSP, R29
	0x0018 00024 (main.go:6)	MOVD	ZR, 48(RSP)
	0x001c 00028 (main.go:6)	FUNCDATA	$0, gclocals·J5F+7Qw7O7ve2QcWC7DpeQ==(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$1, gclocals·wdmTuppZUxZYftR7OCq88Q==(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$2, main.namedThenReturned.stkobj(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$5, main.namedThenReturned.arginfo1(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$6, main.namedThenReturned.argliveinfo(SB)
	0x001c 00028 (main.go:6)	FUNCDATA	$4, main.namedThenReturned.opendefer(SB)
	0x001c 00028 (main.go:6)	PCDATA	$3, $1
	0x001c 00028 (main.go:6)	MOVB	ZR, main..autotmp_4-33(SP)
	0x0020 00032 (main.go:6)	MOVD	ZR, main.result-32(SP)
	0x0024 00036 (main.go:7)	MOVD	R0, main.result-32(SP)
	0x0028 00040 (main.go:8)	STP	(ZR, ZR), main..autotmp_3-24(SP)
	0x002c 00044 (main.go:8)	MOVD	$main.namedThenReturned.func1(SB), R0
	0x0034 00052 (main.go:8)	MOVD	R0, main..autotmp_3-24(SP)
	0x0038 00056 (main.go:8)	MOVD	$main.result-32(SP), R0
	0x003c 00060 (main.go:8)	MOVD	R0, main..autotmp_3-16(SP)
	0x0040 00064 (main.go:8)	MOVD	$main..autotmp_3-24(SP), R0
	0x0044 00068 (main.go:8)	MOVD	R0, main..autotmp_5-8(SP)
	0x0048 00072 (main.go:9)	MOVB	ZR, main..autotmp_4-33(SP)
	0x004c 00076 (main.go:9)	MOVD	main..autotmp_5-8(SP), R26
	0x0050 00080 (main.go:9)	MOVD	(R26), R0
	0x0054 00084 (main.go:9)	PCDATA	$1, $1
	0x0054 00084 (main.go:9)	CALL	(R0)
	0x0058 00088 (main.go:9)	MOVD	main.result-32(SP), R0
	0x005c 00092 (main.go:9)	LDP	-8(RSP), (R29, R30)
	0x0060 00096 (main.go:9)	ADD	$64, RSP
	0x0064 00100 (main.go:9)	RET	(R30)
	0x0068 00104 (main.go:9)	CALL	runtime.deferreturn(SB)
	0x006c 00108 (main.go:9)	MOVD	main.result-32(SP), R0
	0x0070 00112 (main.go:9)	LDP	-8(RSP), (R29, R30)
	0x0074 00116 (main.go:9)	ADD	$64, RSP
	0x0078 00120 (main.go:9)	RET	(R30)
	0x007c 00124 (main.go:9)	NOP
	0x007c 00124 (main.go:6)	PCDATA	$1, $-1
	0x007c 00124 (main.go:6)	PCDATA	$0, $-2
	0x007c 00124 (main.go:6)	MOVD	R0, 8(RSP)
	0x0080 00128 (main.go:6)	MOVD	R30, R3
	0x0084 00132 (main.go:6)	CALL	runtime.morestack_noctxt(SB)
	0x0088 00136 (main.go:6)	PCDATA	$0, $-1
	0x0088 00136 (main.go:6)	MOVD	8(RSP), R0
	0x008c 00140 (main.go:6)	JMP	0
	0x0000 90 0b 40 f9 ff 63 30 eb a9 03 00 54 fe 0f 1c f8  ..@..c0....T....
	0x0010 fd 83 1f f8 fd 23 00 d1 ff 1b 00 f9 ff 5f 00 39  .....#......._.9
	0x0020 ff 0f 00 f9 e0 0f 00 f9 ff 7f 02 a9 00 00 00 90  ................
	0x0030 00 00 00 91 e0 13 00 f9 e0 63 00 91 e0 17 00 f9  .........c......
	0x0040 e0 83 00 91 e0 1b 00 f9 ff 5f 00 39 fa 1b 40 f9  ........._.9..@.
	0x0050 40 03 40 f9 00 00 3f d6 e0 0f 40 f9 fd fb 7f a9  @.@...?...@.....
	0x0060 ff 03 01 91 c0 03 5f d6 00 00 00 94 e0 0f 40 f9  ......_.......@.
	0x0070 fd fb 7f a9 ff 03 01 91 c0 03 5f d6 e0 07 00 f9  .........._.....
	0x0080 e3 03 1e aa 00 00 00 94 e0 07 40 f9 dd ff ff 17  ..........@.....
	rel 44+8 t=R_ADDRARM64 main.namedThenReturned.func1+0
	rel 84+0 t=R_CALLIND +0
	rel 104+4 t=R_CALLARM64 runtime.deferreturn+0
	rel 132+4 t=R_CALLARM64 runtime.morestack_noctxt+0
main.namedThenReturned.func1 STEXT size=32 args=0x0 locals=0x0 funcid=0x0 align=0x0 leaf
	0x0000 00000 (main.go:8)	TEXT	main.namedThenReturned.func1(SB), LEAF|NEEDCTXT|NOFRAME|ABIInternal, $0-0
	0x0000 00000 (main.go:8)	FUNCDATA	$0, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$1, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:8)	MOVD	8(R26), R0
	0x0004 00004 (main.go:8)	MOVD	(R0), R1
	0x0008 00008 (main.go:8)	ADD	$3, R1, R1
	0x000c 00012 (main.go:8)	MOVD	R1, (R0)
	0x0010 00016 (main.go:8)	RET	(R30)
	0x0000 40 07 40 f9 01 00 40 f9 21 0c 00 91 01 00 00 f9  @.@...@.!.......
	0x0010 c0 03 5f d6 00 00 00 00 00 00 00 00 00 00 00 00  .._.............
main.localOnly STEXT size=160 args=0x8 locals=0x38 funcid=0x0 align=0x0
	0x0000 00000 (main.go:13)	TEXT	main.localOnly(SB), ABIInternal, $64-8
	0x0000 00000 (main.go:13)	MOVD	16(g), R16
	0x0004 00004 (main.go:13)	PCDATA	$0, $-2
	0x0004 00004 (main.go:13)	CMP	R16, RSP
	0x0008 00008 (main.go:13)	BLS	140
	0x000c 00012 (main.go:13)	PCDATA	$0, $-1
	0x000c 00012 (main.go:13)	MOVD.W	R30, -64(RSP)
	0x0010 00016 (main.go:13)	MOVD	R29, -8(RSP)
	0x0014 00020 (main.go:13)	SUB	$8, RSP, R29
	0x0018 00024 (main.go:13)	MOVD	ZR, 48(RSP)
	0x001c 00028 (main.go:13)	FUNCDATA	$0, gclocals·J5F+7Qw7O7ve2QcWC7DpeQ==(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$1, gclocals·wdmTuppZUxZYftR7OCq88Q==(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$2, main.localOnly.stkobj(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$5, main.localOnly.arginfo1(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$6, main.localOnly.argliveinfo(SB)
	0x001c 00028 (main.go:13)	FUNCDATA	$4, main.localOnly.opendefer(SB)
	0x001c 00028 (main.go:13)	PCDATA	$3, $1
	0x001c 00028 (main.go:13)	MOVB	ZR, main..autotmp_5-41(SP)
	0x0020 00032 (main.go:13)	MOVD	ZR, main.~r0-40(SP)
	0x0024 00036 (main.go:14)	MOVD	R0, main.local-32(SP)
	0x0028 00040 (main.go:15)	STP	(ZR, ZR), main..autotmp_4-24(SP)
	0x002c 00044 (main.go:15)	MOVD	$main.localOnly.func1(SB), R0
	0x0034 00052 (main.go:15)	MOVD	R0, main..autotmp_4-24(SP)
	0x0038 00056 (main.go:15)	MOVD	$main.local-32(SP), R0
	0x003c 00060 (main.go:15)	MOVD	R0, main..autotmp_4-16(SP)
	0x0040 00064 (main.go:15)	MOVD	$main..autotmp_4-24(SP), R0
	0x0044 00068 (main.go:15)	MOVD	R0, main..autotmp_6-8(SP)
	0x0048 00072 (main.go:15)	MOVD	$1, R0
	0x004c 00076 (main.go:15)	MOVB	R0, main..autotmp_5-41(SP)
	0x0050 00080 (main.go:16)	MOVD	main.local-32(SP), R0
	0x0054 00084 (main.go:16)	MOVD	R0, main.~r0-40(SP)
	0x0058 00088 (main.go:16)	MOVB	ZR, main..autotmp_5-41(SP)
	0x005c 00092 (main.go:16)	MOVD	main..autotmp_6-8(SP), R26
	0x0060 00096 (main.go:16)	MOVD	(R26), R0
	0x0064 00100 (main.go:16)	PCDATA	$1, $1
	0x0064 00100 (main.go:16)	CALL	(R0)
	0x0068 00104 (main.go:16)	MOVD	main.~r0-40(SP), R0
	0x006c 00108 (main.go:16)	LDP	-8(RSP), (R29, R30)
	0x0070 00112 (main.go:16)	ADD	$64, RSP
	0x0074 00116 (main.go:16)	RET	(R30)
	0x0078 00120 (main.go:16)	CALL	runtime.deferreturn(SB)
	0x007c 00124 (main.go:16)	MOVD	main.~r0-40(SP), R0
	0x0080 00128 (main.go:16)	LDP	-8(RSP), (R29, R30)
	0x0084 00132 (main.go:16)	ADD	$64, RSP
	0x0088 00136 (main.go:16)	RET	(R30)
	0x008c 00140 (main.go:16)	NOP
	0x008c 00140 (main.go:13)	PCDATA	$1, $-1
	0x008c 00140 (main.go:13)	PCDATA	$0, $-2
	0x008c 00140 (main.go:13)	MOVD	R0, 8(RSP)
	0x0090 00144 (main.go:13)	MOVD	R30, R3
	0x0094 00148 (main.go:13)	CALL	runtime.morestack_noctxt(SB)
	0x0098 00152 (main.go:13)	PCDATA	$0, $-1
	0x0098 00152 (main.go:13)	MOVD	8(RSP), R0
	0x009c 00156 (main.go:13)	JMP	0
	0x0000 90 0b 40 f9 ff 63 30 eb 29 04 00 54 fe 0f 1c f8  ..@..c0.)..T....
	0x0010 fd 83 1f f8 fd 23 00 d1 ff 1b 00 f9 ff 3f 00 39  .....#.......?.9
	0x0020 ff 0b 00 f9 e0 0f 00 f9 ff 7f 02 a9 00 00 00 90  ................
	0x0030 00 00 00 91 e0 13 00 f9 e0 63 00 91 e0 17 00 f9  .........c......
	0x0040 e0 83 00 91 e0 1b 00 f9 e0 03 40 b2 e0 3f 00 39  ..........@..?.9
	0x0050 e0 0f 40 f9 e0 0b 00 f9 ff 3f 00 39 fa 1b 40 f9  ..@......?.9..@.
	0x0060 40 03 40 f9 00 00 3f d6 e0 0b 40 f9 fd fb 7f a9  @.@...?...@.....
	0x0070 ff 03 01 91 c0 03 5f d6 00 00 00 94 e0 0b 40 f9  ......_.......@.
	0x0080 fd fb 7f a9 ff 03 01 91 c0 03 5f d6 e0 07 00 f9  .........._.....
	0x0090 e3 03 1e aa 00 00 00 94 e0 07 40 f9 d9 ff ff 17  ..........@.....
	rel 44+8 t=R_ADDRARM64 main.localOnly.func1+0
	rel 100+0 t=R_CALLIND +0
	rel 120+4 t=R_CALLARM64 runtime.deferreturn+0
	rel 148+4 t=R_CALLARM64 runtime.morestack_noctxt+0
main.localOnly.func1 STEXT size=32 args=0x0 locals=0x0 funcid=0x0 align=0x0 leaf
	0x0000 00000 (main.go:15)	TEXT	main.localOnly.func1(SB), LEAF|NEEDCTXT|NOFRAME|ABIInternal, $0-0
	0x0000 00000 (main.go:15)	FUNCDATA	$0, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$1, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:15)	MOVD	8(R26), R0
	0x0004 00004 (main.go:15)	MOVD	(R0), R1
	0x0008 00008 (main.go:15)	ADD	$3, R1, R1
	0x000c 00012 (main.go:15)	MOVD	R1, (R0)
	0x0010 00016 (main.go:15)	RET	(R30)
	0x0000 40 07 40 f9 01 00 40 f9 21 0c 00 91 01 00 00 f9  @.@...@.!.......
	0x0010 c0 03 5f d6 00 00 00 00 00 00 00 00 00 00 00 00  .._.............
main.setByReturn STEXT size=176 args=0x8 locals=0x38 funcid=0x0 align=0x0
	0x0000 00000 (main.go:20)	TEXT	main.setByReturn(SB), ABIInternal, $64-8
	0x0000 00000 (main.go:20)	MOVD	16(g), R16
	0x0004 00004 (main.go:20)	PCDATA	$0, $-2
	0x0004 00004 (main.go:20)	CMP	R16, RSP
	0x0008 00008 (main.go:20)	BLS	144
	0x000c 00012 (main.go:20)	PCDATA	$0, $-1
	0x000c 00012 (main.go:20)	MOVD.W	R30, -64(RSP)
	0x0010 00016 (main.go:20)	MOVD	R29, -8(RSP)
	0x0014 00020 (main.go:20)	SUB	$8, RSP, R29
	0x0018 00024 (main.go:20)	MOVD	ZR, 48(RSP)
	0x001c 00028 (main.go:20)	FUNCDATA	$0, gclocals·J5F+7Qw7O7ve2QcWC7DpeQ==(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$1, gclocals·yet6sDYOFtYaEnxEKC0IWA==(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$2, main.setByReturn.stkobj(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$5, main.setByReturn.arginfo1(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$6, main.setByReturn.argliveinfo(SB)
	0x001c 00028 (main.go:20)	FUNCDATA	$4, main.setByReturn.opendefer(SB)
	0x001c 00028 (main.go:20)	PCDATA	$3, $1
	0x001c 00028 (main.go:20)	MOVB	ZR, main..autotmp_4-41(SP)
	0x0020 00032 (main.go:20)	MOVD	ZR, main.result-40(SP)
	0x0024 00036 (main.go:21)	STP	(ZR, ZR), main..autotmp_3-32(SP)
	0x0028 00040 (main.go:21)	MOVD	ZR, main..autotmp_3-16(SP)
	0x002c 00044 (main.go:21)	MOVD	$main.setByReturn.func1(SB), R1
	0x0034 00052 (main.go:21)	MOVD	R1, main..autotmp_3-32(SP)
	0x0038 00056 (main.go:21)	MOVD	$main.result-40(SP), R1
	0x003c 00060 (main.go:21)	MOVD	R1, main..autotmp_3-24(SP)
	0x0040 00064 (main.go:21)	MOVD	R0, main..autotmp_3-16(SP)
	0x0044 00068 (main.go:21)	MOVD	$main..autotmp_3-32(SP), R0
	0x0048 00072 (main.go:21)	MOVD	R0, main..autotmp_5-8(SP)
	0x004c 00076 (main.go:21)	MOVD	$1, R0
	0x0050 00080 (main.go:21)	MOVB	R0, main..autotmp_4-41(SP)
	0x0054 00084 (main.go:22)	MOVD	$2, R0
	0x0058 00088 (main.go:22)	MOVD	R0, main.result-40(SP)
	0x005c 00092 (main.go:22)	MOVB	ZR, main..autotmp_4-41(SP)
	0x0060 00096 (main.go:22)	MOVD	main..autotmp_5-8(SP), R26
	0x0064 00100 (main.go:22)	MOVD	(R26), R0
	0x0068 00104 (main.go:22)	PCDATA	$1, $1
	0x0068 00104 (main.go:22)	CALL	(R0)
	0x006c 00108 (main.go:22)	MOVD	main.result-40(SP), R0
	0x0070 00112 (main.go:22)	LDP	-8(RSP), (R29, R30)
	0x0074 00116 (main.go:22)	ADD	$64, RSP
	0x0078 00120 (main.go:22)	RET	(R30)
	0x007c 00124 (main.go:22)	CALL	runtime.deferreturn(SB)
	0x0080 00128 (main.go:22)	MOVD	main.result-40(SP), R0
	0x0084 00132 (main.go:22)	LDP	-8(RSP), (R29, R30)
	0x0088 00136 (main.go:22)	ADD	$64, RSP
	0x008c 00140 (main.go:22)	RET	(R30)
	0x0090 00144 (main.go:22)	NOP
	0x0090 00144 (main.go:20)	PCDATA	$1, $-1
	0x0090 00144 (main.go:20)	PCDATA	$0, $-2
	0x0090 00144 (main.go:20)	MOVD	R0, 8(RSP)
	0x0094 00148 (main.go:20)	MOVD	R30, R3
	0x0098 00152 (main.go:20)	CALL	runtime.morestack_noctxt(SB)
	0x009c 00156 (main.go:20)	PCDATA	$0, $-1
	0x009c 00156 (main.go:20)	MOVD	8(RSP), R0
	0x00a0 00160 (main.go:20)	JMP	0
	0x0000 90 0b 40 f9 ff 63 30 eb 49 04 00 54 fe 0f 1c f8  ..@..c0.I..T....
	0x0010 fd 83 1f f8 fd 23 00 d1 ff 1b 00 f9 ff 3f 00 39  .....#.......?.9
	0x0020 ff 0b 00 f9 ff ff 01 a9 ff 17 00 f9 01 00 00 90  ................
	0x0030 21 00 00 91 e1 0f 00 f9 e1 43 00 91 e1 13 00 f9  !........C......
	0x0040 e0 17 00 f9 e0 63 00 91 e0 1b 00 f9 e0 03 40 b2  .....c........@.
	0x0050 e0 3f 00 39 e0 03 7f b2 e0 0b 00 f9 ff 3f 00 39  .?.9.........?.9
	0x0060 fa 1b 40 f9 40 03 40 f9 00 00 3f d6 e0 0b 40 f9  ..@.@.@...?...@.
	0x0070 fd fb 7f a9 ff 03 01 91 c0 03 5f d6 00 00 00 94  .........._.....
	0x0080 e0 0b 40 f9 fd fb 7f a9 ff 03 01 91 c0 03 5f d6  ..@..........._.
	0x0090 e0 07 00 f9 e3 03 1e aa 00 00 00 94 e0 07 40 f9  ..............@.
	0x00a0 d8 ff ff 17 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 44+8 t=R_ADDRARM64 main.setByReturn.func1+0
	rel 104+0 t=R_CALLIND +0
	rel 124+4 t=R_CALLARM64 runtime.deferreturn+0
	rel 152+4 t=R_CALLARM64 runtime.morestack_noctxt+0
main.setByReturn.func1 STEXT size=32 args=0x0 locals=0x0 funcid=0x0 align=0x0 leaf
	0x0000 00000 (main.go:21)	TEXT	main.setByReturn.func1(SB), LEAF|NEEDCTXT|NOFRAME|ABIInternal, $0-0
	0x0000 00000 (main.go:21)	FUNCDATA	$0, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$1, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0000 00000 (main.go:21)	MOVD	16(R26), R0
	0x0004 00004 (main.go:21)	MOVD	8(R26), R1
	0x0008 00008 (main.go:21)	MOVD	(R1), R2
	0x000c 00012 (main.go:21)	ADD	R0, R2, R0
	0x0010 00016 (main.go:21)	MOVD	R0, (R1)
	0x0014 00020 (main.go:21)	RET	(R30)
	0x0000 40 0b 40 f9 41 07 40 f9 22 00 40 f9 40 00 00 8b  @.@.A.@.".@.@...
	0x0010 20 00 00 f9 c0 03 5f d6 00 00 00 00 00 00 00 00   ....._.........
main.main STEXT size=128 args=0x0 locals=0x28 funcid=0x0 align=0x0
	0x0000 00000 (main.go:25)	TEXT	main.main(SB), ABIInternal, $48-0
	0x0000 00000 (main.go:25)	MOVD	16(g), R16
	0x0004 00004 (main.go:25)	PCDATA	$0, $-2
	0x0004 00004 (main.go:25)	CMP	R16, RSP
	0x0008 00008 (main.go:25)	BLS	116
	0x000c 00012 (main.go:25)	PCDATA	$0, $-1
	0x000c 00012 (main.go:25)	MOVD.W	R30, -48(RSP)
	0x0010 00016 (main.go:25)	MOVD	R29, -8(RSP)
	0x0014 00020 (main.go:25)	SUB	$8, RSP, R29
	0x0018 00024 (main.go:25)	FUNCDATA	$0, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0018 00024 (main.go:25)	FUNCDATA	$1, gclocals·g2BeySu+wFnoycgXfElmcg==(SB)
	0x0018 00024 (main.go:26)	MOVD	$1, R0
	0x001c 00028 (main.go:26)	PCDATA	$1, $0
	0x001c 00028 (main.go:26)	CALL	main.namedThenReturned(SB)
	0x0020 00032 (main.go:26)	MOVD	R0, main..autotmp_3-8(SP)
	0x0024 00036 (main.go:26)	MOVD	$1, R0
	0x0028 00040 (main.go:26)	CALL	main.localOnly(SB)
	0x002c 00044 (main.go:26)	MOVD	R0, main..autotmp_4-16(SP)
	0x0030 00048 (main.go:26)	MOVD	$1, R0
	0x0034 00052 (main.go:26)	CALL	main.setByReturn(SB)
	0x0038 00056 (main.go:26)	MOVD	R0, main..autotmp_5-24(SP)
	0x003c 00060 (main.go:26)	CALL	runtime.printlock(SB)
	0x0040 00064 (main.go:26)	MOVD	main..autotmp_3-8(SP), R0
	0x0044 00068 (main.go:26)	CALL	runtime.printint(SB)
	0x0048 00072 (main.go:26)	CALL	runtime.printsp(SB)
	0x004c 00076 (main.go:26)	MOVD	main..autotmp_4-16(SP), R0
	0x0050 00080 (main.go:26)	CALL	runtime.printint(SB)
	0x0054 00084 (main.go:26)	CALL	runtime.printsp(SB)
	0x0058 00088 (main.go:26)	MOVD	main..autotmp_5-24(SP), R0
	0x005c 00092 (main.go:26)	CALL	runtime.printint(SB)
	0x0060 00096 (main.go:26)	CALL	runtime.printnl(SB)
	0x0064 00100 (main.go:26)	CALL	runtime.printunlock(SB)
	0x0068 00104 (main.go:27)	LDP	-8(RSP), (R29, R30)
	0x006c 00108 (main.go:27)	ADD	$48, RSP
	0x0070 00112 (main.go:27)	RET	(R30)
	0x0074 00116 (main.go:27)	NOP
	0x0074 00116 (main.go:25)	PCDATA	$1, $-1
	0x0074 00116 (main.go:25)	PCDATA	$0, $-2
	0x0074 00116 (main.go:25)	MOVD	R30, R3
	0x0078 00120 (main.go:25)	CALL	runtime.morestack_noctxt(SB)
	0x007c 00124 (main.go:25)	PCDATA	$0, $-1
	0x007c 00124 (main.go:25)	JMP	0
	0x0000 90 0b 40 f9 ff 63 30 eb 69 03 00 54 fe 0f 1d f8  ..@..c0.i..T....
	0x0010 fd 83 1f f8 fd 23 00 d1 e0 03 40 b2 00 00 00 94  .....#....@.....
	0x0020 e0 13 00 f9 e0 03 40 b2 00 00 00 94 e0 0f 00 f9  ......@.........
	0x0030 e0 03 40 b2 00 00 00 94 e0 0b 00 f9 00 00 00 94  ..@.............
	0x0040 e0 13 40 f9 00 00 00 94 00 00 00 94 e0 0f 40 f9  ..@...........@.
	0x0050 00 00 00 94 00 00 00 94 e0 0b 40 f9 00 00 00 94  ..........@.....
	0x0060 00 00 00 94 00 00 00 94 fd fb 7f a9 ff c3 00 91  ................
	0x0070 c0 03 5f d6 e3 03 1e aa 00 00 00 94 e1 ff ff 17  .._.............
	rel 28+4 t=R_CALLARM64 main.namedThenReturned+0
	rel 40+4 t=R_CALLARM64 main.localOnly+0
	rel 52+4 t=R_CALLARM64 main.setByReturn+0
	rel 60+4 t=R_CALLARM64 runtime.printlock+0
	rel 68+4 t=R_CALLARM64 runtime.printint+0
	rel 72+4 t=R_CALLARM64 runtime.printsp+0
	rel 80+4 t=R_CALLARM64 runtime.printint+0
	rel 84+4 t=R_CALLARM64 runtime.printsp+0
	rel 92+4 t=R_CALLARM64 runtime.printint+0
	rel 96+4 t=R_CALLARM64 runtime.printnl+0
	rel 100+4 t=R_CALLARM64 runtime.printunlock+0
	rel 120+4 t=R_CALLARM64 runtime.morestack_noctxt+0
main..inittask SNOPTRDATA size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
runtime.memequal64·f SRODATA dupok size=8
	0x0000 00 00 00 00 00 00 00 00                          ........
	rel 0+8 t=R_ADDR runtime.memequal64+0
runtime.gcbits.0100000000000000 SRODATA dupok size=8
	0x0000 01 00 00 00 00 00 00 00                          ........
type:.namedata.*func()- SRODATA dupok size=9
	0x0000 00 07 2a 66 75 6e 63 28 29                       ..*func()
type:*func() SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 75 ac 29 27 08 08 08 36 00 00 00 00 00 00 00 00  u.)'...6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 24+8 t=R_ADDR runtime.memequal64·f+0
	rel 32+8 t=R_ADDR runtime.gcbits.0100000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*func()-+0
	rel 48+8 t=R_ADDR type:func()+0
type:func() SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 fe fa b9 80 02 08 08 33 00 00 00 00 00 00 00 00  .......3........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00                                      ....
	rel 32+8 t=R_ADDR runtime.gcbits.0100000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*func()-+0
	rel 44+4 t=RelocType(-32763) type:*func()+0
type:.namedata.*struct { F uintptr; X0 *int }- SRODATA dupok size=32
	0x0000 00 1e 2a 73 74 72 75 63 74 20 7b 20 46 20 75 69  ..*struct { F ui
	0x0010 6e 74 70 74 72 3b 20 58 30 20 2a 69 6e 74 20 7d  ntptr; X0 *int }
type:noalg.*struct { F uintptr; X0 *int } SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 70 3e 53 e3 00 08 08 36 00 00 00 00 00 00 00 00  p>S....6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 32+8 t=R_ADDR runtime.gcbits.0100000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*struct { F uintptr; X0 *int }-+0
	rel 48+8 t=R_ADDR type:noalg.struct { F uintptr; X0 *int }+0
runtime.gcbits.0200000000000000 SRODATA dupok size=8
	0x0000 02 00 00 00 00 00 00 00                          ........
type:.namedata.F. SRODATA dupok size=3
	0x0000 01 01 46                                         ..F
type:.namedata.X0. SRODATA dupok size=4
	0x0000 01 02 58 30                                      ..X0
type:noalg.struct { F uintptr; X0 *int } SRODATA dupok size=128
	0x0000 10 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00  ................
	0x0010 79 e6 f3 1b 02 08 08 19 00 00 00 00 00 00 00 00  y...............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00  ................
	0x0050 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0060 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0070 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	rel 32+8 t=R_ADDR runtime.gcbits.0200000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*struct { F uintptr; X0 *int }-+0
	rel 44+4 t=RelocType(-32763) type:noalg.*struct { F uintptr; X0 *int }+0
	rel 56+8 t=R_ADDR type:noalg.struct { F uintptr; X0 *int }+80
	rel 80+8 t=R_ADDR type:.namedata.F.+0
	rel 88+8 t=R_ADDR type:uintptr+0
	rel 104+8 t=R_ADDR type:.namedata.X0.+0
	rel 112+8 t=R_ADDR type:*int+0
type:.namedata.*struct { F uintptr; X0 *int; X1 int }- SRODATA dupok size=40
	0x0000 00 26 2a 73 74 72 75 63 74 20 7b 20 46 20 75 69  .&*struct { F ui
	0x0010 6e 74 70 74 72 3b 20 58 30 20 2a 69 6e 74 3b 20  ntptr; X0 *int; 
	0x0020 58 31 20 69 6e 74 20 7d                          X1 int }
type:noalg.*struct { F uintptr; X0 *int; X1 int } SRODATA dupok size=56
	0x0000 08 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0010 b6 5d 8e db 00 08 08 36 00 00 00 00 00 00 00 00  .].....6........
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00                          ........
	rel 32+8 t=R_ADDR runtime.gcbits.0100000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*struct { F uintptr; X0 *int; X1 int }-+0
	rel 48+8 t=R_ADDR type:noalg.struct { F uintptr; X0 *int; X1 int }+0
type:.namedata.X1. SRODATA dupok size=4
	0x0000 01 02 58 31                                      ..X1
type:noalg.struct { F uintptr; X0 *int; X1 int } SRODATA dupok size=152
	0x0000 18 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00  ................
	0x0010 79 43 52 8f 02 08 08 19 00 00 00 00 00 00 00 00  yCR.............
	0x0020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0030 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0040 03 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00  ................
	0x0050 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0060 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0070 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00  ................
	0x0080 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0090 10 00 00 00 00 00 00 00                          ........
	rel 32+8 t=R_ADDR runtime.gcbits.0200000000000000+0
	rel 40+4 t=R_ADDROFF type:.namedata.*struct { F uintptr; X0 *int; X1 int }-+0
	rel 44+4 t=RelocType(-32763) type:noalg.*struct { F uintptr; X0 *int; X1 int }+0
	rel 56+8 t=R_ADDR type:noalg.struct { F uintptr; X0 *int; X1 int }+80
	rel 80+8 t=R_ADDR type:.namedata.F.+0
	rel 88+8 t=R_ADDR type:uintptr+0
	rel 104+8 t=R_ADDR type:.namedata.X0.+0
	rel 112+8 t=R_ADDR type:*int+0
	rel 128+8 t=R_ADDR type:.namedata.X1.+0
	rel 136+8 t=R_ADDR type:int+0
gclocals·J5F+7Qw7O7ve2QcWC7DpeQ== SRODATA dupok size=8
	0x0000 02 00 00 00 00 00 00 00                          ........
gclocals·wdmTuppZUxZYftR7OCq88Q== SRODATA dupok size=10
	0x0000 02 00 00 00 03 00 00 00 00 04                    ..........
main.namedThenReturned.stkobj SRODATA static size=24
	0x0000 01 00 00 00 00 00 00 00 e8 ff ff ff 10 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00                          ........
	rel 20+4 t=R_ADDROFF runtime.gcbits.0200000000000000+0
main.namedThenReturned.opendefer SRODATA dupok size=2
	0x0000 21 08                                            !.
main.namedThenReturned.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
main.namedThenReturned.argliveinfo SRODATA static dupok size=2
	0x0000 00 00                                            ..
gclocals·g2BeySu+wFnoycgXfElmcg== SRODATA dupok size=8
	0x0000 01 00 00 00 00 00 00 00                          ........
main.localOnly.stkobj SRODATA static size=24
	0x0000 01 00 00 00 00 00 00 00 e8 ff ff ff 10 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00                          ........
	rel 20+4 t=R_ADDROFF runtime.gcbits.0200000000000000+0
main.localOnly.opendefer SRODATA dupok size=2
	0x0000 29 08                                            ).
main.localOnly.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
main.localOnly.argliveinfo SRODATA static dupok size=2
	0x0000 00 00                                            ..
gclocals·yet6sDYOFtYaEnxEKC0IWA== SRODATA dupok size=10
	0x0000 02 00 00 00 04 00 00 00 00 08                    ..........
main.setByReturn.stkobj SRODATA static size=24
	0x0000 01 00 00 00 00 00 00 00 e0 ff ff ff 18 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00                          ........
	rel 20+4 t=R_ADDROFF runtime.gcbits.0200000000000000+0
main.setByReturn.opendefer SRODATA dupok size=2
	0x0000 29 08                                            ).
main.setByReturn.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
main.setByReturn.argliveinfo SRODATA static dupok size=2
	0x0000 00 00                                            ..
