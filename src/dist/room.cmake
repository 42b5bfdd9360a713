# MPI where it was found, else its stand-in.
if(MPI_C_FOUND)
  list(FILTER sources EXCLUDE REGEX "dist/none\\.cpp$")
else()
  list(FILTER sources EXCLUDE REGEX "dist/mpi\\.cpp$")
endif()
