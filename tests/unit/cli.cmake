# Tests of the stepper: the session library over real guests, and the command with scripts and a pseudo-terminal.
deferscope_test(session_test
  SOURCES unit/cli_follow_test.cpp unit/cli_frames_test.cpp unit/cli_golden_test.cpp unit/cli_prompt_test.cpp unit/cli_session_test.cpp unit/cli_values_test.cpp unit/cli_walk_test.cpp
          unit/cli_time_test.cpp unit/cli_watch_test.cpp unit/cli_layout_test.cpp unit/cli_operands_test.cpp
  LIBS deferscope_console PkgConfig::re2 PkgConfig::nlohmann_json ZLIB::ZLIB LABELS guests)
target_compile_definitions(session_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# A client of session/ alone.
deferscope_test(session_json_test SOURCES unit/session_json_test.cpp LIBS deferscope_session PkgConfig::nlohmann_json LABELS guests)
target_compile_definitions(session_json_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# Frames and places of defers at every event, without a prompt.
deferscope_test(session_events_test SOURCES unit/session_events_test.cpp LIBS deferscope_session fmt::fmt LABELS guests)
target_compile_definitions(session_events_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}"
                                                       DEFERSCOPE_STORIES="${guests_parent}/guests-stories")

deferscope_test(step_test SOURCES unit/cli_step_test.cpp LIBS deferscope_emu fmt::fmt util LABELS guests)
target_compile_definitions(step_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}"
                                             DEFERSCOPE_PROGRAM="$<TARGET_FILE:deferscope>")
add_dependencies(step_test deferscope)

deferscope_test(usage_test SOURCES unit/cli_usage_test.cpp)
target_include_directories(usage_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(usage_test PRIVATE DEFERSCOPE_BINARY="$<TARGET_FILE:deferscope>")
add_dependencies(usage_test deferscope)

# The second wall, tried from inside, and seen from outside.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
deferscope_test(confine_test SOURCES unit/cli_confine_test.cpp LIBS deferscope_confine Threads::Threads)
add_test(NAME confined COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/confined.py --program $<TARGET_FILE:deferscope>
                               --guests ${guests_parent}/guests-core)
set_tests_properties(confined PROPERTIES LABELS guests SKIP_RETURN_CODE 77 TIMEOUT 600)
