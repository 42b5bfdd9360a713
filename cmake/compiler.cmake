# Flags that every file is compiled with.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")          # assertions of ours are always on, so NDEBUG changes nothing
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall$<SEMICOLON>-Wextra$<SEMICOLON>-Werror$<SEMICOLON>-Wno-missing-field-initializers$<SEMICOLON>-fno-omit-frame-pointer>)
# The scalar kernels promise the same bits from every compiler: a * b + c is never fused behind our back.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)

if(PUNA_SANITIZE)
  add_compile_options(-fsanitize=${PUNA_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${PUNA_SANITIZE})
endif()
if(PUNA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

# Objects hold machine code for every program and, beside it, the types that the target odr compares.
if(PUNA_ODR)
  add_compile_options(-flto -ffat-lto-objects)
  add_link_options($<IF:$<STREQUAL:$<TARGET_PROPERTY:NAME>,odr>,-flto$<SEMICOLON>-Wodr$<SEMICOLON>-Werror=odr,-fno-lto>)
endif()

# CUDA is optional: where nvcc is found, and the compiler is one that it knows.
include(CheckLanguage)
set(PUNA_CUDA OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT PUNA_SANITIZE AND NOT PUNA_ODR)
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
