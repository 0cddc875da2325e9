deferscope_test(traces_test SOURCES unit/traces_test.cpp LIBS deferscope_traces PkgConfig::nlohmann_json fmt::fmt LABELS release)
target_compile_definitions(traces_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
