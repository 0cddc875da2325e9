# The laws of determinism and time travel (docs: design) over the core guests. In Release: under sanitizers it takes an hour.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT DEFERSCOPE_SANITIZE)
  deferscope_test(laws_test SOURCES unit/laws_test.cpp LIBS deferscope_traces deferscope_runtime_model deferscope_emu deferscope_loader LABELS release)
  target_compile_definitions(laws_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
endif()
# Dynamically linked programs with the libraries of this machine and of Debian's libc6-arm64-cross.
add_test(NAME dynamic COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/dynamic.py --program $<TARGET_FILE:deferscope>
                              --guests ${guests_parent}/guests-dynamic --core ${guests_parent}/guests-core)
set_tests_properties(dynamic PROPERTIES LABELS release SKIP_RETURN_CODE 77 COST 40 TIMEOUT 1800)
if(NOT DEFERSCOPE_SANITIZE)
  foreach(arch "" --arm64)
    add_test(NAME debian_small${arch} COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/debian.py --program $<TARGET_FILE:deferscope>
                                              --bins ${guests_parent}/debian --only gron ${arch})
    set_tests_properties(debian_small${arch} PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 300)
    deferscope_all_test(debian${arch} ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/debian.py --program $<TARGET_FILE:deferscope>
                        --bins ${guests_parent}/debian ${arch})
  endforeach()
endif()
