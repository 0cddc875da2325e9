# What is said of the program stories: line by line against Go's source, and against golden transcripts. Under the sanitizers a sample.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(stories_sample)
if(DEFERSCOPE_SANITIZE)
  set(stories_sample --sample)
endif()
add_test(NAME stories COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/stories.py --program $<TARGET_FILE:deferscope>
                              --guests ${guests_parent}/guests-stories ${stories_sample})
set_tests_properties(stories PROPERTIES LABELS guests COST 60 TIMEOUT 1800)
