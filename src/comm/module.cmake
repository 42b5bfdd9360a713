# MPI where it was found, else its stand-in.
if(MPI_C_FOUND)
  list(FILTER sources EXCLUDE REGEX "comm/none\\.cpp$")
else()
  list(FILTER sources EXCLUDE REGEX "comm/mpi\\.cpp$")
endif()
