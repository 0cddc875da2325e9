# emu/linux: frames against the system's headers, the fault table against native programs, system calls against a bare machine.
deferscope_test(linux_frame_test SOURCES unit/linux_frame_test.cpp LIBS deferscope_emu)
deferscope_test(linux_fault_test SOURCES unit/linux_fault_test.cpp LIBS deferscope_emu)
deferscope_test(linux_calls_test SOURCES unit/linux_calls_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_scratch_test SOURCES unit/linux_scratch_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(linux_socket_test SOURCES unit/linux_socket_test.cpp unit/linux_harness.cpp LIBS deferscope_emu)
deferscope_test(host_files_test SOURCES unit/host_files_test.cpp LIBS deferscope_emu)
