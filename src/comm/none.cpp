// Stub for builds without MPI: every group is a group of one.
#include "comm/group.h"

namespace puna {

struct Group::Communicator {};

namespace {

void copy(const Kernels& kernels, Stream stream, Tensor to, Tensor from) {
    kernels.copy(stream, to.data, from.data, static_cast<size_t>(from.bytes()));
}

}  // namespace

Group Group::alone() { return Group(nullptr); }
Group Group::world() { return alone(); }
void Group::abort_all(int) {}
void Group::rank0_reports_first() {}
int Group::rank() const { return 0; }
int Group::size() const { return 1; }
Group Group::split(int) const { return alone(); }
void Group::all_reduce(const Kernels&, Stream, Tensor) const {}
void Group::all_gather(const Kernels& kernels, Stream stream, Tensor all, Tensor mine) const {
    copy(kernels, stream, all, mine);
}
void Group::reduce_scatter(const Kernels& kernels, Stream stream, Tensor mine, Tensor all) const {
    copy(kernels, stream, mine, all);
}
void Group::send(const Kernels&, Stream, Tensor, int to) const { check(false, "send to {} from a group of one", to); }
void Group::receive(const Kernels&, Stream, Tensor, int from) const {
    check(false, "receive from {} in a group of one", from);
}
double Group::sum(double value) const { return value; }
void Group::broadcast(std::span<std::byte>, int) const {}
void Group::barrier() const {}

}  // namespace puna
