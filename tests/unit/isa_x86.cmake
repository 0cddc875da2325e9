# x86-64: the lift and its helpers. Two tools that are built by name only:
#   x86_coverage FILE…             what the lift knows of real programs
#   x86_trace_check PROGRAM ARG…   every instruction of a native run against lift + evaluate (x86-64 hosts)
add_executable(x86_coverage EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/isa_x86_coverage.cpp)
target_link_libraries(x86_coverage PRIVATE deferscope_options deferscope_isa Zydis::Zydis)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_executable(x86_trace_check EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/isa_x86_trace_check.cpp)
  target_link_libraries(x86_trace_check PRIVATE deferscope_options deferscope_isa)
endif()

deferscope_test(isa_x86_lift_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/isa_x86_lift_test.cpp LIBS deferscope_isa Zydis::Zydis)
set(isa_x86_host unit/isa_x86_host.cpp unit/isa_x86_integer_test.cpp unit/isa_x86_sse_test.cpp
    unit/isa_x86_v3_test.cpp unit/isa_x86_x87_test.cpp)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  list(APPEND isa_x86_host unit/isa_x86_native.cpp unit/isa_x86_cases.cpp unit/isa_x86_compare.cpp)
endif()
deferscope_test(isa_x86_host_test SOURCES ${isa_x86_host} LIBS deferscope_isa)
