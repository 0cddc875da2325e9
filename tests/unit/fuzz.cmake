# Damaged programs: the known ones and a few new (the same ones on every run; ./dev fuzz tries others as long as one likes).
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME fuzz.damaged_programs
         COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.py --program $<TARGET_FILE:deferscope>
                 --guests ${guests_parent}/guests-core --files 12 --seed 1 --limit 300)
set_tests_properties(fuzz.damaged_programs PROPERTIES LABELS release)
