#include "train/json_lines.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace puna {

JsonLines::JsonLines(const std::filesystem::path& path, int64_t keep_bytes) : path_(path), bytes_(keep_bytes) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (keep_bytes > 0 ? 0 : O_CREAT), 0666);
    if (descriptor_ < 0)
        fail_errno(errno, "{}: cannot {}", path.string(),
                   keep_bytes > 0 ? "open the lines written before the checkpoint" : "create");
    struct stat status;
    bool readable = ::fstat(descriptor_, &status) == 0;
    if (!readable || status.st_size < keep_bytes) {
        ::close(descriptor_);
        fail(
            "{}: is shorter than the checkpoint records ({} bytes): restore it, or start again in another output "
            "folder",
            path.string(), keep_bytes);
    }
    if (::ftruncate(descriptor_, keep_bytes) != 0 || ::lseek(descriptor_, keep_bytes, SEEK_SET) < 0) {
        int reason = errno;
        ::close(descriptor_);
        fail_errno(reason, "{}: cannot truncate to {} bytes", path.string(), keep_bytes);
    }
}

JsonLines::~JsonLines() { ::close(descriptor_); }

void JsonLines::append(const std::string& line) {
    std::string text = line + "\n";
    std::string_view left = text;
    while (!left.empty()) {
        ssize_t n = ::write(descriptor_, left.data(), left.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(errno, "{}: cannot write", path_.string());
        left.remove_prefix(static_cast<size_t>(n));
    }
    bytes_ += static_cast<int64_t>(text.size());
}

void JsonLines::sync() {
    if (::fsync(descriptor_) != 0) fail_errno(errno, "{}: cannot write to disk", path_.string());
}

}  // namespace puna
