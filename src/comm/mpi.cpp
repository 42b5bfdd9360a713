#include "comm/group.h"
#include "core/checked.h"
#include "core/threads.h"
#include "kernels/host_copy.h"

#define OMPI_SKIP_MPICXX 1  // the C interface only; the C++ bindings were removed from MPI 3
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
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

constexpr size_t max_message_bytes = size_t{1} << 30;     // MPI counts are int
constexpr size_t max_scratch_elements = size_t{1} << 24;  // of a sum at a time, of all ranks together: 64 MiB

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
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    if (provided < MPI_THREAD_SERIALIZED) fail("this MPI library allows only the main thread to call it: use another");
    std::atexit([] {
        int finished = 0;
        MPI_Finalized(&finished);
        if (!finished) MPI_Finalize();
    });
}

std::byte* bytes_of(Tensor x) { return static_cast<std::byte*>(x.data); }

size_t size_of(const Group::Communicator& c) { return static_cast<size_t>(c.size); }

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

// `count` elements at a time of vectors that begin `stride` bytes after one another: one vector of each rank.
class PartType {
 public:
    PartType(MPI_Datatype element, size_t count, size_t stride) {
        MPI_Datatype part = MPI_DATATYPE_NULL;
        MPI_Type_contiguous(static_cast<int>(count), element, &part);
        MPI_Type_create_resized(part, 0, static_cast<MPI_Aint>(stride), &type_);
        MPI_Type_free(&part);
        MPI_Type_commit(&type_);
    }
    PartType(const PartType&) = delete;
    ~PartType() { MPI_Type_free(&type_); }
    MPI_Datatype get() const { return type_; }

 private:
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
};

// The sum of `parts` vectors of n elements, one after the other, replaces the first: neighbors are added, then
// neighboring pairs, and so on, as in TreeSum.
template <class T>
void sum_neighbors(std::vector<T>& vectors, size_t parts, size_t n) {
    for (size_t step = 1; step < parts; step *= 2)
        for (size_t i = 0; i + step < parts; i += 2 * step)
            parallel_for(static_cast<int64_t>(n), 1 << 16, [&](int64_t first, int64_t last) {
                T *sum = vectors.data() + i * n, *addend = vectors.data() + (i + step) * n;
                for (int64_t k = first; k < last; ++k) sum[k] += addend[k];
            });
}

// The elements first .. first + n of this rank's part of the sum over ranks of `all`, whose parts have `part` elements;
// valid until the next call with the same scratch memory.
const float* reduce_part(const Group::Communicator& c, std::vector<float>& scratch, const float* all, size_t part,
                         size_t first, size_t n) {
    scratch.resize(size_of(c) * n);
    PartType sent(MPI_FLOAT, n, part * sizeof(float));
    MPI_Alltoall(all + first, 1, sent.get(), scratch.data(), static_cast<int>(n), MPI_FLOAT, c.handle);
    sum_neighbors(scratch, size_of(c), n);
    return scratch.data();
}

template <class F>
void for_each_block(size_t elements, size_t block, F f) {
    for (size_t first = 0; first < elements; first += block) f(first, std::min(block, elements - first));
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
    if (rank > 0) std::this_thread::sleep_for(std::chrono::seconds(5));
}

int Group::rank() const { return communicator_ ? communicator_->rank : 0; }
int Group::size() const { return communicator_ ? communicator_->size : 1; }

Group Group::split(int color) const {
    if (!communicator_) return alone();
    MPI_Comm handle = MPI_COMM_NULL;
    MPI_Comm_split(communicator_->handle, color, communicator_->rank, &handle);
    return Group(wrap(handle, true));
}

