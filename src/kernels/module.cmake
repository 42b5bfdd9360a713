# Without optimization, the portable vectors take minutes; they are compiled from the same source as the other tables.
if(CMAKE_BUILD_TYPE STREQUAL Debug)
  set_source_files_properties(${src}/${module}/testing/tables.cpp ${src}/${module}/cpu/scalar_quantize.cpp
                              PROPERTIES COMPILE_OPTIONS -O2)
endif()

# CUDA if nvcc was found, otherwise its replacement none.cpp.
if(PUNA_CUDA)
  list(FILTER sources EXCLUDE REGEX "cuda/none\\.cpp$")
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${src}/${module}/cuda/*.cu)
  list(APPEND sources ${cuda_sources})
else()
  list(FILTER sources EXCLUDE REGEX "cuda/table\\.cpp$")
endif()
