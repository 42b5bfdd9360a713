// library/hub/digest.h — the digests by which a hub names content, and the names.
//
//   std::optional<ContentId> id = parse_content_id(etag);           // of a header: "\"<64 hex>\"", "W/\"<40 hex>\""
//   ContentDigest digest(*id, bytes.size());
//   digest.add(bytes);
//   if (digest.hex() != id->hex) fail(ErrorKind::damaged, "other content");
//
// Large files (Git LFS, Xet) are named by the SHA-256 of their content, small ones by git's SHA-1 of a header with the
// length and the content. Computed by OpenSSL.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace puna {

struct ContentId {
    std::string hex;  // lower case: 64 digits of a SHA-256, or 40 of a git blob
    bool is_sha256() const { return hex.size() == 64; }
};

std::optional<ContentId> parse_content_id(std::string_view etag);  // none: neither form

class ContentDigest {
 public:
    ContentDigest(const ContentId& like, int64_t bytes);  // bytes: of all the content
    ~ContentDigest();
    ContentDigest(const ContentDigest&) = delete;

    void add(std::span<const std::byte> bytes);
    std::string hex();  // once, after all the content

 private:
    struct Context;
    std::unique_ptr<Context> context_;
};

std::string sha256_of(std::string_view content);
std::string git_blob_id(std::string_view content);
std::string sha256_of_file(const std::filesystem::path& path);  // throws Error if it cannot be read

}  // namespace puna
