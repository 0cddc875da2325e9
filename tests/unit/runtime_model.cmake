# The runtime model over real programs: below the folder DEFERSCOPE_GUESTS.
deferscope_test(runtime_model_test SOURCES unit/runtime_model_test.cpp unit/runtime_markers_test.cpp unit/runtime_cases_test.cpp unit/runtime_identity_test.cpp unit/runtime_lines_test.cpp unit/runtime_macho_test.cpp unit/runtime_shared_test.cpp unit/runtime_values_test.cpp LIBS deferscope_runtime_model fmt::fmt LABELS guests)
target_compile_definitions(runtime_model_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# Records as gdb and delve read them from the running program. Skipped where the tool is not here; delve, which has to be built, runs with
# `./dev test --all` only.
if(NOT DEFERSCOPE_SANITIZE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(debuggers ${PROJECT_SOURCE_DIR}/tests/oracle/debuggers.py)
  set(debuggers_flags --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS} --tools ${guests_parent}/tools)
  add_test(NAME debuggers.gdb COMMAND Python3::Interpreter ${debuggers} gdb ${debuggers_flags})
  add_test(NAME debuggers.delve COMMAND Python3::Interpreter ${debuggers} delve ${debuggers_flags})
  set_tests_properties(debuggers.gdb debuggers.delve PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 1800)
endif()

# What every word of a stack is for.
deferscope_test(roles_test SOURCES unit/roles_test.cpp LIBS deferscope_runtime_model fmt::fmt LABELS guests)
target_compile_definitions(roles_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# Listings of go tool compile -S, whole and mangled.
deferscope_test(listing_test SOURCES unit/listing_test.cpp LIBS deferscope_runtime_model fmt::fmt LABELS guests)
target_compile_definitions(listing_test PRIVATE DEFERSCOPE_LISTINGS="${CMAKE_CURRENT_SOURCE_DIR}/unit/data/listing")
