# The arm64 decoder and lift against capstone and Unicorn. Unicorn is linked by tests only.
deferscope_test(isa_arm64_capstone_test SOURCES unit/isa_arm64_capstone_test.cpp LIBS deferscope_isa fmt::fmt
                PkgConfig::capstone)
pkg_check_modules(unicorn IMPORTED_TARGET unicorn)
if(unicorn_FOUND)
  deferscope_test(isa_arm64_lift_test SOURCES unit/isa_arm64_lift_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt PkgConfig::unicorn)
  deferscope_test(isa_arm64_qemu_test SOURCES unit/isa_arm64_qemu_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt PkgConfig::unicorn)
  deferscope_test(isa_arm64_unicorn_test SOURCES unit/isa_arm64_unicorn_test.cpp unit/isa_arm64_guest.cpp
                  LIBS deferscope_isa fmt::fmt PkgConfig::unicorn)
else()
  message(WARNING "no libunicorn: the arm64 instructions are not tested against it")
endif()
