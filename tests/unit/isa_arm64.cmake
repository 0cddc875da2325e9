# The arm64 decoder and lift against capstone and Unicorn. Unicorn is linked by tests only.
deferscope_test(isa_arm64_capstone_test SOURCES unit/isa_arm64_capstone_test.cpp LIBS deferscope_isa fmt::fmt
                PkgConfig::capstone)
find_library(UNICORN_LIBRARY unicorn)
if(UNICORN_LIBRARY)
  deferscope_test(isa_arm64_lift_test SOURCES unit/isa_arm64_lift_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt ${UNICORN_LIBRARY})
  deferscope_test(isa_arm64_qemu_test SOURCES unit/isa_arm64_qemu_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt ${UNICORN_LIBRARY})
  deferscope_test(isa_arm64_unicorn_test SOURCES unit/isa_arm64_unicorn_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt ${UNICORN_LIBRARY})
else()
  message(WARNING "no libunicorn: the arm64 instructions are not tested against it")
endif()
