# Tests of loader/. Guests (real Go programs) are taken from the folder DEFERSCOPE_GUESTS names: the environment variable when the test runs,
# else the CMake variable of that name; without either the tests that need them say that they are skipped.
deferscope_test(loader_test
  SOURCES unit/loader_elf_test.cpp unit/loader_macho_test.cpp unit/loader_text_test.cpp unit/loader_guests_test.cpp unit/loader_oracle_test.cpp
          unit/loader_dwarf_test.cpp unit/loader_eh_frame_test.cpp unit/loader_fuzz_test.cpp
  LIBS deferscope_loader fmt::fmt ZLIB::ZLIB LABELS guests)
target_compile_definitions(loader_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
target_include_directories(loader_test SYSTEM PRIVATE ${LIBDWARF_INCLUDE_DIR})

deferscope_test(info_test SOURCES unit/loader_info_test.cpp LIBS PkgConfig::nlohmann_json LABELS guests)
target_compile_definitions(info_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}"
                                             DEFERSCOPE_PROGRAM="$<TARGET_FILE:deferscope>")
add_dependencies(info_test deferscope)
