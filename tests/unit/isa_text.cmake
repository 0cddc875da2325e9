# Tests of isa/text and of the disasm verb that prints with it.
deferscope_test(isa_text_test SOURCES unit/isa_text_test.cpp unit/isa_text_xarch_test.cpp LIBS deferscope_isa_text
                Zydis::Zydis)
deferscope_test(isa_text_capstone_test SOURCES unit/isa_text_capstone_test.cpp LIBS deferscope_isa_text deferscope_isa
                fmt::fmt PkgConfig::capstone)

deferscope_test(disasm_verb_test SOURCES unit/disasm_verb_test.cpp)
deferscope_test(disasm_guests_test SOURCES unit/disasm_guests_test.cpp LIBS ZLIB::ZLIB LABELS release)
foreach(test disasm_verb_test disasm_guests_test)
  add_dependencies(${test} deferscope)
  target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(${test} PRIVATE DEFERSCOPE_BINARY="$<TARGET_FILE:deferscope>"
                                             DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
endforeach()

# `./dev test --all`: the whole text against go tool objdump itself, on every guest, gofmt and esbuild. Needs Go.
add_test(
  NAME disasm_against_objdump_in_full
  COMMAND
    sh -c
    "test -n \"$DEFERSCOPE_ALL\" || exit 77; exec python3 tests/oracle/objdump.py all '$<TARGET_FILE:deferscope>' \"\${DEFERSCOPE_GUESTS:-${DEFERSCOPE_GUESTS}}\" '${PROJECT_BINARY_DIR}/objdump-all'"
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(disasm_against_objdump_in_full PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 7200)
