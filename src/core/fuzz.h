// core/fuzz.h — the harness of fuzz targets. Include only in a *_fuzz.cpp: it replaces operator new.
//
//   // covers: src/files/safetensors.cpp                   (first line of the target: its coverage in tools/fuzz)
//   extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
//       return puna::fuzz(data, size, [](std::string_view input) { parse_something(input, "input"); });
//   }
//
// Throwing Error is fine. Any other exception, or more live memory from operator new than twice the input plus 1 MiB,
// ends the program and counts as a finding.
#pragma once
#include "core/error.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <new>
#include <string_view>

namespace puna {

inline std::atomic<size_t> live_bytes{0}, live_limit{SIZE_MAX};

template <class F>
int fuzz(const uint8_t* data, size_t size, F parse) {
    live_limit = live_bytes + 2 * size + (size_t{1} << 20);
    try {
        parse(std::string_view(reinterpret_cast<const char*>(data), size));
    } catch (const Error&) {
    }
    live_limit = SIZE_MAX;
    return 0;
}

// The input as an in-memory file, for code that opens paths.
class FuzzFile {
 public:
    explicit FuzzFile(std::string_view text) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
        if (::write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
    }
    ~FuzzFile() { ::close(descriptor_); }
    FuzzFile(const FuzzFile&) = delete;
    std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
    int descriptor_;
};

// Writes the parts of the input, separated by zero bytes, as the files of these names; an empty part is a missing file.
inline void write_parts(std::string_view input, const std::filesystem::path& folder,
                        std::initializer_list<const char*> names) {
    for (const char* name : names) {
        std::string_view part = input.substr(0, input.find('\0'));
        input.remove_prefix(std::min(part.size() + 1, input.size()));
        std::filesystem::remove(folder / name);
        if (!part.empty()) std::ofstream(folder / name, std::ios::binary) << part;
    }
}

inline void* count_new(void* pointer) {
    if (!pointer) std::abort();
    if ((live_bytes += ::malloc_usable_size(pointer)) > live_limit) {
        std::fputs("allocated more than twice the input size\n", stderr);
        std::abort();
    }
    return pointer;
}

inline void count_delete(void* pointer) {
    live_bytes -= ::malloc_usable_size(pointer);
    std::free(pointer);
}

}  // namespace puna

void* operator new(size_t n) { return puna::count_new(std::malloc(n)); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return puna::count_new(std::malloc(n)); }
void* operator new(size_t n, std::align_val_t unit) {
    return puna::count_new(::memalign(static_cast<size_t>(unit), n));
}
void operator delete(void* pointer) noexcept { puna::count_delete(pointer); }
void operator delete(void* pointer, size_t) noexcept { puna::count_delete(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { puna::count_delete(pointer); }
void operator delete(void* pointer, size_t, std::align_val_t) noexcept { puna::count_delete(pointer); }
