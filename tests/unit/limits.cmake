# The limits suite: guests that take as much as they can get of one thing (tests/sandbox/limits.py), made by the build's own compiler.
if(NOT DEFERSCOPE_SANITIZE AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$")
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(limits_guest ${CMAKE_CURRENT_BINARY_DIR}/sandbox_limits)
  set(limits_source ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/limits.c)
  add_custom_command(OUTPUT ${limits_guest}
                     COMMAND ${CMAKE_CXX_COMPILER} -x c -O1 -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie
                             ${limits_source} -o ${limits_guest}
                     DEPENDS ${limits_source} ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/guest.h VERBATIM)
  add_custom_target(limits_guest ALL DEPENDS ${limits_guest})
  add_dependencies(tests_release limits_guest)
  set(limits_suite ${CMAKE_CURRENT_SOURCE_DIR}/sandbox/limits.py --program $<TARGET_FILE:deferscope> --guest ${limits_guest}
                   --darwin ${guests_sandbox_darwin})
  add_test(NAME limits COMMAND Python3::Interpreter ${limits_suite})
  deferscope_all_test(limits.all ${Python3_EXECUTABLE} ${limits_suite} --all)
  set_tests_properties(limits PROPERTIES LABELS release TIMEOUT 600)
endif()
