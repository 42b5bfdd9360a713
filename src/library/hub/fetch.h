// library/hub/fetch.h — downloads a file of a repository into the cache's blobs, over several connections.
//
//   FileFetcher fetcher(hub, {.connections = 8});
//   fetcher.fetch({repository, info.commit, file}, [&](int64_t bytes) { progress.advance(bytes); });
//
// Pieces of the file are requested as ranges, each from where it broke off, also in an earlier process. Only an answer
// that is what was asked for is written: 206 with that first byte and the file's length, or 200 with the whole file,
// from which what is there already is skipped. The hub is asked for the file once; the pieces go to the storage that it
// names, until that refuses (its addresses expire), and then the hub is asked again. The digest of the whole file is
// computed while it grows, and the blob gets its name only if that is the one that the hub's list gives; otherwise what
// an earlier process had left is not trusted and it begins once more, and then it is an Error of kind damaged.
// Whoever fetches a file has its claim (library/hub/claim.h).
#pragma once
#include "library/hub/api.h"
#include "library/hub/partial.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct FetchOptions {
    int connections = 8;
    int64_t min_piece_bytes = 16 << 20, max_piece_bytes = 256 << 20;  // of what is one request
};

struct FetchTarget {
    std::string repository, commit;
    RepositoryFile file;
    std::filesystem::path blob;  // where it goes
};

class FileFetcher {
 public:
    FileFetcher(Hub& hub, const FetchOptions& options);
    ~FileFetcher();
    FileFetcher(const FileFetcher&) = delete;

    // on_bytes: called with the number of new bytes, from several threads; also about once a second, with 0, while
    // nothing arrives. What it throws ends the download. Throws Error that names the repository and the file.
    void fetch(const FetchTarget& target, const std::function<void(int64_t)>& on_bytes);

 private:
    Hub& hub_;
    FetchOptions options_;
    std::vector<std::unique_ptr<HttpClient>> clients_;  // one for each connection, kept for the next file
};

// Of a Content-Range header, "bytes 0-99/1000"; total -1: unknown, as in "bytes 0-99/*".
struct ContentRange {
    int64_t first, last, total;
};
std::optional<ContentRange> parse_content_range(std::string_view header);

}  // namespace puna
