# With MPI mpi.cpp, without it the stub none.cpp.
if(MPI_C_FOUND)
  list(FILTER sources EXCLUDE REGEX "comm/none\\.cpp$")
else()
  list(FILTER sources EXCLUDE REGEX "comm/mpi\\.cpp$")
endif()
