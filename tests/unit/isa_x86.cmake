# x86-64: the lift and its helpers. x86_coverage FILE…: what the lift knows of real programs.
add_executable(x86_coverage ${CMAKE_CURRENT_LIST_DIR}/isa_x86_coverage.cpp)
target_link_libraries(x86_coverage PRIVATE deferscope_options deferscope_isa Zydis::Zydis)
