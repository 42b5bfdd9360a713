// comm/group.h — a group of processes (an MPI communicator) with collective and point-to-point operations. A group
// of one is always valid and its collectives are no-ops, so callers need no special case.
//
//   Group world = Group::world();                        // all processes of mpirun; Group::alone() without it
//   world.all_reduce(kernels, stream, gradient);         // bit-identical on every rank and transport
//   double total = world.sum(tokens);
//
// Tensors are in the memory of `kernels`, and a collective follows the work that is queued in `stream`; its result is
// complete when it returns. Sums are taken in a fixed binary tree over ranks, neighbors first: MPI's own sums choose
// their order by size. An MPI error aborts all processes. Any thread may call a group, one at a time.
#pragma once
#include "kernels/kernels.h"

#include <cstdint>
#include <memory>
#include <span>

namespace puna {

class Group {
 public:
    static Group alone();
    static Group world();  // initializes MPI on the first call, if launched by mpirun or Slurm

    int rank() const;
    int size() const;
    Group split(int color) const;  // the ranks with the same color, in rank order

    void all_reduce(const Kernels& kernels, Stream stream, Tensor sum) const;  // f32, in place
    // all: `mine` of rank 0, rank 1, ...; equal sizes, any dtype
    void all_gather(const Kernels& kernels, Stream stream, Tensor all, Tensor mine) const;
    // mine: part rank() of the sum over ranks of `all`; f32
    void reduce_scatter(const Kernels& kernels, Stream stream, Tensor mine, Tensor all) const;
    void send(const Kernels& kernels, Stream stream, Tensor x, int to) const;
    void receive(const Kernels& kernels, Stream stream, Tensor x, int from) const;

    double sum(double value) const;                              // of the value of each rank, in the same tree
    void broadcast(std::span<std::byte> bytes, int from) const;  // host memory
    void barrier() const;

    // Aborts all processes when one fails, as the others would wait for it forever. No-op if there is only one.
    static void abort_all(int code);
    // Call before printing an error, so that an error on all ranks is printed once: ranks other than 0 wait
    // five seconds for rank 0 to abort all.
    static void rank0_reports_first();

    struct Communicator;

 private:
    explicit Group(std::shared_ptr<Communicator> communicator) : communicator_(std::move(communicator)) {}
    std::shared_ptr<Communicator> communicator_;  // shared by copies of a group; null: a group of one
};

}  // namespace puna
