# Compiler flags of all files.
find_program(CCACHE ccache)
if(CCACHE)
  # Without the second of these, results that were compiled with a precompiled header are not found again.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=time_macros,pch_defines ${CCACHE})
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")          # check() is always on; NDEBUG is irrelevant
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall$<SEMICOLON>-Wextra$<SEMICOLON>-Wconversion$<SEMICOLON>-Werror$<SEMICOLON>-Wno-missing-field-initializers$<SEMICOLON>-fno-omit-frame-pointer>)
# The scalar kernels must be bit-identical with every compiler, so a * b + c is not fused implicitly.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)

if(PUNA_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELEASE "-O1")        # compiles in half the time of -O2
  add_compile_options(-fsanitize=${PUNA_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${PUNA_SANITIZE})
endif()

# Counts go nowhere unless LLVM_PROFILE_FILE names a file.
if(PUNA_FUZZ)
  set(FUZZ_COMPILE_OPTIONS -fsanitize=fuzzer-no-link -fprofile-instr-generate=/dev/null -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate=/dev/null)
endif()

# Headers of others are read once: tests, which are not optimized either, compile in half of the time or less, and modules
# in three quarters. The modules of the release and debug builds do without: GCC 12 gives false warnings of what has been
# precompiled, and a file that lacks an include is found.
set(COMMON_HEADERS <algorithm> <array> <cmath> <filesystem> <fmt/format.h> <functional> <map> <memory> <optional> <set>
                   <span> <string> <string_view> <vector>)
set(PRECOMPILED_TEST_HEADERS ${COMMON_HEADERS} <gmock/gmock.h> <gtest/gtest.h>)
if(PUNA_SANITIZE)
  set(PRECOMPILED_HEADERS ${COMMON_HEADERS})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  if(PUNA_SANITIZE)
    add_compile_options(-fpch-preprocess -w)    # the first for ccache; the release build has the warnings
  endif()
  # The warnings are of parts of std::string, from precompiled headers.
  set(TEST_COMPILE_OPTIONS -fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow)
else()
  set(TEST_COMPILE_OPTIONS -w)                # GCC's build has the warnings
endif()
list(APPEND TEST_COMPILE_OPTIONS -O0)
if(PUNA_SANITIZE)
  # Tests are checked for invalid memory accesses and races only.
  list(APPEND TEST_COMPILE_OPTIONS -fno-sanitize=undefined)
endif()

# CUDA is optional: it requires nvcc and a compiler that nvcc supports.
include(CheckLanguage)
set(PUNA_CUDA OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT PUNA_SANITIZE)
  if(NOT CMAKE_CUDA_COMPILER)
    find_program(NVCC nvcc HINTS /usr/local/cuda/bin)
    if(NVCC)
      set(CMAKE_CUDA_COMPILER ${NVCC})
    endif()
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
    set(CMAKE_CUDA_STANDARD 17)
    enable_language(CUDA)
    set(PUNA_CUDA ON)
  endif()
endif()
if(PUNA_NEEDS_CUDA AND NOT PUNA_CUDA)
  message(FATAL_ERROR "CUDA is missing: nvcc was not found or does not work with this compiler")
endif()
