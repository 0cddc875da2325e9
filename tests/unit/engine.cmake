deferscope_test(engine_test SOURCES unit/engine_test.cpp LIBS deferscope_emu fmt::fmt)
