// covers: src/files/zip.cpp
#include "core/fuzz.h"
#include "files/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view input) {
        std::span<const std::byte> bytes = std::as_bytes(std::span(input));
        puna::ZipArchive archive(bytes, "x.pth");
        for (const puna::ZipEntry& entry : archive.entries()) {
            puna::check(archive.find(entry.name) == &entry, "an entry is not found by its name");
            bool inside = entry.bytes.data() >= bytes.data() &&
                          entry.bytes.data() + entry.bytes.size() <= bytes.data() + bytes.size();
            puna::check(inside, "an entry lies outside of the file");
        }
    });
}
