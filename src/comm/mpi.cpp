#include "comm/group.h"
#include "core/threads.h"

#define OMPI_SKIP_MPICXX 1  // the C interface only; the C++ bindings were removed from MPI 3
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace puna {

struct Group::Communicator {
    MPI_Comm handle = MPI_COMM_NULL;
    int rank = 0, size = 1;
    bool owned = false;
    ~Communicator() {
        int finished = 0;
        MPI_Finalized(&finished);
        if (owned && !finished) MPI_Comm_free(&handle);
    }
};

namespace {

constexpr size_t max_message_bytes = size_t{1} << 30;  // MPI counts are int

// The environment variables by which Open MPI, MPICH and Slurm identify launched processes.
bool launched_by_mpi() {
    for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
        if (std::getenv(name)) return true;
    return false;
}

void start_mpi() {
    int started = 0;
    MPI_Initialized(&started);
    if (started) return;
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    std::atexit([] {
        int finished = 0;
        MPI_Finalized(&finished);
        if (!finished) MPI_Finalize();
    });
}

std::shared_ptr<Group::Communicator> wrap(MPI_Comm handle, bool owned) {
    auto communicator = std::make_shared<Group::Communicator>();
    communicator->handle = handle;
    communicator->owned = owned;
    MPI_Comm_rank(handle, &communicator->rank);
    MPI_Comm_size(handle, &communicator->size);
    return communicator;
}

template <class F>
void for_each_message(size_t bytes, F f) {
    for (size_t offset = 0; offset < bytes; offset += max_message_bytes)
        f(offset, static_cast<int>(std::min(max_message_bytes, bytes - offset)));
}

void exchange(const Group::Communicator& c, const void* mine, void* theirs, size_t bytes, int partner) {
    for_each_message(bytes, [&](size_t offset, int n) {
        MPI_Sendrecv(static_cast<const std::byte*>(mine) + offset, n, MPI_BYTE, partner, 0,
                     static_cast<std::byte*>(theirs) + offset, n, MPI_BYTE, partner, 0, c.handle, MPI_STATUS_IGNORE);
    });
}

template <class T>
void add_to(std::span<T> sum, const T* addend) {
    parallel_for(static_cast<int64_t>(sum.size()), 1 << 16, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) sum[static_cast<size_t>(i)] += addend[i];
    });
}

// Recursive doubling: pairs of ranks add, then pairs of pairs, so that every rank has ((0 + 1) + (2 + 3)) + ... Ranks
// beyond the largest power of two first send their values to a partner, and receive the result at the end.
template <class T>
void tree_all_reduce(const Group& group, const Group::Communicator& c, std::span<T> sum) {
    std::vector<T> received(sum.size());
    int power_of_two = 1;
    while (power_of_two * 2 <= c.size) power_of_two *= 2;
    auto bytes = std::as_writable_bytes(sum);
    if (c.rank >= power_of_two) group.send(bytes, c.rank - power_of_two);
    if (c.rank + power_of_two < c.size) {
        group.receive(std::as_writable_bytes(std::span(received)), c.rank + power_of_two);
        add_to(sum, received.data());
    }
    for (int step = 1; step < power_of_two && c.rank < power_of_two; step *= 2) {
        exchange(c, sum.data(), received.data(), sum.size_bytes(), c.rank ^ step);
        add_to(sum, received.data());  // addition is commutative bit for bit
    }
    if (c.rank + power_of_two < c.size) group.send(bytes, c.rank + power_of_two);
    if (c.rank >= power_of_two) group.receive(bytes, c.rank - power_of_two);
}

}  // namespace

Group Group::alone() { return Group(nullptr); }

Group Group::world() {
    if (!launched_by_mpi()) return alone();
    start_mpi();
    static const Group world(wrap(MPI_COMM_WORLD, false));
    return world;
}

void Group::abort_all(int code) {
    int started = 0, size = 1;
    MPI_Initialized(&started);
    if (started) MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 1) MPI_Abort(MPI_COMM_WORLD, code);
}

void Group::rank0_reports_first() {
    int started = 0, rank = 0;
    MPI_Initialized(&started);
    if (started) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank > 0) std::this_thread::sleep_for(std::chrono::seconds(1));
}

int Group::rank() const { return communicator_ ? communicator_->rank : 0; }
int Group::size() const { return communicator_ ? communicator_->size : 1; }

Group Group::split(int color) const {
    if (!communicator_) return alone();
    MPI_Comm handle = MPI_COMM_NULL;
    MPI_Comm_split(communicator_->handle, color, communicator_->rank, &handle);
    return Group(wrap(handle, true));
}

void Group::all_reduce(std::span<float> sum) const {
    if (size() > 1) tree_all_reduce(*this, *communicator_, sum);
}
void Group::all_reduce(std::span<double> sum) const {
    if (size() > 1) tree_all_reduce(*this, *communicator_, sum);
}

void Group::all_gather(Tensor all, Tensor mine) const {
    check(all.bytes() == mine.bytes() * size(), "all_gather: {} from {} of {}", all, size(), mine);
    size_t bytes = static_cast<size_t>(mine.bytes());
    std::memcpy(static_cast<std::byte*>(all.data) + static_cast<size_t>(rank()) * bytes, mine.data, bytes);
    for (int r = 0; r < size(); ++r)
        broadcast({static_cast<std::byte*>(all.data) + static_cast<size_t>(r) * bytes, bytes}, r);
}

void Group::reduce_scatter(Tensor mine, Tensor all) const {
    check(all.bytes() == mine.bytes() * size(), "reduce_scatter: {} to {} of {}", all, size(), mine);
    all_reduce(all.span<float>());
    size_t bytes = static_cast<size_t>(mine.bytes());
    std::memcpy(mine.data, static_cast<const std::byte*>(all.data) + static_cast<size_t>(rank()) * bytes, bytes);
}

void Group::broadcast(std::span<std::byte> bytes, int from) const {
    if (size() > 1)
        for_each_message(bytes.size(), [&](size_t offset, int n) {
            MPI_Bcast(bytes.data() + offset, n, MPI_BYTE, from, communicator_->handle);
        });
}

void Group::send(std::span<const std::byte> bytes, int to) const {
    check(to >= 0 && to < size() && to != rank(), "send from {} to {} of {}", rank(), to, size());
    for_each_message(bytes.size(), [&](size_t offset, int n) {
        MPI_Send(bytes.data() + offset, n, MPI_BYTE, to, 0, communicator_->handle);
    });
}

void Group::receive(std::span<std::byte> bytes, int from) const {
    check(from >= 0 && from < size() && from != rank(), "receive at {} from {} of {}", rank(), from, size());
    for_each_message(bytes.size(), [&](size_t offset, int n) {
        MPI_Recv(bytes.data() + offset, n, MPI_BYTE, from, 0, communicator_->handle, MPI_STATUS_IGNORE);
    });
}

void Group::barrier() const {
    if (size() > 1) MPI_Barrier(communicator_->handle);
}

}  // namespace puna
