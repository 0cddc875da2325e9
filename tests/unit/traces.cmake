deferscope_test(traces_test SOURCES unit/traces_test.cpp LIBS deferscope_traces PkgConfig::nlohmann_json fmt::fmt LABELS guests)
target_compile_definitions(traces_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
deferscope_test(outputs_test SOURCES unit/outputs_test.cpp LIBS PkgConfig::nlohmann_json LABELS release)
target_compile_definitions(outputs_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}"
                                                DEFERSCOPE_PROGRAM="$<TARGET_FILE:deferscope>")
add_dependencies(outputs_test deferscope)
