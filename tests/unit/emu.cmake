deferscope_test(emu_memory_test SOURCES unit/emu_memory_test.cpp LIBS deferscope_emu)
# 200 M instructions: seconds in Release.
deferscope_test(machine_threads_test SOURCES unit/machine_threads_test.cpp LIBS deferscope_emu LABELS release)
deferscope_test(emu_journal_test SOURCES unit/emu_journal_test.cpp LIBS deferscope_emu)
deferscope_test(machine_interrupt_test SOURCES unit/machine_interrupt_test.cpp LIBS deferscope_emu Threads::Threads)
