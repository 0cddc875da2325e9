# Tests of emu/darwin/'s signals.
deferscope_test(darwin_frame_test SOURCES unit/darwin_frame_test.cpp LIBS deferscope_emu)