// A block at a time, padded to equal parts of all ranks: each rank adds one part, and all gather the sums.
void Group::all_reduce(const Kernels& kernels, Stream stream, Tensor sum) const {
    if (size() == 1) return;
    HostCopy host(kernels, stream, sum);
    std::span<float> values = host.download().span<float>();
    size_t ranks = size_of(*communicator_);
    std::vector<float> padded, scratch;
    for_each_block(values.size(), max_scratch_elements, [&](size_t first, size_t n) {
        size_t part = divide_up(n, ranks);
        padded.assign(&values[first], &values[first] + n);
        padded.resize(part * ranks);
        const float* mine = reduce_part(*communicator_, scratch, padded.data(), part, 0, part);
        MPI_Allgather(mine, static_cast<int>(part), MPI_FLOAT, padded.data(), static_cast<int>(part), MPI_FLOAT,
                      communicator_->handle);
        std::copy_n(padded.begin(), n, &values[first]);
    });
    host.upload();
}

void Group::all_gather(const Kernels& kernels, Stream stream, Tensor all, Tensor mine) const {
    check(all.bytes() == mine.bytes() * size(), "all_gather: {} from {} of {}", all, size(), mine);
    if (size() == 1) return kernels.copy(stream, all.data, mine.data, static_cast<size_t>(mine.bytes()));
    HostCopy from(kernels, stream, mine), to(kernels, stream, all);
    std::byte *part_of_rank = bytes_of(from.download()), *parts = bytes_of(to.tensor());
    size_t part = static_cast<size_t>(mine.bytes());
    for_each_message(part, [&](size_t offset, int n) {
        PartType received(MPI_BYTE, static_cast<size_t>(n), part);
        MPI_Allgather(part_of_rank + offset, n, MPI_BYTE, parts + offset, 1, received.get(), communicator_->handle);
    });
    to.upload();
}

void Group::reduce_scatter(const Kernels& kernels, Stream stream, Tensor mine, Tensor all) const {
    check(all.bytes() == mine.bytes() * size() && mine.dtype == Dtype::f32, "reduce_scatter: {} to {} of {}", all,
          size(), mine);
    if (size() == 1) return kernels.copy(stream, mine.data, all.data, static_cast<size_t>(mine.bytes()));
    HostCopy from(kernels, stream, all), to(kernels, stream, mine);
    const float* values = from.download().as<float>();
    float* sums = to.tensor().as<float>();
    size_t part = static_cast<size_t>(mine.count());
    std::vector<float> scratch;
    for_each_block(part, max_scratch_elements / size_of(*communicator_), [&](size_t first, size_t n) {
        std::copy_n(reduce_part(*communicator_, scratch, values, part, first, n), n, sums + first);
    });
    to.upload();
}

double Group::sum(double value) const {
    if (size() == 1) return value;
    std::vector<double> values(size_of(*communicator_));
    MPI_Allgather(&value, 1, MPI_DOUBLE, values.data(), 1, MPI_DOUBLE, communicator_->handle);
    sum_neighbors(values, values.size(), 1);
    return values[0];
}

void Group::broadcast(std::span<std::byte> bytes, int from) const {
    if (size() > 1)
        for_each_message(bytes.size(), [&](size_t offset, int n) {
            MPI_Bcast(bytes.data() + offset, n, MPI_BYTE, from, communicator_->handle);
        });
}

void Group::send(const Kernels& kernels, Stream stream, Tensor x, int to) const {
    check(to >= 0 && to < size() && to != rank(), "send from {} to {} of {}", rank(), to, size());
    HostCopy host(kernels, stream, x);
    std::byte* bytes = bytes_of(host.download());
    for_each_message(static_cast<size_t>(x.bytes()), [&](size_t offset, int n) {
        MPI_Send(bytes + offset, n, MPI_BYTE, to, 0, communicator_->handle);
    });
}

void Group::receive(const Kernels& kernels, Stream stream, Tensor x, int from) const {
    check(from >= 0 && from < size() && from != rank(), "receive at {} from {} of {}", rank(), from, size());
    HostCopy host(kernels, stream, x);
    std::byte* bytes = bytes_of(host.tensor());
    kernels.synchronize(stream);  // x may still be in use
    for_each_message(static_cast<size_t>(x.bytes()), [&](size_t offset, int n) {
        MPI_Recv(bytes + offset, n, MPI_BYTE, from, 0, communicator_->handle, MPI_STATUS_IGNORE);
    });
    host.upload();
}

void Group::barrier() const {
    if (size() > 1) MPI_Barrier(communicator_->handle);
}

}  // namespace puna
