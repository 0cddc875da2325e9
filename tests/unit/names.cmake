# What the compiler does not say of sources compiled together (DEFERSCOPE_FAST_BUILD).
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME hidden_names COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/hidden_names.py)
