// library/hub/publish.h — writes a model folder to a repository of the hub, which is created if it is not there.
//
//   std::vector<PublishFile> files = list_publish_files("my-model");
//   PublishResult result = publish(hub, files, "owner/my-model", {.message = "First version"});
//   fmt::print("{}\n", result.url);
//
// Files that are there already, with the same content, are not sent; nothing in the repository is removed. Large ones
// go to the storage first (library/hub/upload.h), then a commit names all of them, or several for more than 100 files.
// A commit is made on what was there at the start: if somebody else has changed the branch meanwhile it is an Error.
// After a failure the same call goes on. Source: huggingface_hub, _commit_api.py and hf_api.py.
#pragma once
#include "library/hub/api.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct PublishOptions {
    std::string revision = "main";
    std::string message = "Upload with puna";
    bool is_private = false;    // of a new repository
    bool pull_request = false;  // instead of a commit to the branch
    // As in PullOptions, of the bytes to be sent to the storage.
    std::function<void(int64_t total)> on_begin = {};
    std::function<void(int64_t bytes)> on_bytes = {};
};

struct PublishFile {
    std::filesystem::path path;
    std::string name;  // in the repository
    int64_t bytes = 0;
    std::string id = {};  // SHA-256, or git's SHA-1
    bool is_large = false;
    bool is_new = false;  // not in the repository with this content
};

struct PublishResult {
    std::vector<PublishFile> files;
    int64_t sent_bytes = 0;   // of large files
    bool is_created = false;  // the repository was not there
    std::string commit;       // empty: nothing was new
    std::string url, pull_request;
};

// The files of a folder that are published: all but hidden ones, unfinished ones and a training run's checkpoints.
// Throws Error for a link to a file elsewhere, which nobody may have meant to publish; the hub's cache consists of
// links to its own files.
std::vector<PublishFile> list_publish_files(const std::filesystem::path& folder);

// files: as listed, and confirmed by the user.
PublishResult publish(Hub& hub, std::vector<PublishFile> files, std::string_view repository,
                      const PublishOptions& options = {});

}  // namespace puna
