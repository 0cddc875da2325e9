# Tests of isa/text and of the disasm verb that prints with it.
deferscope_test(isa_text_test SOURCES unit/isa_text_test.cpp LIBS deferscope_isa_text Zydis::Zydis PkgConfig::capstone)
