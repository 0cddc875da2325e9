# What is said of the program stories: line by line against Go's source, and against golden transcripts. Under the sanitizers a sample.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(stories_sample)
if(DEFERSCOPE_SANITIZE)
  set(stories_sample --sample)
endif()
add_test(NAME stories COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/stories.py --program $<TARGET_FILE:deferscope>
                              --guests ${guests_parent}/guests-stories ${stories_sample})
set_tests_properties(stories PROPERTIES LABELS guests COST 60 TIMEOUT 1800)
# `./dev test --all`: all releases and -N -l, and the real testing package.
if(NOT DEFERSCOPE_SANITIZE)
  set(stories ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/stories.py --program $<TARGET_FILE:deferscope>)
  deferscope_all_test(stories.more ${stories} --more ${guests_parent}/guests)
  deferscope_all_test(stories.testing ${stories} --testing ${guests_parent}/go-test)
endif()
