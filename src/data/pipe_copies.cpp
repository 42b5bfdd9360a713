#include "data/pipe_copies.h"

#include "core/atomic_file.h"
#include "core/error.h"

#include <vector>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t buffer_bytes = 1 << 18;

// As it is: compressed data is decompressed when the copy is read.
void copy_content(const fs::path& from, const fs::path& to, const CheckStop& check_stop) {
    InputDescriptor in(from, from.string(), check_stop);
    AtomicFile out(to);
    std::vector<char> buffer(buffer_bytes);
    while (size_t n = in.read(buffer)) out.write({buffer.data(), n});
    out.commit();
}

}  // namespace

PipeCopies::PipeCopies(std::vector<InputFile>& files, const fs::path& folder, const CheckStop& check_stop)
    : folder_(folder) {
    for (size_t i = 0; i < files.size(); ++i) {
        std::error_code ignored;
        if (fs::is_regular_file(files[i].path, ignored)) continue;
        make_folder(folder_);
        files[i].copy = folder_ / fmt::format("{}{}", i, files[i].path.extension().string());
        copy_content(files[i].path, files[i].copy, check_stop);
        files[i].size = static_cast<int64_t>(fs::file_size(files[i].copy));
    }
}

PipeCopies::~PipeCopies() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

}  // namespace puna
