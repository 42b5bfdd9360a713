// library/hub/answers.h — what a hub's answers say, as plain data.
//
//   RepositoryInfo info = parse_repository_info(answer.body, "https://huggingface.co/api/models/owner/name");
//   for (const RepositoryFile& file : parse_tree_page(page.body, page.url)) use(file);
//
// A hub is not trusted: paths that would leave their folder, digests that are none and sizes below zero are errors that
// name the place. Fields that are not read may hold anything. Source: huggingface_hub, hf_api.py, lfs.py and
// _commit_api.py.
#pragma once
#include "library/hub/digest.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct RepositoryInfo {
    std::string name;    // as the hub spells it; a renamed repository has another one than was asked for
    std::string commit;  // 40 digits
    std::string license;
    std::vector<std::string> base_models;
    bool is_gated = false, is_private = false;
};

// Sums of the sizes of all files of a repository are below 2^63.
inline constexpr int64_t max_file_bytes = int64_t{1} << 45, max_repository_files = 100'000;

struct RepositoryFile {
    std::string path;
    int64_t bytes = 0;
    ContentId id;  // SHA-256 of a large file, git's SHA-1 of another
};

// where: begins every message, as the answer's URL.
RepositoryInfo parse_repository_info(std::string_view json, std::string_view where);
std::vector<RepositoryFile> parse_tree_page(std::string_view json, std::string_view where);  // files, not folders
std::optional<std::string> parse_next_link(std::string_view link);                           // of <URL>; rel="next"

// What an error's body says, in one printable line; empty: nothing that a person could read.
std::string parse_error_body(std::string_view body);

// For each file whether it goes through Git LFS; `id` is what the repository has under its path.
struct UploadMode {
    std::string path;
    bool is_large = false, is_ignored = false;
    std::string id = {};  // empty: none
};
std::vector<UploadMode> parse_preupload(std::string_view json, std::string_view where);

// Where the content of a large file goes.
struct LfsUpload {
    std::string id;          // SHA-256
    std::string problem;     // of this one file; empty: none
    std::string upload_url;  // empty: it is there already
    std::string verify_url;  // empty: none is wanted
    int64_t part_bytes = 0;  // above 0: in parts
    std::vector<std::string> part_urls;
};
std::vector<LfsUpload> parse_lfs_batch(std::string_view json, std::string_view where);

struct CommitResult {
    std::string commit, url, pull_request;  // urls; the last is empty without one
};
CommitResult parse_commit(std::string_view json, std::string_view where);

}  // namespace puna
