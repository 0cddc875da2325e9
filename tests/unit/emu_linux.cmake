# emu/linux: frames against the system's headers, the fault table against native programs, system calls against a bare machine.
deferscope_test(linux_frame_test SOURCES unit/linux_frame_test.cpp LIBS deferscope_emu)
deferscope_test(linux_fault_test SOURCES unit/linux_fault_test.cpp LIBS deferscope_emu)
deferscope_test(linux_calls_test SOURCES unit/linux_calls_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_scratch_test SOURCES unit/linux_scratch_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_mapping_test SOURCES unit/linux_mapping_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_socket_test SOURCES unit/linux_socket_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_bounds_test SOURCES unit/linux_bounds_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(host_files_test SOURCES unit/host_files_test.cpp LIBS deferscope_emu)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# The escape suite: a guest without a C library, made here for amd64 and run under deferscope and by the host itself.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_executable(escape sandbox/escape.cpp)
  set_target_properties(escape PROPERTIES DEFERSCOPE_TEST ON)
  target_compile_features(escape PRIVATE cxx_std_20)
  target_compile_options(escape PRIVATE -O1 -ffreestanding -fno-builtin -fno-pie -fno-exceptions -fno-rtti -fno-stack-protector -fno-sanitize=all
                                        -fno-asynchronous-unwind-tables -fcf-protection=none -Wall -Wextra)
  target_link_options(escape PRIVATE -nostdlib -static -no-pie -fno-sanitize=all)
  add_test(NAME escape COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/escape.py --program $<TARGET_FILE:deferscope>
                               --escape $<TARGET_FILE:escape>)
  set_tests_properties(escape PROPERTIES COST 20)
  target_compile_definitions(host_files_test PRIVATE DEFERSCOPE_ESCAPE="$<TARGET_FILE:escape>")
  add_dependencies(host_files_test escape)
endif()
