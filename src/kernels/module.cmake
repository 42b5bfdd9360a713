# Portable vectors in loops take minutes without optimization; their code is that of the instruction sets' tables.
set_source_files_properties(${src}/${module}/testing/tables.cpp PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Debug>:-O2>)

# CUDA where nvcc was found, else its stand-in.
if(PUNA_CUDA)
  list(FILTER sources EXCLUDE REGEX "cuda/none\\.cpp$")
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${src}/${module}/cuda/*.cu)
  list(APPEND sources ${cuda_sources})
else()
  list(FILTER sources EXCLUDE REGEX "cuda/table\\.cpp$")
endif()
