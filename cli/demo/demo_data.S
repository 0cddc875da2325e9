/* The bytes of demo.xz. */
  .section .rodata
  .globl deferscope_demo_begin, deferscope_demo_end
  .balign 16
deferscope_demo_begin:
  .incbin DEFERSCOPE_DEMO_FILE
deferscope_demo_end:
  .byte 0
  .section .note.GNU-stack, "", %progbits
