deferscope_test(engine_test SOURCES unit/engine_test.cpp LIBS deferscope_emu fmt::fmt)
deferscope_test(engine_random_test SOURCES unit/engine_random_test.cpp LIBS deferscope_emu deferscope_isa fmt::fmt)
