// In a file of its own: where GCC inlines these operators into their callers, it takes them for mismatched.
#include "counted_memory.h"

#include "core/fuzz.h"

namespace puna {

MemoryLimit::MemoryLimit(size_t more_bytes) { live_limit = live_bytes + more_bytes; }
void MemoryLimit::lift() { live_limit = SIZE_MAX; }

}  // namespace puna
