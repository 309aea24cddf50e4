# Read by CMake inside llama.cpp (see the Makefile): its helpers for command-line tools are neither built nor installed.
set(LLAMA_BUILD_COMMON OFF)
