// The bytes of demo.xz as a symbol of the program.
    .section .rodata
    .global deferscope_demo_begin
    .global deferscope_demo_end
    .balign 16
deferscope_demo_begin:
    .incbin DEMO_XZ
deferscope_demo_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
