// Stub for builds without MPI: every group is a group of one.
#include "comm/group.h"

#include <cstring>

namespace puna {

struct Group::Communicator {};

Group Group::alone() { return Group(nullptr); }
Group Group::world() { return alone(); }
void Group::abort_all(int) {}
void Group::rank0_reports_first() {}
int Group::rank() const { return 0; }
int Group::size() const { return 1; }
Group Group::split(int) const { return alone(); }
void Group::all_reduce(std::span<float>) const {}
void Group::all_reduce(std::span<double>) const {}
void Group::all_gather(Tensor all, Tensor mine) const {
    std::memcpy(all.data, mine.data, static_cast<size_t>(mine.bytes()));
}
void Group::reduce_scatter(Tensor mine, Tensor all) const {
    std::memcpy(mine.data, all.data, static_cast<size_t>(mine.bytes()));
}
void Group::broadcast(std::span<std::byte>, int) const {}
void Group::send(std::span<const std::byte>, int to) const { check(false, "send to {} from a group of one", to); }
void Group::receive(std::span<std::byte>, int from) const { check(false, "receive from {} in a group of one", from); }
void Group::barrier() const {}

}  // namespace puna
