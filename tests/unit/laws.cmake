# The laws of determinism and time travel (docs: design) over the core guests. In Release: under sanitizers it takes an hour.
if(NOT DEFERSCOPE_SANITIZE)
  deferscope_test(laws_test SOURCES unit/laws_test.cpp LIBS deferscope_traces deferscope_runtime_model deferscope_emu deferscope_loader LABELS release)
  target_compile_definitions(laws_test PRIVATE DEFERSCOPE_GUESTS_DEFAULT="${DEFERSCOPE_GUESTS}")
endif()
