# Tests of isa/text and of the disasm verb that prints with it.
deferscope_test(isa_text_test SOURCES unit/isa_text_test.cpp LIBS deferscope_isa_text Zydis::Zydis PkgConfig::capstone)
deferscope_test(isa_text_guests_test SOURCES unit/isa_text_guests_test.cpp)
add_dependencies(isa_text_guests_test deferscope)
target_compile_definitions(isa_text_guests_test PRIVATE DEFERSCOPE_BINARY="$<TARGET_FILE:deferscope>"
                                                        DEFERSCOPE_GUESTS_DEFAULT="${PROJECT_BINARY_DIR}/guests")
