# emu/darwin: calls to libSystem against a bare machine.
deferscope_test(darwin_calls_test SOURCES unit/darwin_calls_test.cpp unit/darwin_harness.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(darwin_libm_test SOURCES unit/darwin_libm_test.cpp unit/darwin_harness.cpp unit/linux_harness.cpp LIBS deferscope_emu)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# Numbers and structs against what Go's own packages say, where there are toolchains.
add_test(NAME darwin_abi COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/darwin_abi.py --compiler ${CMAKE_CXX_COMPILER})
set_tests_properties(darwin_abi PROPERTIES SKIP_RETURN_CODE 77)
# What defers do there is what they do on Linux.
if(NOT DEFERSCOPE_SANITIZE)
  add_test(NAME darwin_semantics COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/darwin_semantics.py --program $<TARGET_FILE:deferscope>
                                         --bins ${guests_parent}/guests-core)
  set_tests_properties(darwin_semantics PROPERTIES LABELS release COST 30)
endif()
