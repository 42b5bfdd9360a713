// library/hub/upload.h — puts large files into a hub's storage, by the Git LFS protocol.
//
//   LargeFileUploader uploader(hub, "owner/name", "main");
//   for (const LargeFile& file : uploader.find_missing(files))
//       uploader.upload(file, [&](int64_t bytes) { progress.advance(bytes); });
//
// The hub is asked for all files which of them it has, from whatever repository, and where the others go: by one
// request or in parts. An address that has expired is asked for again; a failed part is sent again. So a publication
// that was cut off sends only what is missing. The token goes to the hub, never to the storage. Files are sent one
// after another. Source: git-lfs, docs/api/batch.md; huggingface_hub, lfs.py.
#pragma once
#include "library/hub/api.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct LargeFile {
    std::filesystem::path path;
    std::string name;    // in the repository
    std::string sha256;  // of its content
    int64_t bytes = 0;
};

class LargeFileUploader {
 public:
    LargeFileUploader(Hub& hub, std::string_view repository, std::string_view revision);

    // The files that the hub does not have.
    std::vector<LargeFile> find_missing(const std::vector<LargeFile>& files);
    // on_bytes: with the bytes that were sent, also again; and about once a second with 0. What it throws ends it.
    void upload(const LargeFile& file, const std::function<void(int64_t)>& on_bytes);

 private:
    std::vector<LfsUpload> ask(std::span<const LargeFile> files);
    LfsUpload ask_for(const LargeFile& file);
    void send_whole(const LargeFile& file, const LfsUpload& upload);
    void send_parts(const LargeFile& file, const LfsUpload& upload);
    HttpResponse put(const LargeFile& file, const std::string& url, int64_t offset, int64_t bytes);
    void verify(const LargeFile& file, const LfsUpload& upload);

    Hub& hub_;
    std::string repository_, revision_;
    HttpClient client_;
    const std::function<void(int64_t)>* on_bytes_ = nullptr;  // of the current upload
};

}  // namespace puna
