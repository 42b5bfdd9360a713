#include "library/hub/digest.h"

#include "core/error.h"
#include "core/mapped_file.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>

namespace puna {

struct ContentDigest::Context {
    EVP_MD_CTX* context = EVP_MD_CTX_new();

    explicit Context(const EVP_MD* kind) {
        if (!context || EVP_DigestInit_ex(context, kind, nullptr) != 1) fail("libcrypto: cannot compute digests");
    }
    ~Context() { EVP_MD_CTX_free(context); }
    Context(const Context&) = delete;

    void add(std::span<const std::byte> bytes) {
        check(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1, "libcrypto: a digest's update failed");
    }
    std::string hex() {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        check(EVP_DigestFinal_ex(context, digest, &size) == 1, "libcrypto: a digest's end failed");
        std::string out;
        for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
        return out;
    }
};

ContentDigest::ContentDigest(const ContentId& like, int64_t bytes)
    : context_(std::make_unique<Context>(like.is_sha256() ? EVP_sha256() : EVP_sha1())) {
    if (like.is_sha256()) return;
    std::string header = fmt::format("blob {}", bytes) + '\0';
    add(std::as_bytes(std::span(header)));
}
ContentDigest::~ContentDigest() = default;

void ContentDigest::add(std::span<const std::byte> bytes) { context_->add(bytes); }
std::string ContentDigest::hex() { return context_->hex(); }

std::optional<ContentId> parse_content_id(std::string_view etag) {
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
    if (etag.size() != 40 && etag.size() != 64) return {};
    ContentId id{std::string(etag)};
    for (char& c : id.hex) {
        if (!std::isxdigit(static_cast<unsigned char>(c))) return {};
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return id;
}

namespace {

std::string digest_of(size_t digits, std::string_view content) {
    ContentDigest digest({std::string(digits, '0')}, std::ssize(content));
    digest.add(std::as_bytes(std::span(content)));
    return digest.hex();
}

}  // namespace

std::string sha256_of(std::string_view content) { return digest_of(64, content); }
std::string git_blob_id(std::string_view content) { return digest_of(40, content); }
std::string sha256_of_file(const std::filesystem::path& path) {
    MappedFile file(path);
    std::string hex = sha256_of(file.text());
    file.check_unchanged();
    return hex;
}

}  // namespace puna
