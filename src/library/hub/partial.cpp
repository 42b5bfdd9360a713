#include "library/hub/partial.h"

#include "core/atomic_file.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <string>
#include <system_error>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "punapart";
constexpr int64_t max_pieces = 1 << 20;
constexpr size_t header_bytes = 24;

fs::path with(const fs::path& path, const char* suffix) { return fs::path(path) += suffix; }
constexpr const char *data_suffix = ".puna.incomplete", *pieces_suffix = ".puna.pieces";
fs::path data_path(const fs::path& path) { return with(path, data_suffix); }
fs::path pieces_path(const fs::path& path) { return with(path, pieces_suffix); }

int64_t integer_at(std::span<const std::byte> text, size_t at) {
    int64_t value;
    std::memcpy(&value, text.data() + at, sizeof value);
    return value;
}

int64_t count_pieces(int64_t bytes, int64_t piece_bytes) { return (bytes - 1) / piece_bytes + 1; }

void write_at(int descriptor, int64_t offset, std::span<const std::byte> bytes, const fs::path& path) {
    while (!bytes.empty()) {
        ssize_t n = ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(errno, "{}: cannot write", path.string());
        offset += n;
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
}

int open_for_writing(const fs::path& path) {
    int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) fail_errno(errno, "{}: cannot create", path.string());
    return descriptor;
}

// Reserves the space, so that a full disk shows now and not in an hour; sparse where the file system cannot.
void set_size(int descriptor, int64_t bytes, const fs::path& path) {
    if (::fallocate(descriptor, 0, 0, bytes) == 0) return;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
        fail_errno(errno, "{}: cannot reserve {} bytes", path.string(), bytes);
    if (::ftruncate(descriptor, bytes) != 0) fail_errno(errno, "{}: cannot grow to {} bytes", path.string(), bytes);
}

int64_t sum_of(const PieceProgress& progress) {
    return std::accumulate(progress.done.begin(), progress.done.end(), int64_t{0});
}

// None if the data has another length, or its progress is unknown.
std::optional<PieceProgress> progress_at(const fs::path& path, int64_t bytes) {
    std::error_code problem;
    if (fs::file_size(data_path(path), problem) != static_cast<uintmax_t>(bytes) || problem) return {};
    if (!fs::is_regular_file(pieces_path(path), problem)) return {};
    std::string text = read_text(pieces_path(path));
    return parse_piece_progress(std::as_bytes(std::span(text)), bytes);
}

}  // namespace

std::optional<PieceProgress> parse_piece_progress(std::span<const std::byte> text, int64_t bytes) {
    if (text.size() < header_bytes || std::memcmp(text.data(), magic.data(), magic.size()) != 0) return {};
    PieceProgress progress{integer_at(text, 8), integer_at(text, 16), {}};
    if (progress.bytes != bytes || bytes <= 0 || progress.piece_bytes <= 0) return {};
    int64_t count = count_pieces(bytes, progress.piece_bytes);
    if (count > max_pieces || text.size() != header_bytes + static_cast<size_t>(count) * 8) return {};
    for (int64_t i = 0; i < count; ++i) {
        int64_t done = integer_at(text, header_bytes + static_cast<size_t>(i) * 8);
        int64_t length = std::min(progress.piece_bytes, bytes - i * progress.piece_bytes);
        if (done < 0 || done > length) return {};
        progress.done.push_back(done);
    }
    return progress;
}

PartialFile::PartialFile(fs::path path, int64_t bytes, int64_t piece_bytes) : path_(std::move(path)), bytes_(bytes) {
    check(bytes > 0 && piece_bytes > 0, "{}: {} bytes in pieces of {}", path_.string(), bytes, piece_bytes);
    piece_bytes = std::max(piece_bytes, divide_up(bytes, max_pieces));
    make_folder(path_.parent_path());
    try {
        open();
        if (!read_progress()) {
            progress_ = {bytes, piece_bytes,
                         std::vector<int64_t>(static_cast<size_t>(count_pieces(bytes, piece_bytes)))};
            write_all_progress();
            set_size(data_, bytes, data_path(path_));
        }
    } catch (...) {
        close();
        throw;
    }
    taken_.resize(progress_.done.size());
}

PartialFile::~PartialFile() { close(); }

void PartialFile::open() {
    data_ = open_for_writing(data_path(path_));
    pieces_ = open_for_writing(pieces_path(path_));
}

void PartialFile::close() {
    for (int* descriptor : {&data_, &pieces_})
        if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
}

// False if nothing can be used.
bool PartialFile::read_progress() {
    std::optional<PieceProgress> progress = progress_at(path_, bytes_);
    if (progress) progress_ = std::move(*progress);
    return progress.has_value();
}

