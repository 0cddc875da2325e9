deferscope_test(emu_memory_test SOURCES unit/emu_memory_test.cpp LIBS deferscope_emu)
