#include "library/hub/fetch.h"

#include "core/atomic_file.h"
#include "library/hub/download.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace puna {

namespace {

constexpr int64_t pieces_of_a_large_file = 64;

[[noreturn]] void fail_digest(const FetchTarget& target, std::string_view digest) {
    fail(ErrorKind::damaged,
         "{}: {}: what arrived has the {} {}, the hub's list says {}: the hub, or a server on the way, is faulty",
         target.repository, target.file.path, target.file.id.is_sha256() ? "SHA-256" : "git SHA-1", digest,
         target.file.id.hex);
}

void write_empty(const FetchTarget& target) {
    ContentDigest digest(target.file.id, 0);
    if (std::string hex = digest.hex(); hex != target.file.id.hex) fail_digest(target, hex);
    write_file(target.blob, "");
}

}  // namespace

FileFetcher::FileFetcher(Hub& hub, const FetchOptions& options) : hub_(hub), options_(options) {
    for (int i = 0; i < std::max(options.connections, 1); ++i)
        clients_.push_back(std::make_unique<HttpClient>(hub.settings().http));
}
FileFetcher::~FileFetcher() = default;

void FileFetcher::fetch(const FetchTarget& target, const std::function<void(int64_t)>& on_bytes) {
    make_folder(target.blob.parent_path());
    if (target.file.bytes == 0) return write_empty(target);
    int64_t piece_bytes =
        std::clamp(target.file.bytes / pieces_of_a_large_file, options_.min_piece_bytes, options_.max_piece_bytes);
    while (true) {
        PartialFile partial(target.blob, target.file.bytes, piece_bytes);
        int64_t found = partial.present();
        std::string digest = download(hub_, target, partial, clients_, on_bytes);
        if (digest == target.file.id.hex) return partial.commit();
        PartialFile::remove(target.blob);
        if (found == 0) fail_digest(target, digest);
    }
}

std::optional<ContentRange> parse_content_range(std::string_view header) {
    constexpr std::string_view unit = "bytes ";
    if (!header.starts_with(unit)) return {};
    header.remove_prefix(unit.size());
    ContentRange range{0, 0, -1};
    auto take = [&header](int64_t& number, std::string_view separator) {
        auto [end, problem] = std::from_chars(header.data(), header.data() + header.size(), number);
        if (problem != std::errc() || number < 0) return false;
        header.remove_prefix(static_cast<size_t>(end - header.data()));
        if (!header.starts_with(separator)) return false;
        header.remove_prefix(separator.size());
        return true;
    };
    if (!take(range.first, "-") || !take(range.last, "/") || range.last < range.first) return {};
    if (header == "*") return range;
    return take(range.total, "") && header.empty() && range.last < range.total ? std::optional(range) : std::nullopt;
}

}  // namespace puna
