// covers: src/library/hub/answers.cpp src/library/hub/name.cpp
// needs: src/library/hub/digest.cpp src/library/hub/download.cpp src/library/hub/fetch.cpp
// needs: src/library/hub/partial.cpp src/library/hub/api.cpp
#include "core/fuzz.h"
#include "library/hub/answers.h"
#include "library/hub/fetch.h"
#include "library/hub/name.h"
#include "library/hub/partial.h"
#include "net/retry.h"
#include "net/url.h"

namespace {

using namespace puna;

// The first line says what it is.
void parse(std::string_view kind, std::string_view text) {
    if (kind == "info") check(is_commit(parse_repository_info(text, "input").commit), "no commit");
    if (kind == "tree")
        for (const RepositoryFile& file : parse_tree_page(text, "input"))
            check(is_safe_path(file.path) && file.bytes >= 0 && parse_content_id(file.id.hex), "an unsafe file");
    if (kind == "etag")
        if (std::optional<ContentId> id = parse_content_id(text))
            check(is_safe_path(id->hex) && (id->hex.size() == 40 || id->hex.size() == 64), "no name for a blob");
    if (kind == "link") parse_next_link(text);
    if (kind == "error")
        for (char c : parse_error_body(text)) check(static_cast<unsigned char>(c) >= 0x20, "not printable");
    if (kind == "preupload") parse_preupload(text, "input");
    if (kind == "batch")
        for (const LfsUpload& upload : parse_lfs_batch(text, "input")) check(upload.part_bytes >= 0, "a negative part");
    if (kind == "commit") parse_commit(text, "input");
    if (kind == "range")
        if (std::optional<ContentRange> range = parse_content_range(text))
            check(range->first >= 0 && range->first <= range->last, "an empty range");
    if (kind == "wait")
        requested_wait({.headers = {{"RateLimit", std::string(text)}, {"Retry-After", std::string(text)}}});
    if (kind == "url") join_url(parse_url("https://hub.example/a/b", "input"), text);
    if (kind == "name")
        if (std::optional<HubName> name = parse_hub_name(text))
            check(repository_of_folder(repository_folder(name->repository)) == name->repository, "another name");
    if (kind == "pieces")
        if (std::optional<PieceProgress> progress = parse_piece_progress(std::as_bytes(std::span(text)), 100))
            check(!progress->done.empty(), "no pieces");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return fuzz(data, size, [](std::string_view input) {
        live_limit += 64 * input.size();  // a few characters of JSON are a node, a short line of a list is a file
        size_t end = std::min(input.find('\n'), input.size());
        parse(input.substr(0, end), input.substr(std::min(end + 1, input.size())));
    });
}
