# The matrix: every core guest and case under deferscope against the real machine (tests/matrix.py). Shards, so that it runs parallel;
# the last test writes docs/matrix.md from their counts.
if(NOT DEFERSCOPE_SANITIZE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(matrix_shards 8)
  set(matrix_results ${PROJECT_BINARY_DIR}/matrix)
  math(EXPR matrix_last "${matrix_shards} - 1")
  foreach(shard RANGE ${matrix_last})
    add_test(NAME matrix.${shard}
             COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/matrix.py --program $<TARGET_FILE:deferscope>
                     --bins ${guests_parent}/guests-core --results ${matrix_results} --shard ${shard}/${matrix_shards})
    set_tests_properties(matrix.${shard} PROPERTIES LABELS release TIMEOUT 1500 FIXTURES_SETUP matrix COST 100) # the longest first
  endforeach()
  add_test(NAME matrix.report COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/matrix.py --results ${matrix_results}
                                      --shards ${matrix_shards} --report ${PROJECT_SOURCE_DIR}/docs/matrix.md)
  set_tests_properties(matrix.report PROPERTIES LABELS release FIXTURES_REQUIRED matrix)

  # A sample of those that are linked with C (all of them: matrix_cgo below).
  add_test(NAME matrix.linked COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/matrix.py --program $<TARGET_FILE:deferscope>
                                      --dynamic ${guests_parent}/guests-dynamic)
  set_tests_properties(matrix.linked PROPERTIES LABELS release TIMEOUT 600)

  # `./dev test --all`: all builds of `./dev guests`, which must be there, against the real machine beside us.
  set(matrix_all ${CMAKE_CURRENT_SOURCE_DIR}/matrix.py --more ${guests_parent}/guests --results ${PROJECT_BINARY_DIR}/matrix-all)
  foreach(shard RANGE ${matrix_last})
    deferscope_all_test(matrix_all.${shard} ${Python3_EXECUTABLE} ${matrix_all} --program $<TARGET_FILE:deferscope>
                        --shard ${shard}/${matrix_shards})
    set_tests_properties(matrix_all.${shard} PROPERTIES FIXTURES_SETUP matrix_all)
  endforeach()
  deferscope_all_test(matrix_all.report ${Python3_EXECUTABLE} ${matrix_all} --shards ${matrix_shards} --report
                      ${PROJECT_SOURCE_DIR}/docs/matrix-all.md)
  set_tests_properties(matrix_all.report PROPERTIES FIXTURES_REQUIRED matrix_all)

  # Programs that nobody here wrote: the standard library's tests (built with Go) esbuild and other tools (fetched from npm and PyPI), bbolt (module proxy); mapped files
  foreach(kind std esbuild tools mapped race cgo)
    deferscope_all_test(programs.${kind} ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/programs.py --program $<TARGET_FILE:deferscope>
                        --${kind} --jobs 1)
  endforeach()
  deferscope_all_test(programs.std_v3 ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/programs.py --program $<TARGET_FILE:deferscope>
                      --std --level v3 --jobs 1)

  # Builds with cgo and with the race detector: Go, gcc and gcc-aarch64-linux-gnu build them.
  set(matrix_cgo ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/matrix.py --results ${PROJECT_BINARY_DIR}/matrix-cgo)
  deferscope_all_test(matrix_cgo.guests ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/guests/build.py --out ${guests_parent}/guests-cgo --modes opt
                      --symbols syms --programs cases --targets linux/amd64+cgo,linux/arm64+cgo,linux/amd64+race)
  deferscope_all_test(matrix_cgo ${matrix_cgo} --more ${guests_parent}/guests-cgo --program $<TARGET_FILE:deferscope>)
  deferscope_all_test(matrix_cgo.report ${matrix_cgo} --linked --report ${PROJECT_SOURCE_DIR}/docs/matrix-cgo.md)
  set_tests_properties(matrix_cgo.guests PROPERTIES FIXTURES_SETUP guests_cgo)
  set_tests_properties(matrix_cgo PROPERTIES FIXTURES_REQUIRED guests_cgo FIXTURES_SETUP matrix_cgo)
  set_tests_properties(matrix_cgo.report PROPERTIES FIXTURES_REQUIRED matrix_cgo)

  # Guests built for level v3: two that are committed, and with Go and AVX2 the cases of all releases.
  set(matrix_v3 ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/matrix.py --results ${PROJECT_BINARY_DIR}/matrix-v3)
  deferscope_all_test(matrix_v3.guests ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/guests/build.py --out ${guests_parent}/guests-v3
                      --modes v3 --symbols syms --programs cases --targets linux/amd64,darwin/amd64)
  deferscope_all_test(matrix_v3 ${matrix_v3} --more ${guests_parent}/guests-v3 --only _v3_ --program $<TARGET_FILE:deferscope>)
  deferscope_all_test(matrix_v3.report ${matrix_v3} --levels --report ${PROJECT_SOURCE_DIR}/docs/matrix-v3.md)
  set_tests_properties(matrix_v3.guests PROPERTIES FIXTURES_SETUP guests_v3)
  set_tests_properties(matrix_v3 PROPERTIES FIXTURES_REQUIRED guests_v3 FIXTURES_SETUP matrix_v3)
  set_tests_properties(matrix_v3.report PROPERTIES FIXTURES_REQUIRED matrix_v3)
  add_test(NAME levels COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/levels.py --program $<TARGET_FILE:deferscope>
                               --guests ${guests_parent}/guests-level3)
  add_test(NAME traps COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/traps.py --program $<TARGET_FILE:deferscope>)
  add_test(NAME undefined COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/undefined.py --program $<TARGET_FILE:deferscope>)
  set_tests_properties(levels traps undefined PROPERTIES LABELS release TIMEOUT 600)
endif()
