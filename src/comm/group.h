// comm/group.h — a group of processes (an MPI communicator) with collective and point-to-point operations. A group
// of one is always valid and its collectives are no-ops, so callers need no special case.
//
//   Group world = Group::world();                 // all processes of mpirun; Group::alone() without it
//   world.all_reduce(loss);                        // bit-identical on every rank and transport
//
// Sums are taken in a fixed binary tree over ranks. An MPI error aborts all processes.
#pragma once
#include "core/tensor.h"

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
    bool operator==(const Group&) const = default;  // the same communicator
    Group split(int color) const;                   // the ranks with the same color, in rank order

    void all_reduce(std::span<float> sum) const;
    void all_reduce(std::span<double> sum) const;
    void all_gather(Tensor all, Tensor mine) const;      // all: `mine` of rank 0, rank 1, ...; equal sizes
    void reduce_scatter(Tensor mine, Tensor all) const;  // mine: part rank() of the sum over ranks of `all`; f32
    void broadcast(std::span<std::byte> bytes, int from) const;
    void send(std::span<const std::byte> bytes, int to) const;
    void receive(std::span<std::byte> bytes, int from) const;
    void barrier() const;

    // Aborts all processes when one fails, as the others would wait for it forever. No-op if there is only one.
    static void abort_all(int code);
    // Call before printing an error, so that an error on all ranks is printed once: ranks other than 0 wait one second
    // for rank 0 to abort all.
    static void rank0_reports_first();

    struct Communicator;

 private:
    explicit Group(std::shared_ptr<Communicator> communicator) : communicator_(std::move(communicator)) {}
    std::shared_ptr<Communicator> communicator_;  // shared by copies of a group; null: a group of one
};

}  // namespace puna
