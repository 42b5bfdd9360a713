#include "kernels/testing/guarded.h"

#include "core/checked.h"
#include "core/mapped_file.h"
#include "kernels/cpu/tables.h"
#include "kernels/testing/wrapped.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>

namespace puna {

namespace {

constexpr size_t page = 4096;

// All allocations of the table, inaccessible unless a kernel runs.
class GuardedMemory {
 public:
    void* allocate(size_t bytes) {
        size_t size = round_up(std::max<size_t>(bytes, 1), page);
        void* pointer = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pointer == MAP_FAILED) fail(ErrorKind::out_of_memory, "cannot allocate {} bytes", bytes);
        std::lock_guard lock(mutex_);
        sizes_[pointer] = size;
        if (running_ > 0) mprotect(pointer, size, PROT_READ | PROT_WRITE);
        return pointer;
    }
    void release(void* pointer) {
        std::lock_guard lock(mutex_);
        auto allocation = sizes_.find(pointer);
        check(allocation != sizes_.end(), "guarded memory: released twice");
        munmap(pointer, allocation->second);
        sizes_.erase(allocation);
    }
    void begin_kernel() {
        std::lock_guard lock(mutex_);
        if (running_++ == 0) protect(PROT_READ | PROT_WRITE);
    }
    void end_kernel() {
        std::lock_guard lock(mutex_);
        if (--running_ == 0) protect(PROT_NONE);
    }

 private:
    void protect(int access) {
        for (auto& [pointer, size] : sizes_) mprotect(pointer, size, access);
    }

    std::mutex mutex_;
    std::map<void*, size_t> sizes_;
    int running_ = 0;
};

GuardedMemory& memory() {
    static GuardedMemory& guarded = *new GuardedMemory;  // never destroyed: other static objects may release memory
    return guarded;
}

// Around a call of a scalar function.
struct Access {
    static const Kernels& table() { return scalar_kernels; }
    Access() { memory().begin_kernel(); }
    Access(const Access&) = delete;
    ~Access() { memory().end_kernel(); }
};

// On a device, only `copy` reads files.
void convert(Stream stream, Tensor out, Tensor x) {
    check(!mapped_path_at(x.data), "guarded: convert reads a mapped file");
    Access access;
    scalar_kernels.convert(stream, out, x);
}

Kernels make_guarded_kernels() {
    Kernels table = wrapped_kernels<Access>("guarded");  // a function that is not wrapped faults
    table.convert = convert;
    table.memory = {.host_access = false,
                    .mapped_files = false,
                    .allocate = [](size_t bytes) { return memory().allocate(bytes); },
                    .release = [](void* pointer) { memory().release(pointer); }};
    return table;
}

}  // namespace

const Kernels& guarded_kernels() {
    static const Kernels table = make_guarded_kernels();
    return table;
}

}  // namespace puna