// The data is invalid until this is written: that is why it comes first, and the length of the data last.
void PartialFile::write_all_progress() {
    std::vector<std::byte> text(header_bytes + progress_.done.size() * 8);
    std::memcpy(text.data(), magic.data(), magic.size());
    std::memcpy(text.data() + 8, &progress_.bytes, 8);
    std::memcpy(text.data() + 16, &progress_.piece_bytes, 8);
    std::memcpy(text.data() + header_bytes, progress_.done.data(), progress_.done.size() * 8);
    if (::ftruncate(data_, 0) != 0 || ::ftruncate(pieces_, 0) != 0)
        fail_errno(errno, "{}: cannot be emptied", path_.string());
    write_at(pieces_, 0, text, pieces_path(path_));
}

void PartialFile::write_progress(size_t index) {
    write_at(pieces_, static_cast<int64_t>(header_bytes + index * 8),
             std::as_bytes(std::span(&progress_.done[index], 1)), pieces_path(path_));
}

FilePiece PartialFile::piece(size_t index) const {
    int64_t begin = static_cast<int64_t>(index) * progress_.piece_bytes;
    return {index, begin, std::min(begin + progress_.piece_bytes, bytes_)};
}

std::optional<FilePiece> PartialFile::take() {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < taken_.size(); ++i) {
        FilePiece next = piece(i);
        if (taken_[i] || progress_.done[i] == next.end - next.begin) continue;
        taken_[i] = true;
        return next;
    }
    return {};
}

void PartialFile::give_back(const FilePiece& piece) {
    std::lock_guard lock(mutex_);
    taken_[piece.index] = false;
}

int64_t PartialFile::position(const FilePiece& piece) const {
    std::lock_guard lock(mutex_);
    return piece.begin + progress_.done[piece.index];
}

int64_t PartialFile::write(int64_t offset, std::span<const std::byte> bytes) {
    int64_t written = 0;
    while (!bytes.empty() && offset < bytes_) {
        size_t index = static_cast<size_t>(offset / progress_.piece_bytes);
        size_t n = std::min(bytes.size(), static_cast<size_t>(piece(index).end - offset));
        written += write_within(index, offset, bytes.first(n));
        offset += static_cast<int64_t>(n);
        bytes = bytes.subspan(n);
    }
    return written;
}

// Serial, also over connections: the page cache takes bytes faster than networks bring them.
int64_t PartialFile::write_within(size_t index, int64_t offset, std::span<const std::byte> bytes) {
    std::lock_guard lock(mutex_);
    int64_t& done = progress_.done[index];
    int64_t next = piece(index).begin + done, end = offset + std::ssize(bytes);
    if (offset > next || end <= next) return 0;
    write_at(data_, next, bytes.subspan(static_cast<size_t>(next - offset)), data_path(path_));
    done += end - next;
    write_progress(index);
    grown_.notify_all();
    return end - next;
}

int64_t PartialFile::present() const {
    std::lock_guard lock(mutex_);
    return sum_of(progress_);
}

int64_t PartialFile::contiguous(int64_t offset) const {
    size_t index = static_cast<size_t>(offset / progress_.piece_bytes);
    while (true) {
        FilePiece at = piece(index);
        int64_t end = at.begin + progress_.done[index];
        if (end < at.end || at.end == bytes_) return std::max(end, offset);
        ++index;
    }
}

size_t PartialFile::read(int64_t offset, std::span<std::byte> into) {
    int64_t end;
    {
        std::unique_lock lock(mutex_);
        grown_.wait(lock, [&] { return stopped_ || contiguous(offset) > offset; });
        if (stopped_) return 0;
        end = contiguous(offset);
    }
    size_t wanted = std::min(into.size(), static_cast<size_t>(end - offset));
    ssize_t n = ::pread(data_, into.data(), wanted, offset);
    if (n <= 0) fail_errno(n < 0 ? errno : EIO, "{}: cannot read", data_path(path_).string());
    return static_cast<size_t>(n);
}

void PartialFile::stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    grown_.notify_all();
}

void PartialFile::commit() {
    check(is_complete(), "{}: not complete", path_.string());
    if (::fdatasync(data_) != 0) fail_errno(errno, "{}: cannot write to disk", path_.string());
    close();
    rename_durably(data_path(path_), path_);
    remove(path_);
}

void PartialFile::remove(const fs::path& path) {
    std::error_code ignored;
    fs::remove(data_path(path), ignored);
    fs::remove(pieces_path(path), ignored);
}

int64_t PartialFile::allocated(const fs::path& path) {
    struct stat status;
    return ::stat(data_path(path).c_str(), &status) == 0 ? status.st_blocks * 512 : 0;
}

int64_t PartialFile::present_at(const fs::path& path, int64_t bytes) {
    std::optional<PieceProgress> progress = progress_at(path, bytes);
    return progress ? sum_of(*progress) : 0;
}

void PartialFile::remove_finished(const fs::path& folder) {
    std::error_code problem;
    std::vector<fs::path> finished;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
        std::string name = entry->path().string();
        for (std::string_view suffix : {data_suffix, pieces_suffix}) {
            if (!name.ends_with(suffix)) continue;
            fs::path path = name.substr(0, name.size() - suffix.size());
            if (file_exists(path)) finished.push_back(std::move(path));
        }
    }
    for (const fs::path& path : finished) remove(path);
}

}  // namespace puna
