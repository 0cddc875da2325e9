// The bytes of demo.xz, and of its guest's source, as symbols of the program.
    .section .rodata
    .global deferscope_demo_begin
    .global deferscope_demo_end
    .balign 16
deferscope_demo_begin:
    .incbin DEMO_XZ
deferscope_demo_end:
    .byte 0
    .global deferscope_demo_source_begin
    .global deferscope_demo_source_end
deferscope_demo_source_begin:
    .incbin DEMO_SOURCE
deferscope_demo_source_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
