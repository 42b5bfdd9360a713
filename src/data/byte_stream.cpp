#include "data/byte_stream.h"

#include "core/error.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>

namespace puna {

namespace {

constexpr size_t buffer_size = 1 << 18;

}  // namespace

struct ByteStream::Gzip {
    z_stream stream{};
    bool inside = false;  // of a member: more must follow
    Gzip() {
        constexpr int gzip_only = 16 + MAX_WBITS;
        if (::inflateInit2(&stream, gzip_only) != Z_OK) throw std::bad_alloc();
    }
    ~Gzip() { ::inflateEnd(&stream); }
};

struct ByteStream::Zstd {
    ZSTD_DStream* stream = ZSTD_createDStream();
    bool inside = false;  // of a frame: more must follow
    Zstd() {
        if (!stream) throw std::bad_alloc();
    }
    ~Zstd() { ZSTD_freeDStream(stream); }
};

std::string kind_of(const std::filesystem::path& path) {
    std::string kind = path.extension().string();
    for (char& c : kind)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return kind;
}

ByteStream::ByteStream(const std::filesystem::path& path)
    : path_(path.string()), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail("{}: cannot open: {}", path_, system_reason(errno));
    if (kind_of(path) == ".gz") gzip_ = std::make_unique<Gzip>();
    if (kind_of(path) == ".zst") zstd_ = std::make_unique<Zstd>();
    if (gzip_ || zstd_) buffer_.resize(buffer_size);
}

ByteStream::~ByteStream() { ::close(descriptor_); }

size_t ByteStream::read(std::span<char> into) {
    if (into.empty()) return 0;
    return gzip_ ? inflate(into) : zstd_ ? decompress(into) : read_raw(into);
}

size_t ByteStream::read_raw(std::span<char> into) {
    for (;;) {
        ssize_t n = ::read(descriptor_, into.data(), into.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("{}: cannot read: {}", path_, system_reason(errno));
        hash_.add(std::as_bytes(into.first(static_cast<size_t>(n))));
        consumed_ += n;
        return static_cast<size_t>(n);
    }
}

// Makes sure that something waits, or says that the file is at its end.
bool ByteStream::fill() {
    if (waiting_.empty()) waiting_ = std::span(buffer_).first(read_raw(buffer_));
    return !waiting_.empty();
}

size_t ByteStream::inflate(std::span<char> into) {
    z_stream& z = gzip_->stream;
    z.next_out = reinterpret_cast<Bytef*>(into.data());
    z.avail_out = static_cast<uInt>(std::min<size_t>(into.size(), 1 << 30));
    const Bytef* begin = z.next_out;
    while (z.next_out == begin) {
        if (!fill()) {
            if (gzip_->inside)
                fail("{}: is cut short: its gzip data goes on after byte {}; fetch it again", path_, consumed_);
            return 0;
        }
        if (!gzip_->inside) ::inflateReset(&z);  // members follow each other
        gzip_->inside = true;
        z.next_in = reinterpret_cast<Bytef*>(waiting_.data());
        z.avail_in = static_cast<uInt>(waiting_.size());
        int result = ::inflate(&z, Z_NO_FLUSH);
        waiting_ = waiting_.last(z.avail_in);
        if (result == Z_STREAM_END)
            gzip_->inside = false;
        else if (result != Z_OK && result != Z_BUF_ERROR)
            fail("{}: is not gzip data, or damaged, near byte {}: {}; fetch it again", path_,
                 consumed_ - static_cast<int64_t>(waiting_.size()), z.msg ? z.msg : "unknown format");
    }
    return static_cast<size_t>(z.next_out - begin);
}

size_t ByteStream::decompress(std::span<char> into) {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
        // A call without input gives what the decoder still holds back.
        bool more = fill();
        ZSTD_inBuffer in{waiting_.data(), waiting_.size(), 0};
        if (!more && !zstd_->inside) return 0;
        size_t result = ZSTD_decompressStream(zstd_->stream, &out, &in);
        waiting_ = waiting_.subspan(in.pos);
        if (ZSTD_isError(result))
            fail("{}: is not zstd data, or damaged, near byte {}: {}; fetch it again", path_,
                 consumed_ - static_cast<int64_t>(waiting_.size()), ZSTD_getErrorName(result));
        zstd_->inside = result != 0;
        if (!more && out.pos == 0 && zstd_->inside)
            fail("{}: is cut short: its zstd data goes on after byte {}; fetch it again", path_, consumed_);
    }
    return out.pos;
}

}  // namespace puna
