#include "core/aligned_memory.h"

#include "core/checked.h"
#include "core/error.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace puna {

namespace {
constexpr size_t alignment = 64, huge_page = size_t{2} << 20;
}

void FreeDeleter::operator()(void* pointer) const { std::free(pointer); }

AlignedBytes allocate_aligned(size_t n) {
    size_t unit = n >= huge_page ? huge_page : alignment;
    void* pointer = std::aligned_alloc(unit, round_up(std::max<size_t>(n, 1), unit));
    if (!pointer) fail(ErrorKind::out_of_memory, "out of memory: cannot allocate {} MiB", n >> 20);
    // Not for the rest, of which a whole huge page would be used.
    if (unit == huge_page) madvise(pointer, n / huge_page * huge_page, MADV_HUGEPAGE);
    return AlignedBytes(static_cast<std::byte*>(pointer));
}

}  // namespace puna
