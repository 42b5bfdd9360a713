# add_modules(SRC): reads SRC/modules.txt and creates, for every existing module, a static library puna_MODULE linked to the
# modules that it may include, a test program MODULE_test of its *_test.cpp, and with PUNA_FUZZ a program for each *_fuzz.cpp.
# Sources in MODULE/testing form puna_MODULE_testing, which the test programs of this and later modules link. The module `cli`
# is the program itself.

# Modules compiled without -Wconversion, with reasons; currently none.
set(NO_CONVERSION_WARNINGS)

# Files of src/ compiled without sanitizers, with reasons:
# the portable vectors, which take minutes; the same source is sanitized in the instruction sets' tables.
set(NO_SANITIZERS kernels/testing/tables.cpp)

# precompile(TARGET FIRST HEADERS): the headers, if any, are compiled once, for FIRST, and used by all targets of its flags.
function(precompile target first headers)
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${headers})
  elseif(headers)
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()

# What the sanitized builds have of the modules and their tests: what reads the bytes of others, or what has threads. The
# fuzz targets need them all.
if(PUNA_SANITIZE STREQUAL thread)
  set(BUILT_MODULES core files net kernels tokenizer comm nn chat model data infer)
  set(TESTED_MODULES core net kernels data infer)
elseif(PUNA_SANITIZE AND NOT PUNA_FUZZ)
  set(BUILT_MODULES core files net kernels tokenizer comm nn chat model data infer library)
  set(TESTED_MODULES ${BUILT_MODULES})
endif()

function(add_module src module dependencies)
  if(BUILT_MODULES AND NOT module IN_LIST BUILT_MODULES)
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${src}/${module}/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cpp$|/testing/")
  if(EXISTS ${src}/${module}/module.cmake)      # selects sources of optional parts, such as CUDA
    include(${src}/${module}/module.cmake)
  endif()
  if(PUNA_FUZZ AND module STREQUAL cli)         # its targets need no commands, nor the modules that only these include
    foreach(fuzzer ${fuzzers})
      file(STRINGS ${fuzzer} covers LIMIT_COUNT 1 REGEX "^// covers: ")
      string(REGEX MATCHALL "src/[^ ]+\\.cpp" files "${covers}")
      list(APPEND covered ${files})
    endforeach()
    list(TRANSFORM covered PREPEND ${CMAKE_SOURCE_DIR}/)
    set(sources ${covered})
  endif()
  if(NOT sources)
    return()
  endif()
  if(PUNA_SANITIZE)
    foreach(file ${NO_SANITIZERS})
      set_source_files_properties(${src}/${file} PROPERTIES COMPILE_OPTIONS -fno-sanitize=${PUNA_SANITIZE}
                                  SKIP_PRECOMPILE_HEADERS ON)
    endforeach()
  endif()

  add_library(puna_${module} STATIC ${sources})
  set(precompiled ${PRECOMPILED_HEADERS})
  if(PUNA_FUZZ AND module STREQUAL kernels)     # no parser; the tests of the sanitized build cover it
    target_compile_options(puna_${module} PRIVATE -fno-sanitize=all)
    set(precompiled "")                         # which has been compiled for sanitizers
  else()
    target_compile_options(puna_${module} PRIVATE ${FUZZ_COMPILE_OPTIONS})
  endif()
  target_include_directories(puna_${module} PUBLIC ${src})
  target_link_libraries(puna_${module} PUBLIC ${PACKAGES_${module}})
  if(module IN_LIST NO_CONVERSION_WARNINGS)
    target_compile_options(puna_${module} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-conversion>)
  endif()
  foreach(dependency ${dependencies})
    if(TARGET puna_${dependency})
      target_link_libraries(puna_${module} PUBLIC puna_${dependency})
    endif()
  endforeach()

  precompile(puna_${module} puna_core "${precompiled}")

  file(GLOB testing CONFIGURE_DEPENDS ${src}/${module}/testing/*.cpp)
  if(PUNA_TESTS AND testing)
    add_library(puna_${module}_testing STATIC ${testing})
    target_link_libraries(puna_${module}_testing PUBLIC puna_${module})
    set_property(GLOBAL APPEND PROPERTY PUNA_TESTING_LIBRARIES puna_${module}_testing)
  endif()
  if(TESTED_MODULES AND NOT module IN_LIST TESTED_MODULES)
    set(tests "")
  endif()
  if(PUNA_TESTS AND tests)
    add_executable(${module}_test ${tests})
    get_property(testing_libraries GLOBAL PROPERTY PUNA_TESTING_LIBRARIES)
    target_link_libraries(${module}_test PRIVATE puna_${module} ${testing_libraries} ${TEST_PACKAGES_${module}}
                          GTest::gmock GTest::gtest_main)
    target_compile_options(${module}_test PRIVATE ${TEST_COMPILE_OPTIONS})
    precompile(${module}_test core_test "${PRECOMPILED_TEST_HEADERS}")
    # Modules that do not include the kernels use none; the kernels' own tests use all tables.
    set(labels ${module})
    if(NOT kernels IN_LIST dependencies)
      string(APPEND labels ",any_kernels")  # one label: gtest_discover_tests passes no lists
    endif()
    gtest_discover_tests(${module}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS "${labels}" TIMEOUT 600)
  endif()
  if(PUNA_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(name ${fuzzer} NAME_WE)
      add_executable(${name} ${fuzzer})
      target_compile_options(${name} PRIVATE ${FUZZ_COMPILE_OPTIONS})
      target_link_libraries(${name} PRIVATE puna_${module})
      precompile(${name} puna_core "${PRECOMPILED_HEADERS}")
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()

function(add_modules src)
  file(STRINGS ${src}/modules.txt lines REGEX "^[a-z]+:")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${src}/modules.txt)
  set(all "")
  foreach(line ${lines})
    string(REGEX MATCH "^([a-z]+): *(.*)$" _ "${line}")
    set(module ${CMAKE_MATCH_1})
    string(REGEX REPLACE " +" ";" dependencies "${CMAKE_MATCH_2}")
    if(dependencies STREQUAL "*")
      set(dependencies ${all})
    endif()
    list(APPEND all ${module})
    if(EXISTS ${src}/${module})
      add_module(${src} ${module} "${dependencies}")
    endif()
  endforeach()
  set(PUNA_MODULES ${all} PARENT_SCOPE)
  if(TARGET puna_cli AND NOT PUNA_FUZZ)
    target_compile_definitions(puna_cli PRIVATE PUNA_VERSION="${PROJECT_VERSION}" PUNA_BUILD="${CMAKE_BUILD_TYPE}")
    add_executable(puna ${src}/cli/main.cpp)
    target_link_libraries(puna PRIVATE puna_cli)
    precompile(puna puna_core "${PRECOMPILED_HEADERS}")
  endif()
endfunction()
