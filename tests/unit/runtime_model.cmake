# The runtime model over real programs: below the folder DEFERSCOPE_GUESTS.
deferscope_test(runtime_model_test SOURCES unit/runtime_model_test.cpp unit/runtime_markers_test.cpp unit/runtime_cases_test.cpp LIBS deferscope_runtime_model fmt::fmt LABELS release)
target_compile_definitions(runtime_model_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
