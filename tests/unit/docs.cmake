# Every command line that README and docs print, run as printed.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT DEFERSCOPE_SANITIZE)
  add_test(NAME docs COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/docs.py --program $<TARGET_FILE:deferscope>)
  set_tests_properties(docs PROPERTIES LABELS release COST 20)
endif()
