# Tests of isa/text and of the disasm verb that prints with it.
deferscope_test(isa_text_test SOURCES unit/isa_text_test.cpp unit/isa_text_xarch_test.cpp LIBS deferscope_isa_text
                Zydis::Zydis)
deferscope_test(isa_text_capstone_test SOURCES unit/isa_text_capstone_test.cpp LIBS deferscope_isa_text deferscope_isa
                fmt::fmt PkgConfig::capstone)

deferscope_test(disasm_verb_test SOURCES unit/disasm_verb_test.cpp)
deferscope_test(disasm_guests_test SOURCES unit/disasm_guests_test.cpp
                LIBS ZLIB::ZLIB Zydis::Zydis LABELS release)
foreach(test disasm_verb_test disasm_guests_test)
  add_dependencies(${test} deferscope)
  target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_definitions(${test} PRIVATE DEFERSCOPE_BINARY="$<TARGET_FILE:deferscope>"
                                             DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
endforeach()

# `./dev test --all`: against go tool objdump itself on every guest, gofmt and esbuild, and against Go's assembler and compiler. Needs Go.
add_executable(isa_text_printer unit/isa_text_printer.cpp)
target_link_libraries(isa_text_printer PRIVATE deferscope_options deferscope_isa_text GTest::gtest)
add_dependencies(tests_all isa_text_printer)
function(deferscope_oracle name)
  list(JOIN ARGN " " command)
  add_test(NAME ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
           COMMAND sh -c "test -n \"$DEFERSCOPE_ALL\" || exit 77; exec python3 tests/oracle/${command}")
  set_tests_properties(${name} PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 7200)
endfunction()
deferscope_oracle(disasm_against_objdump_in_full objdump.py all "'$<TARGET_FILE:deferscope>'"
                  "\"\${DEFERSCOPE_GUESTS:-${DEFERSCOPE_GUESTS}}\"" "'${PROJECT_BINARY_DIR}/objdump-all'")
deferscope_oracle(disasm_text_against_gos_decoder go_text.py compare "'$<TARGET_FILE:isa_text_printer>'")
deferscope_oracle(disasm_text_through_gos_assembler assembler.py roundtrip "'$<TARGET_FILE:isa_text_printer>'")
deferscope_oracle(disasm_names_as_compile_says assembler.py names "'$<TARGET_FILE:deferscope>'"
                  "'${PROJECT_BINARY_DIR}/assembler-names'")
