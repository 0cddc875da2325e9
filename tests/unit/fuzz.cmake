# Damaged programs: the known ones and a few new (the same ones on every run, some verbs each; ./dev fuzz tries others as long as one likes).
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME fuzz.damaged_programs
         COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.py --program $<TARGET_FILE:deferscope>
                 --guests ${guests_parent}/guests-core --files 12 --verbs 4 --seed 1 --limit 300)
set_tests_properties(fuzz.damaged_programs PROPERTIES LABELS guests)
if(NOT DEFERSCOPE_SANITIZE)
  deferscope_all_test(fuzz.many_damaged_programs ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.py --program
                      ${PROJECT_SOURCE_DIR}/build/asan/deferscope --guests ${guests_parent}/guests-core --files 400 --seed 2 --limit 600)
endif()
# Tables that lie: a value that hurts in each field that means something. `./dev test --all`: each on each guest.
if(NOT DEFERSCOPE_SANITIZE)
  set(liars ${PROJECT_SOURCE_DIR}/tests/fuzz/liars.py --program $<TARGET_FILE:deferscope> --guests ${guests_parent}/guests-core)
  add_test(NAME fuzz.liars COMMAND Python3::Interpreter ${liars})
  set_tests_properties(fuzz.liars PROPERTIES LABELS release SKIP_RETURN_CODE 77 TIMEOUT 1800)
  deferscope_all_test(fuzz.liars_all ${Python3_EXECUTABLE} ${liars} --all --limit 120)
endif()
# Bad input, limits, streams that fail: each gives one line and the right status.
set(bad_input_sample)
if(DEFERSCOPE_SANITIZE)
  set(bad_input_sample --sample)
endif()
add_test(NAME bad_input COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/bad_input.py --program $<TARGET_FILE:deferscope>
                                --guests ${guests_parent}/guests-core ${bad_input_sample})
set_tests_properties(bad_input PROPERTIES LABELS guests COST 50)
deferscope_all_test(bad_input.real ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/bad_input.py --program $<TARGET_FILE:deferscope> --real)
