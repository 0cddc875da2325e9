# Damaged programs: the known ones and a few new (the same ones on every run; ./dev fuzz tries others as long as one likes).
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME fuzz.damaged_programs
         COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.py --program $<TARGET_FILE:deferscope>
                 --guests ${guests_parent}/guests-core --files 12 --seed 1 --limit 300)
set_tests_properties(fuzz.damaged_programs PROPERTIES LABELS guests)
if(NOT DEFERSCOPE_SANITIZE)
  deferscope_all_test(fuzz.many_damaged_programs ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.py --program
                      ${PROJECT_SOURCE_DIR}/build/asan/deferscope --guests ${guests_parent}/guests-core --files 400 --seed 2 --limit 600)
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
