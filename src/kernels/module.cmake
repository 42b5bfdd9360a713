# CUDA where nvcc was found, else its stand-in.
if(PUNA_CUDA)
  list(FILTER sources EXCLUDE REGEX "cuda/none\\.cpp$")
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${src}/${module}/cuda/*.cu)
  list(APPEND sources ${cuda_sources})
else()
  list(FILTER sources EXCLUDE REGEX "cuda/table\\.cpp$")
endif()
