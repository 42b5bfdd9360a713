#include "data/byte_stream.h"

#include "core/error.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

namespace puna {

namespace {

constexpr size_t buffer_size = 1 << 18;

}  // namespace

struct ByteStream::Gzip {
    z_stream stream{};
    bool inside = false;  // a member: more input must follow
    int64_t begin = 0;    // file offset of the member
    Gzip() {
        constexpr int gzip_only = 16 + MAX_WBITS;
        if (::inflateInit2(&stream, gzip_only) != Z_OK) throw std::bad_alloc();
    }
    ~Gzip() { ::inflateEnd(&stream); }
};

struct ByteStream::Zstd {
    ZSTD_DStream* stream = ZSTD_createDStream();
    bool inside = false;  // a frame: more input must follow
    Zstd() {
        if (!stream) throw std::bad_alloc();
        // The default limit is 128 MiB, but `zstd --ultra --long=31` writes frames with a 2 GiB window. Window memory
        // is only touched as it fills, so a small file cannot use much.
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
    }
    ~Zstd() { ZSTD_freeDStream(stream); }
};

std::string lower_extension(const std::filesystem::path& path) {
    std::string extension = path.extension().string();
    for (char& c : extension)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return extension;
}

ByteStream::ByteStream(const std::filesystem::path& path, const std::string& name, CheckStop check_stop)
    : path_(name.empty() ? path.string() : name), input_(path, path_, std::move(check_stop)) {
    if (lower_extension(path) == ".gz") gzip_ = std::make_unique<Gzip>();
    if (lower_extension(path) == ".zst") zstd_ = std::make_unique<Zstd>();
    if (gzip_ || zstd_) buffer_.resize(buffer_size);
}

ByteStream::~ByteStream() = default;

size_t ByteStream::read(std::span<char> into) {
    if (into.empty()) return 0;
    return gzip_ ? inflate(into) : zstd_ ? decompress(into) : read_raw(into);
}

size_t ByteStream::read_raw(std::span<char> into) {
    size_t n = input_.read(into);
    hash_.add(std::as_bytes(into.first(n)));
    consumed_ += static_cast<int64_t>(n);
    return n;
}

// Ensures that unread_ is not empty; false at the end of the file.
bool ByteStream::fill() {
    if (unread_.empty()) unread_ = std::span(buffer_).first(read_raw(buffer_));
    return !unread_.empty();
}

size_t ByteStream::inflate(std::span<char> into) {
    z_stream& z = gzip_->stream;
    z.next_out = reinterpret_cast<Bytef*>(into.data());
    z.avail_out = static_cast<uInt>(std::min<size_t>(into.size(), 1 << 30));
    const Bytef* begin = z.next_out;
    while (z.next_out == begin) {
        if (!fill()) {
            if (gzip_->inside || consumed_ == 0) fail_truncated("gzip");
            return 0;
        }
        if (!gzip_->inside) {  // a new member begins
            if (offset() > 0 && skip_zeros()) return 0;
            if (offset() > 0 && unread_[0] != '\x1f') fail_unrecognized("gzip", offset());  // not a truncated header
            ::inflateReset(&z);
            gzip_->inside = true;
            gzip_->begin = offset();
        }
        z.next_in = reinterpret_cast<Bytef*>(unread_.data());
        z.avail_in = static_cast<uInt>(unread_.size());
        int result = ::inflate(&z, Z_NO_FLUSH);
        bool in_header = z.total_out == 0 && z.msg && std::string_view(z.msg) == "incorrect header check";
        unread_ = unread_.last(z.avail_in);
        if (result == Z_STREAM_END) {
            gzip_->inside = false;
        } else if (result == Z_MEM_ERROR) {
            throw std::bad_alloc();
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            if (in_header) fail_unrecognized("gzip", gzip_->begin);
            fail_corrupt("gzip", z.msg ? z.msg : "unknown format");
        }
    }
    return static_cast<size_t>(z.next_out - begin);
}

// Zeros after the last member are padding to a tape or disk block; gzip ignores them too. False if the next byte is not
// zero.
bool ByteStream::skip_zeros() {
    if (unread_[0] != '\0') return false;
    while (fill()) {
        auto end = std::find_if(unread_.begin(), unread_.end(), [](char c) { return c != '\0'; });
        unread_ = unread_.subspan(static_cast<size_t>(end - unread_.begin()));
        if (!unread_.empty()) fail_unrecognized("gzip", offset());
    }
    return true;
}

size_t ByteStream::decompress(std::span<char> into) {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
        // A call without input flushes what the decoder still holds.
        bool more = fill();
        ZSTD_inBuffer in{unread_.data(), unread_.size(), 0};
        if (!more && consumed_ == 0) fail_truncated("zstd");
        if (!more && !zstd_->inside) return 0;
        size_t result = ZSTD_decompressStream(zstd_->stream, &out, &in);
        unread_ = unread_.subspan(in.pos);
        if (ZSTD_isError(result)) fail_zstd(result);
        zstd_->inside = result != 0;
        if (!more && out.pos == 0 && zstd_->inside) fail_truncated("zstd");
    }
    return out.pos;
}

void ByteStream::fail_zstd(size_t result) const {
    switch (ZSTD_getErrorCode(result)) {
        case ZSTD_error_memory_allocation:
            fail(ErrorKind::out_of_memory, "{}: not enough memory for the zstd window: recompress it without --long",
                 path_);
        case ZSTD_error_frameParameter_windowTooLarge:
            fail(ErrorKind::too_large, "{}: the zstd window exceeds {} MiB: recompress it without --long", path_,
                 (int64_t{1} << ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound) >> 20);
        case ZSTD_error_dictionary_wrong:
        case ZSTD_error_dictionary_corrupted:  // of a dictionary without an id, which the frame cannot name
            fail(ErrorKind::unsupported,
                 "{}: was compressed with a dictionary: decompress it first (zstd -d -D DICTIONARY)", path_);
        case ZSTD_error_version_unsupported:
        case ZSTD_error_frameParameter_unsupported:
            fail(ErrorKind::unsupported,
                 "{}: uses a zstd feature that is not supported ({}): decompress it first (zstd -d)", path_,
                 ZSTD_getErrorName(result));
        case ZSTD_error_prefix_unknown:
            fail_unrecognized("zstd", offset());
        case ZSTD_error_corruption_detected:  // also of a raw dictionary, which the frame cannot name
            fail(
                ErrorKind::damaged,
                "{}: the zstd data is damaged near byte {}, or needs a dictionary: download it again, or decompress it "
                "first (zstd -d -D DICTIONARY, zstd -d --patch-from)",
                path_, offset());
        default:
            fail_corrupt("zstd", ZSTD_getErrorName(result));
    }
}

void ByteStream::fail_truncated(const char* format) const {
    fail(ErrorKind::damaged, "{}: truncated: the {} data continues past byte {}; download it again", path_, format,
         consumed_);
}

// No member or frame begins at `begin`.
void ByteStream::fail_unrecognized(const char* format, int64_t begin) const {
    if (begin == 0)
        fail(ErrorKind::damaged, "{}: not {} data despite its extension: rename or exclude it", path_, format);
    fail(ErrorKind::damaged,
         "{}: trailing bytes after the {} data, from byte {}: remove them or download the file again", path_, format,
         begin);
}

void ByteStream::fail_corrupt(const char* format, const char* reason) const {
    fail(ErrorKind::damaged, "{}: the {} data is damaged near byte {}: {}; download it again", path_, format, offset(),
         reason);
}

}  // namespace puna
