// comm/group.h — processes that work together. A group of one does nothing and is always valid, so no caller asks
// whether there are others.
//
//   Group world = Group::world();                 // all processes of mpirun; Group::alone() without it
//   world.all_reduce(loss);                        // the same bits on every rank, whatever the transport
//
// Sums are taken in a fixed binary tree over ranks. What goes wrong between processes ends all of them, with one line.
#pragma once
#include "core/tensor.h"

#include <cstdint>
#include <memory>
#include <span>

namespace puna {

class Group {
 public:
    static Group alone();
    static Group world();  // starts MPI at the first call, if this process was launched by it

    int rank() const;
    int size() const;
    bool operator==(const Group&) const = default;  // the same processes, joined in the same call
    Group split(int color) const;                   // those of the same color, in the order of their ranks

    void all_reduce(std::span<float> sum) const;
    void all_reduce(std::span<double> sum) const;
    void all_gather(Tensor all, Tensor mine) const;      // all: mine of rank 0, of rank 1, ...; sizes are the same
    void reduce_scatter(Tensor mine, Tensor all) const;  // mine: the sum of everybody's part rank() of all
    void broadcast(std::span<std::byte> bytes, int from) const;
    void send(std::span<const std::byte> bytes, int to) const;
    void receive(std::span<std::byte> bytes, int from) const;
    void barrier() const;

    // A process that fails takes the others with it, which would wait for it for ever. Nothing happens in a group of
    // one.
    static void abort_all(int code);
    // Before a failure is told: what fails in all processes is told once. Whoever is not the first waits a second for
    // the first, which ends all.
    static void rank0_reports_first();

    struct Communicator;

 private:
    explicit Group(std::shared_ptr<Communicator> communicator) : communicator_(std::move(communicator)) {}
    std::shared_ptr<Communicator> communicator_;  // shared by copies of a group; null: alone
};

}  // namespace puna
