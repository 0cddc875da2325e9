"".namedThenReturned STEXT size=168 args=0x8 locals=0x30 funcid=0x0
	0x0000 00000 (main.go:6)	TEXT	"".namedThenReturned(SB), ABIInternal, $48-8
	0x0000 00000 (main.go:6)	CMPQ	SP, 16(R14)
	0x0004 00004 (main.go:6)	PCDATA	$0, $-2
	0x0004 00004 (main.go:6)	JLS	148
	0x000a 00010 (main.go:6)	PCDATA	$0, $-1
	0x000a 00010 (main.go:6)	SUBQ	$48, SP
	0x000e 00014 (main.go:6)	MOVQ	BP, 40(SP)
	0x0013 00019 (main.go:6)	LEAQ	40(SP), BP
	0x0018 00024 (main.go:6)	MOVQ	$0, R13
	0x001f 00031 (main.go:6)	MOVQ	R13, 32(SP)
	0x0024 00036 (main.go:6)	FUNCDATA	$0, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0024 00036 (main.go:6)	FUNCDATA	$1, gclocals·ebb0e8ce1793da18f0378b883cb3e122(SB)
	0x0024 00036 (main.go:6)	FUNCDATA	$2, "".namedThenReturned.stkobj(SB)
	0x0024 00036 (main.go:6)	FUNCDATA	$5, "".namedThenReturned.arginfo1(SB)
	0x0024 00036 (main.go:6)	FUNCDATA	$4, "".namedThenReturned.opendefer(SB)
	0x0024 00036 (main.go:6)	MOVB	$0, ""..autotmp_4+7(SP)
	0x0029 00041 (main.go:6)	MOVQ	$0, "".result+8(SP)
	0x0032 00050 (main.go:7)	MOVQ	AX, "".result+8(SP)
	0x0037 00055 (main.go:8)	MOVUPS	X15, ""..autotmp_3+16(SP)
	0x003d 00061 (main.go:8)	LEAQ	"".namedThenReturned.func1(SB), AX
	0x0044 00068 (main.go:8)	MOVQ	AX, ""..autotmp_3+16(SP)
	0x0049 00073 (main.go:8)	LEAQ	"".result+8(SP), AX
	0x004e 00078 (main.go:8)	MOVQ	AX, ""..autotmp_3+24(SP)
	0x0053 00083 (main.go:8)	LEAQ	""..autotmp_3+16(SP), AX
	0x0058 00088 (main.go:8)	MOVQ	AX, ""..autotmp_5+32(SP)
	0x005d 00093 (main.go:9)	MOVB	$0, ""..autotmp_4+7(SP)
	0x0062 00098 (main.go:9)	MOVQ	""..autotmp_5+32(SP), DX
	0x0067 00103 (main.go:9)	MOVQ	(DX), AX
	0x006a 00106 (main.go:9)	PCDATA	$1, $1
	0x006a 00106 (main.go:9)	CALL	AX
	0x006c 00108 (main.go:9)	MOVQ	"".result+8(SP), AX
	0x0071 00113 (main.go:9)	MOVQ	40(SP), BP
	0x0076 00118 (main.go:9)	ADDQ	$48, SP
	0x007a 00122 (main.go:9)	RET
	0x007b 00123 (main.go:9)	NOP
	0x0080 00128 (main.go:9)	CALL	runtime.deferreturn(SB)
	0x0085 00133 (main.go:9)	MOVQ	"".result+8(SP), AX
	0x008a 00138 (main.go:9)	MOVQ	40(SP), BP
	0x008f 00143 (main.go:9)	ADDQ	$48, SP
	0x0093 00147 (main.go:9)	RET
	0x0094 00148 (main.go:9)	NOP
	0x0094 00148 (main.go:6)	PCDATA	$1, $-1
	0x0094 00148 (main.go:6)	PCDATA	$0, $-2
	0x0094 00148 (main.go:6)	MOVQ	AX, 8(SP)
	0x0099 00153 (main.go:6)	CALL	runtime.morestack_noctxt(SB)
	0x009e 00158 (main.go:6)	MOVQ	8(SP), AX
	0x00a3 00163 (main.go:6)	PCDATA	$0, $-1
	0x00a3 00163 (main.go:6)	JMP	0
	0x0000 49 3b 66 10 0f 86 8a 00 00 00 48 83 ec 30 48 89  I;f.......H..0H.
	0x0010 6c 24 28 48 8d 6c 24 28 49 c7 c5 00 00 00 00 4c  l$(H.l$(I......L
	0x0020 89 6c 24 20 c6 44 24 07 00 48 c7 44 24 08 00 00  .l$ .D$..H.D$...
	0x0030 00 00 48 89 44 24 08 44 0f 11 7c 24 10 48 8d 05  ..H.D$.D..|$.H..
	0x0040 00 00 00 00 48 89 44 24 10 48 8d 44 24 08 48 89  ....H.D$.H.D$.H.
	0x0050 44 24 18 48 8d 44 24 10 48 89 44 24 20 c6 44 24  D$.H.D$.H.D$ .D$
	0x0060 07 00 48 8b 54 24 20 48 8b 02 ff d0 48 8b 44 24  ..H.T$ H....H.D$
	0x0070 08 48 8b 6c 24 28 48 83 c4 30 c3 0f 1f 44 00 00  .H.l$(H..0...D..
	0x0080 e8 00 00 00 00 48 8b 44 24 08 48 8b 6c 24 28 48  .....H.D$.H.l$(H
	0x0090 83 c4 30 c3 48 89 44 24 08 e8 00 00 00 00 48 8b  ..0.H.D$......H.
	0x00a0 44 24 08 e9 58 ff ff ff                          D$..X...
	rel 64+4 t=15 "".namedThenReturned.func1+0
	rel 106+0 t=10 +0
	rel 129+4 t=7 runtime.deferreturn+0
	rel 154+4 t=7 runtime.morestack_noctxt+0
"".namedThenReturned.func1 STEXT nosplit size=9 args=0x0 locals=0x0 funcid=0x0
	0x0000 00000 (main.go:8)	TEXT	"".namedThenReturned.func1(SB), NOSPLIT|NEEDCTXT|ABIInternal, $0-0
	0x0000 00000 (main.go:8)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:8)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:8)	MOVQ	8(DX), AX
	0x0004 00004 (main.go:8)	ADDQ	$3, (AX)
	0x0008 00008 (main.go:8)	RET
	0x0000 48 8b 42 08 48 83 00 03 c3                       H.B.H....
"".localOnly STEXT size=178 args=0x8 locals=0x38 funcid=0x0
	0x0000 00000 (main.go:13)	TEXT	"".localOnly(SB), ABIInternal, $56-8
	0x0000 00000 (main.go:13)	CMPQ	SP, 16(R14)
	0x0004 00004 (main.go:13)	PCDATA	$0, $-2
	0x0004 00004 (main.go:13)	JLS	158
	0x000a 00010 (main.go:13)	PCDATA	$0, $-1
	0x000a 00010 (main.go:13)	SUBQ	$56, SP
	0x000e 00014 (main.go:13)	MOVQ	BP, 48(SP)
	0x0013 00019 (main.go:13)	LEAQ	48(SP), BP
	0x0018 00024 (main.go:13)	MOVQ	$0, R13
	0x001f 00031 (main.go:13)	MOVQ	R13, 40(SP)
	0x0024 00036 (main.go:13)	FUNCDATA	$0, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0024 00036 (main.go:13)	FUNCDATA	$1, gclocals·ebb0e8ce1793da18f0378b883cb3e122(SB)
	0x0024 00036 (main.go:13)	FUNCDATA	$2, "".localOnly.stkobj(SB)
	0x0024 00036 (main.go:13)	FUNCDATA	$5, "".localOnly.arginfo1(SB)
	0x0024 00036 (main.go:13)	FUNCDATA	$4, "".localOnly.opendefer(SB)
	0x0024 00036 (main.go:13)	MOVB	$0, ""..autotmp_5+7(SP)
	0x0029 00041 (main.go:13)	MOVQ	$0, "".~r1+8(SP)
	0x0032 00050 (main.go:14)	MOVQ	AX, "".local+16(SP)
	0x0037 00055 (main.go:15)	MOVUPS	X15, ""..autotmp_4+24(SP)
	0x003d 00061 (main.go:15)	LEAQ	"".localOnly.func1(SB), AX
	0x0044 00068 (main.go:15)	MOVQ	AX, ""..autotmp_4+24(SP)
	0x0049 00073 (main.go:15)	LEAQ	"".local+16(SP), AX
	0x004e 00078 (main.go:15)	MOVQ	AX, ""..autotmp_4+32(SP)
	0x0053 00083 (main.go:15)	LEAQ	""..autotmp_4+24(SP), AX
	0x0058 00088 (main.go:15)	MOVQ	AX, ""..autotmp_6+40(SP)
	0x005d 00093 (main.go:15)	MOVB	$1, ""..autotmp_5+7(SP)
	0x0062 00098 (main.go:16)	MOVQ	"".local+16(SP), AX
	0x0067 00103 (main.go:16)	MOVQ	AX, "".~r1+8(SP)
	0x006c 00108 (main.go:16)	MOVB	$0, ""..autotmp_5+7(SP)
	0x0071 00113 (main.go:16)	MOVQ	""..autotmp_6+40(SP), DX
	0x0076 00118 (main.go:16)	MOVQ	(DX), AX
	0x0079 00121 (main.go:16)	PCDATA	$1, $1
	0x0079 00121 (main.go:16)	CALL	AX
	0x007b 00123 (main.go:16)	MOVQ	"".~r1+8(SP), AX
	0x0080 00128 (main.go:16)	MOVQ	48(SP), BP
	0x0085 00133 (main.go:16)	ADDQ	$56, SP
	0x0089 00137 (main.go:16)	RET
	0x008a 00138 (main.go:16)	CALL	runtime.deferreturn(SB)
	0x008f 00143 (main.go:16)	MOVQ	"".~r1+8(SP), AX
	0x0094 00148 (main.go:16)	MOVQ	48(SP), BP
	0x0099 00153 (main.go:16)	ADDQ	$56, SP
	0x009d 00157 (main.go:16)	RET
	0x009e 00158 (main.go:16)	NOP
	0x009e 00158 (main.go:13)	PCDATA	$1, $-1
	0x009e 00158 (main.go:13)	PCDATA	$0, $-2
	0x009e 00158 (main.go:13)	MOVQ	AX, 8(SP)
	0x00a3 00163 (main.go:13)	CALL	runtime.morestack_noctxt(SB)
	0x00a8 00168 (main.go:13)	MOVQ	8(SP), AX
	0x00ad 00173 (main.go:13)	PCDATA	$0, $-1
	0x00ad 00173 (main.go:13)	JMP	0
	0x0000 49 3b 66 10 0f 86 94 00 00 00 48 83 ec 38 48 89  I;f.......H..8H.
	0x0010 6c 24 30 48 8d 6c 24 30 49 c7 c5 00 00 00 00 4c  l$0H.l$0I......L
	0x0020 89 6c 24 28 c6 44 24 07 00 48 c7 44 24 08 00 00  .l$(.D$..H.D$...
	0x0030 00 00 48 89 44 24 10 44 0f 11 7c 24 18 48 8d 05  ..H.D$.D..|$.H..
	0x0040 00 00 00 00 48 89 44 24 18 48 8d 44 24 10 48 89  ....H.D$.H.D$.H.
	0x0050 44 24 20 48 8d 44 24 18 48 89 44 24 28 c6 44 24  D$ H.D$.H.D$(.D$
	0x0060 07 01 48 8b 44 24 10 48 89 44 24 08 c6 44 24 07  ..H.D$.H.D$..D$.
	0x0070 00 48 8b 54 24 28 48 8b 02 ff d0 48 8b 44 24 08  .H.T$(H....H.D$.
	0x0080 48 8b 6c 24 30 48 83 c4 38 c3 e8 00 00 00 00 48  H.l$0H..8......H
	0x0090 8b 44 24 08 48 8b 6c 24 30 48 83 c4 38 c3 48 89  .D$.H.l$0H..8.H.
	0x00a0 44 24 08 e8 00 00 00 00 48 8b 44 24 08 e9 4e ff  D$......H.D$..N.
	0x00b0 ff ff                                            ..
	rel 64+4 t=15 "".localOnly.func1+0
	rel 121+0 t=10 +0
	rel 139+4 t=7 runtime.deferreturn+0
	rel 164+4 t=7 runtime.morestack_noctxt+0
"".localOnly.func1 STEXT nosplit size=9 args=0x0 locals=0x0 funcid=0x0
	0x0000 00000 (main.go:15)	TEXT	"".localOnly.func1(SB), NOSPLIT|NEEDCTXT|ABIInternal, $0-0
	0x0000 00000 (main.go:15)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:15)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:15)	MOVQ	8(DX), AX
	0x0004 00004 (main.go:15)	ADDQ	$3, (AX)
	0x0008 00008 (main.go:15)	RET
	0x0000 48 8b 42 08 48 83 00 03 c3                       H.B.H....
"".setByReturn STEXT size=186 args=0x8 locals=0x38 funcid=0x0
	0x0000 00000 (main.go:20)	TEXT	"".setByReturn(SB), ABIInternal, $56-8
	0x0000 00000 (main.go:20)	CMPQ	SP, 16(R14)
	0x0004 00004 (main.go:20)	PCDATA	$0, $-2
	0x0004 00004 (main.go:20)	JLS	166
	0x000a 00010 (main.go:20)	PCDATA	$0, $-1
	0x000a 00010 (main.go:20)	SUBQ	$56, SP
	0x000e 00014 (main.go:20)	MOVQ	BP, 48(SP)
	0x0013 00019 (main.go:20)	LEAQ	48(SP), BP
	0x0018 00024 (main.go:20)	MOVQ	$0, R13
	0x001f 00031 (main.go:20)	MOVQ	R13, 40(SP)
	0x0024 00036 (main.go:20)	FUNCDATA	$0, gclocals·69c1753bd5f81501d95132d08af04464(SB)
	0x0024 00036 (main.go:20)	FUNCDATA	$1, gclocals·d571c0f6cf0af59df28f76498f639cf2(SB)
	0x0024 00036 (main.go:20)	FUNCDATA	$2, "".setByReturn.stkobj(SB)
	0x0024 00036 (main.go:20)	FUNCDATA	$5, "".setByReturn.arginfo1(SB)
	0x0024 00036 (main.go:20)	FUNCDATA	$4, "".setByReturn.opendefer(SB)
	0x0024 00036 (main.go:20)	MOVB	$0, ""..autotmp_4+7(SP)
	0x0029 00041 (main.go:20)	MOVQ	$0, "".result+8(SP)
	0x0032 00050 (main.go:21)	MOVUPS	X15, ""..autotmp_3+16(SP)
	0x0038 00056 (main.go:21)	MOVQ	$0, ""..autotmp_3+32(SP)
	0x0041 00065 (main.go:21)	LEAQ	"".setByReturn.func1(SB), CX
	0x0048 00072 (main.go:21)	MOVQ	CX, ""..autotmp_3+16(SP)
	0x004d 00077 (main.go:21)	LEAQ	"".result+8(SP), CX
	0x0052 00082 (main.go:21)	MOVQ	CX, ""..autotmp_3+24(SP)
	0x0057 00087 (main.go:21)	MOVQ	AX, ""..autotmp_3+32(SP)
	0x005c 00092 (main.go:21)	LEAQ	""..autotmp_3+16(SP), AX
	0x0061 00097 (main.go:21)	MOVQ	AX, ""..autotmp_5+40(SP)
	0x0066 00102 (main.go:21)	MOVB	$1, ""..autotmp_4+7(SP)
	0x006b 00107 (main.go:22)	MOVQ	$2, "".result+8(SP)
	0x0074 00116 (main.go:22)	MOVB	$0, ""..autotmp_4+7(SP)
	0x0079 00121 (main.go:22)	MOVQ	""..autotmp_5+40(SP), DX
	0x007e 00126 (main.go:22)	MOVQ	(DX), AX
	0x0081 00129 (main.go:22)	PCDATA	$1, $1
	0x0081 00129 (main.go:22)	CALL	AX
	0x0083 00131 (main.go:22)	MOVQ	"".result+8(SP), AX
	0x0088 00136 (main.go:22)	MOVQ	48(SP), BP
	0x008d 00141 (main.go:22)	ADDQ	$56, SP
	0x0091 00145 (main.go:22)	RET
	0x0092 00146 (main.go:22)	CALL	runtime.deferreturn(SB)
	0x0097 00151 (main.go:22)	MOVQ	"".result+8(SP), AX
	0x009c 00156 (main.go:22)	MOVQ	48(SP), BP
	0x00a1 00161 (main.go:22)	ADDQ	$56, SP
	0x00a5 00165 (main.go:22)	RET
	0x00a6 00166 (main.go:22)	NOP
	0x00a6 00166 (main.go:20)	PCDATA	$1, $-1
	0x00a6 00166 (main.go:20)	PCDATA	$0, $-2
	0x00a6 00166 (main.go:20)	MOVQ	AX, 8(SP)
	0x00ab 00171 (main.go:20)	CALL	runtime.morestack_noctxt(SB)
	0x00b0 00176 (main.go:20)	MOVQ	8(SP), AX
	0x00b5 00181 (main.go:20)	PCDATA	$0, $-1
	0x00b5 00181 (main.go:20)	JMP	0
	0x0000 49 3b 66 10 0f 86 9c 00 00 00 48 83 ec 38 48 89  I;f.......H..8H.
	0x0010 6c 24 30 48 8d 6c 24 30 49 c7 c5 00 00 00 00 4c  l$0H.l$0I......L
	0x0020 89 6c 24 28 c6 44 24 07 00 48 c7 44 24 08 00 00  .l$(.D$..H.D$...
	0x0030 00 00 44 0f 11 7c 24 10 48 c7 44 24 20 00 00 00  ..D..|$.H.D$ ...
	0x0040 00 48 8d 0d 00 00 00 00 48 89 4c 24 10 48 8d 4c  .H......H.L$.H.L
	0x0050 24 08 48 89 4c 24 18 48 89 44 24 20 48 8d 44 24  $.H.L$.H.D$ H.D$
	0x0060 10 48 89 44 24 28 c6 44 24 07 01 48 c7 44 24 08  .H.D$(.D$..H.D$.
	0x0070 02 00 00 00 c6 44 24 07 00 48 8b 54 24 28 48 8b  .....D$..H.T$(H.
	0x0080 02 ff d0 48 8b 44 24 08 48 8b 6c 24 30 48 83 c4  ...H.D$.H.l$0H..
	0x0090 38 c3 e8 00 00 00 00 48 8b 44 24 08 48 8b 6c 24  8......H.D$.H.l$
	0x00a0 30 48 83 c4 38 c3 48 89 44 24 08 e8 00 00 00 00  0H..8.H.D$......
	0x00b0 48 8b 44 24 08 e9 46 ff ff ff                    H.D$..F...
	rel 68+4 t=15 "".setByReturn.func1+0
	rel 129+0 t=10 +0
	rel 147+4 t=7 runtime.deferreturn+0
	rel 172+4 t=7 runtime.morestack_noctxt+0
"".setByReturn.func1 STEXT nosplit size=15 args=0x0 locals=0x0 funcid=0x0
	0x0000 00000 (main.go:21)	TEXT	"".setByReturn.func1(SB), NOSPLIT|NEEDCTXT|ABIInternal, $0-0
	0x0000 00000 (main.go:21)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:21)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0000 00000 (main.go:21)	MOVQ	8(DX), AX
	0x0004 00004 (main.go:21)	MOVQ	(AX), CX
	0x0007 00007 (main.go:21)	ADDQ	16(DX), CX
	0x000b 00011 (main.go:21)	MOVQ	CX, (AX)
	0x000e 00014 (main.go:21)	RET
	0x0000 48 8b 42 08 48 8b 08 48 03 4a 10 48 89 08 c3     H.B.H..H.J.H...
"".main STEXT size=141 args=0x0 locals=0x28 funcid=0x0
	0x0000 00000 (main.go:25)	TEXT	"".main(SB), ABIInternal, $40-0
	0x0000 00000 (main.go:25)	CMPQ	SP, 16(R14)
	0x0004 00004 (main.go:25)	PCDATA	$0, $-2
	0x0004 00004 (main.go:25)	JLS	131
	0x0006 00006 (main.go:25)	PCDATA	$0, $-1
	0x0006 00006 (main.go:25)	SUBQ	$40, SP
	0x000a 00010 (main.go:25)	MOVQ	BP, 32(SP)
	0x000f 00015 (main.go:25)	LEAQ	32(SP), BP
	0x0014 00020 (main.go:25)	FUNCDATA	$0, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0014 00020 (main.go:25)	FUNCDATA	$1, gclocals·33cdeccccebe80329f1fdbee7f5874cb(SB)
	0x0014 00020 (main.go:26)	MOVL	$1, AX
	0x0019 00025 (main.go:26)	PCDATA	$1, $0
	0x0019 00025 (main.go:26)	CALL	"".namedThenReturned(SB)
	0x001e 00030 (main.go:26)	MOVQ	AX, ""..autotmp_3+24(SP)
	0x0023 00035 (main.go:26)	MOVL	$1, AX
	0x0028 00040 (main.go:26)	CALL	"".localOnly(SB)
	0x002d 00045 (main.go:26)	MOVQ	AX, ""..autotmp_4+16(SP)
	0x0032 00050 (main.go:26)	MOVL	$1, AX
	0x0037 00055 (main.go:26)	CALL	"".setByReturn(SB)
	0x003c 00060 (main.go:26)	MOVQ	AX, ""..autotmp_5+8(SP)
	0x0041 00065 (main.go:26)	CALL	runtime.printlock(SB)
	0x0046 00070 (main.go:26)	MOVQ	""..autotmp_3+24(SP), AX
	0x004b 00075 (main.go:26)	CALL	runtime.printint(SB)
	0x0050 00080 (main.go:26)	CALL	runtime.printsp(SB)
	0x0055 00085 (main.go:26)	MOVQ	""..autotmp_4+16(SP), AX
	0x005a 00090 (main.go:26)	CALL	runtime.printint(SB)
	0x005f 00095 (main.go:26)	NOP
	0x0060 00096 (main.go:26)	CALL	runtime.printsp(SB)
	0x0065 00101 (main.go:26)	MOVQ	""..autotmp_5+8(SP), AX
	0x006a 00106 (main.go:26)	CALL	runtime.printint(SB)
	0x006f 00111 (main.go:26)	CALL	runtime.printnl(SB)
	0x0074 00116 (main.go:26)	CALL	runtime.printunlock(SB)
	0x0079 00121 (main.go:27)	MOVQ	32(SP), BP
	0x007e 00126 (main.go:27)	ADDQ	$40, SP
	0x0082 00130 (main.go:27)	RET
	0x0083 00131 (main.go:27)	NOP
	0x0083 00131 (main.go:25)	PCDATA	$1, $-1
	0x0083 00131 (main.go:25)	PCDATA	$0, $-2
	0x0083 00131 (main.go:25)	CALL	runtime.morestack_noctxt(SB)
	0x0088 00136 (main.go:25)	PCDATA	$0, $-1
	0x0088 00136 (main.go:25)	JMP	0
	0x0000 49 3b 66 10 76 7d 48 83 ec 28 48 89 6c 24 20 48  I;f.v}H..(H.l$ H
	0x0010 8d 6c 24 20 b8 01 00 00 00 e8 00 00 00 00 48 89  .l$ ..........H.
	0x0020 44 24 18 b8 01 00 00 00 e8 00 00 00 00 48 89 44  D$...........H.D
	0x0030 24 10 b8 01 00 00 00 e8 00 00 00 00 48 89 44 24  $...........H.D$
	0x0040 08 e8 00 00 00 00 48 8b 44 24 18 e8 00 00 00 00  ......H.D$......
	0x0050 e8 00 00 00 00 48 8b 44 24 10 e8 00 00 00 00 90  .....H.D$.......
	0x0060 e8 00 00 00 00 48 8b 44 24 08 e8 00 00 00 00 e8  .....H.D$.......
	0x0070 00 00 00 00 e8 00 00 00 00 48 8b 6c 24 20 48 83  .........H.l$ H.
	0x0080 c4 28 c3 e8 00 00 00 00 e9 73 ff ff ff           .(.......s...
	rel 26+4 t=7 "".namedThenReturned+0
	rel 41+4 t=7 "".localOnly+0
	rel 56+4 t=7 "".setByReturn+0
	rel 66+4 t=7 runtime.printlock+0
	rel 76+4 t=7 runtime.printint+0
	rel 81+4 t=7 runtime.printsp+0
	rel 91+4 t=7 runtime.printint+0
	rel 97+4 t=7 runtime.printsp+0
	rel 107+4 t=7 runtime.printint+0
	rel 112+4 t=7 runtime.printnl+0
	rel 117+4 t=7 runtime.printunlock+0
	rel 132+4 t=7 runtime.morestack_noctxt+0
""..inittask SNOPTRDATA size=24
	0x0000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	0x0010 00 00 00 00 00 00 00 00                          ........
runtime.gcbits.02 SRODATA dupok size=1
	0x0000 02                                               .
gclocals·69c1753bd5f81501d95132d08af04464 SRODATA dupok size=8
	0x0000 02 00 00 00 00 00 00 00                          ........
gclocals·ebb0e8ce1793da18f0378b883cb3e122 SRODATA dupok size=10
	0x0000 02 00 00 00 03 00 00 00 00 04                    ..........
"".namedThenReturned.stkobj SRODATA static size=32
	0x0000 01 00 00 00 00 00 00 00 e8 ff ff ff 10 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 24+8 t=1 runtime.gcbits.02+0
"".namedThenReturned.opendefer SRODATA dupok size=6
	0x0000 00 21 01 00 08 00                                .!....
"".namedThenReturned.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
gclocals·33cdeccccebe80329f1fdbee7f5874cb SRODATA dupok size=8
	0x0000 01 00 00 00 00 00 00 00                          ........
"".localOnly.stkobj SRODATA static size=32
	0x0000 01 00 00 00 00 00 00 00 e8 ff ff ff 10 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 24+8 t=1 runtime.gcbits.02+0
"".localOnly.opendefer SRODATA dupok size=6
	0x0000 00 29 01 00 08 00                                .)....
"".localOnly.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
gclocals·d571c0f6cf0af59df28f76498f639cf2 SRODATA dupok size=10
	0x0000 02 00 00 00 04 00 00 00 00 08                    ..........
"".setByReturn.stkobj SRODATA static size=32
	0x0000 01 00 00 00 00 00 00 00 e0 ff ff ff 18 00 00 00  ................
	0x0010 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
	rel 24+8 t=1 runtime.gcbits.02+0
"".setByReturn.opendefer SRODATA dupok size=6
	0x0000 00 29 01 00 08 00                                .)....
"".setByReturn.arginfo1 SRODATA static dupok size=3
	0x0000 00 08 ff                                         ...
