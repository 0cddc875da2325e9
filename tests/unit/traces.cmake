find_package(Python3 REQUIRED COMPONENTS Interpreter)
deferscope_test(traces_test SOURCES unit/traces_test.cpp unit/positions_test.cpp unit/event_text_test.cpp unit/event_table_test.cpp LIBS deferscope_traces PkgConfig::nlohmann_json fmt::fmt LABELS guests)
target_compile_definitions(traces_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}" DEFERSCOPE_SOURCE="${PROJECT_SOURCE_DIR}")

# What comparison stands on.
deferscope_test(align_test SOURCES unit/align_test.cpp LIBS deferscope_traces)

# Traces of instructions, read back. In both trees: in Release more guests, whole.
deferscope_test(insn_trace_test SOURCES unit/insn_trace_test.cpp LIBS deferscope_traces LABELS guests)
target_compile_definitions(insn_trace_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# Every JSON output against its schema, every event stream against what must be true of any program's. `./dev test --all`: more cases.
if(NOT DEFERSCOPE_SANITIZE)
  foreach(shard RANGE 3)
    add_test(NAME outputs.${shard} COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/outputs.py --program $<TARGET_FILE:deferscope>
                                           --guests ${DEFERSCOPE_GUESTS} --shard ${shard}/4)
    set_tests_properties(outputs.${shard} PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 7200)
  endforeach()
  foreach(shard RANGE 3)
    add_test(NAME show.${shard} COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/show.py --program $<TARGET_FILE:deferscope>
                                        --guests ${DEFERSCOPE_GUESTS} --shard ${shard}/4)
    set_tests_properties(show.${shard} PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
  endforeach()
  # Runs beside each other; `./dev test --all`: every case over all releases.
  set(diff_test Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/diff.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS}
                --stories ${guests_parent}/guests-stories)
  add_test(NAME diff COMMAND ${diff_test})
  set_tests_properties(diff PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 1200)
  deferscope_all_test(diff.all python3 ${PROJECT_SOURCE_DIR}/tests/diff.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS}
                      --stories ${guests_parent}/guests-stories --all)
  # Semantics over all releases, instruction sets and ways to build, against the native record, and docs/releases.md.
  set(releases_test ${PROJECT_SOURCE_DIR}/tests/releases.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS})
  add_test(NAME releases COMMAND Python3::Interpreter ${releases_test} check evidence --sample --results ${PROJECT_BINARY_DIR}/releases-sample)
  set_tests_properties(releases PROPERTIES LABELS release TIMEOUT 900)
  deferscope_all_test(releases.all ${Python3_EXECUTABLE} ${releases_test} sweep check page evidence --source --results ${PROJECT_BINARY_DIR}/releases)
  add_test(NAME trace COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/trace.py --program $<TARGET_FILE:deferscope>
                              --guests ${DEFERSCOPE_GUESTS})
  set_tests_properties(trace PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 900)
  add_test(NAME insn COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/insn.py --program $<TARGET_FILE:deferscope>
                             --guests ${DEFERSCOPE_GUESTS})
  set_tests_properties(insn PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
  add_test(NAME signals COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/signals.py --program $<TARGET_FILE:deferscope>
                                --guests ${DEFERSCOPE_GUESTS})
  set_tests_properties(signals PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()

# Drawings of stacks: golden ones, JSON against its schema and SVG, names against DWARF as pyelftools reads it.
if(NOT DEFERSCOPE_SANITIZE)
  add_test(NAME draw COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/draw.py --program $<TARGET_FILE:deferscope>
                             --stories ${guests_parent}/guests-stories --places ${guests_parent}/guests-places)
  set_tests_properties(draw PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
  deferscope_all_test(draw.source python3 ${PROJECT_SOURCE_DIR}/tests/draw.py --program $<TARGET_FILE:deferscope>
                      --stories ${guests_parent}/guests-stories --source)
endif()

# The pages on articles, from live runs: each claim's proof, and the page as it is.
if(NOT DEFERSCOPE_SANITIZE)
  add_test(NAME articles COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/articles.py --program $<TARGET_FILE:deferscope>
                                 --articles ${guests_parent}/guests-articles --guests ${DEFERSCOPE_GUESTS})
  set_tests_properties(articles PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()

# Pages of runs: data, HTML, and their use in a browser where one is installed; by `./dev test --all` everywhere.
if(NOT DEFERSCOPE_SANITIZE)
  set(report_test ${PROJECT_SOURCE_DIR}/tests/report.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS}
                  --stories ${guests_parent}/guests-stories --shots ${guests_parent}/report)
  add_test(NAME report COMMAND Python3::Interpreter ${report_test})
  set_tests_properties(report PROPERTIES LABELS release TIMEOUT 600)
  deferscope_all_test(report.browser python3 ${report_test} --browser)
endif()

# Guests that lie about their own state.
deferscope_test(hostile_guest_test SOURCES unit/hostile_guest_test.cpp LIBS deferscope_traces PkgConfig::nlohmann_json fmt::fmt LABELS guests)
target_compile_definitions(hostile_guest_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")

# Names and texts that would write on the reader's screen: every verb.
add_test(NAME hostile_names COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/hostile_names.py --program $<TARGET_FILE:deferscope>
                                    --guests ${DEFERSCOPE_GUESTS})
set_tests_properties(hostile_names PROPERTIES LABELS guests SKIP_RETURN_CODE 77 TIMEOUT 600)

deferscope_all_test(trace.oracle python3 ${PROJECT_SOURCE_DIR}/tests/trace.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS} --oracle)

# Programs that are built from Go source: with a go of the test's own; `./dev test --all`: with Go's, every release.
add_test(NAME from_source COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/from_source.py --program $<TARGET_FILE:deferscope>
                                  --guests ${DEFERSCOPE_GUESTS})
set_tests_properties(from_source PROPERTIES LABELS guests TIMEOUT 600)
deferscope_all_test(from_source.real python3 ${PROJECT_SOURCE_DIR}/tests/from_source.py --program $<TARGET_FILE:deferscope>
                    --guests ${DEFERSCOPE_GUESTS} --real)

# The job of docs/ci.md, as printed: with the same two kinds of go.
if(NOT DEFERSCOPE_SANITIZE)
  set(ci_test ${PROJECT_SOURCE_DIR}/tests/ci.py --program $<TARGET_FILE:deferscope> --guests ${DEFERSCOPE_GUESTS})
  add_test(NAME ci COMMAND Python3::Interpreter ${ci_test})
  set_tests_properties(ci PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 600)
  deferscope_all_test(ci.real python3 ${ci_test} --real)
endif()

# What the events tell, beside what the programs themselves say of their defers.
set(guests_source ${PROJECT_SOURCE_DIR}/tests/guests/src)
deferscope_all_test(said python3 ${PROJECT_SOURCE_DIR}/tests/oracle/said.py --program $<TARGET_FILE:deferscope> ${guests_source}/stories
                    ${guests_source}/tricky ${guests_source}/golines ${guests_source}/recover73916 ${guests_source}/defer1 ${guests_source}/defer_ret)

# Listings of go tool compile -S as programs: the project's own, and an article's where that is at hand.
add_test(NAME listings COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/listings.py --program $<TARGET_FILE:deferscope>)
set_tests_properties(listings PROPERTIES LABELS guests TIMEOUT 900)
add_test(NAME listings.articles COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/listings.py --program $<TARGET_FILE:deferscope>
                                        --seeds ${PROJECT_SOURCE_DIR}/../shared/seeds)
set_tests_properties(listings.articles PROPERTIES LABELS guests SKIP_RETURN_CODE 77)
