#include "library/hub/upload.h"

#include "core/json_text.h"
#include "net/url.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace puna {

namespace {

constexpr size_t files_per_batch = 100;
constexpr std::string_view lfs_type = "application/vnd.git-lfs+json";
constexpr int64_t max_parts = 10'000;  // of S3

// The bytes of a file from an offset on, for a request's body.
class FileSlice {
 public:
    FileSlice(const LargeFile& file, int64_t offset, int64_t bytes) : file_(file), at_(offset), end_(offset + bytes) {
        descriptor_ = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor_ < 0) fail_errno(errno, "{}: cannot open", file.path.string());
    }
    ~FileSlice() { ::close(descriptor_); }
    FileSlice(const FileSlice&) = delete;

    size_t read(std::span<std::byte> into) {
        size_t wanted = std::min(into.size(), static_cast<size_t>(end_ - at_));
        if (wanted == 0) return 0;
        ssize_t n = ::pread(descriptor_, into.data(), wanted, at_);
        if (n < 0) fail_errno(errno, "{}: cannot read", file_.path.string());
        if (n == 0) fail(ErrorKind::damaged, "{}: became shorter while it was sent", file_.path.string());
        at_ += n;
        return static_cast<size_t>(n);
    }

 private:
    const LargeFile& file_;
    int64_t at_, end_;
    int descriptor_;
};

bool is_success(const HttpResponse& answer) { return answer.status >= 200 && answer.status < 300; }

// The storage has another address by now: it was asked for too long ago.
struct AddressExpired : Error {
    explicit AddressExpired(const std::string& message) : Error(message, ErrorKind::busy) {}
};

}  // namespace

LargeFileUploader::LargeFileUploader(Hub& hub, std::string_view repository, std::string_view revision)
    : hub_(hub), repository_(repository), revision_(revision), client_(hub.settings().http) {}

std::vector<LfsUpload> LargeFileUploader::ask(std::span<const LargeFile> files) {
    JsonList objects;
    for (const LargeFile& file : files) objects.add(JsonObject{{"oid", file.sha256}, {"size", file.bytes}});
    HttpRequest request =
        hub_.request(HttpMethod::post, fmt::format("/{}.git/info/lfs/objects/batch", quote_path(repository_)));
    request.headers = {{"Content-Type", std::string(lfs_type)}, {"Accept", std::string(lfs_type)}};
    request.body = JsonObject{{"operation", "upload"},
                              {"transfers", std::vector<std::string>{"basic", "multipart"}},
                              {"objects", objects},
                              {"hash_algo", "sha256"},
                              {"ref", JsonObject{{"name", revision_}}}}
                       .text();
    HttpResponse answer = hub_.send(request, {.repository = repository_, .revision = revision_});
    std::vector<LfsUpload> uploads = parse_lfs_batch(answer.body, for_message(answer.url));
    if (uploads.size() != files.size())
        fail(ErrorKind::damaged, "{}: the hub answers for {} of {} files", repository_, uploads.size(), files.size());
    return uploads;
}

std::vector<LargeFile> LargeFileUploader::find_missing(const std::vector<LargeFile>& files) {
    std::vector<LargeFile> missing;
    for (size_t begin = 0; begin < files.size(); begin += files_per_batch) {
        std::span<const LargeFile> batch =
            std::span(files).subspan(begin, std::min(files_per_batch, files.size() - begin));
        for (const LfsUpload& upload : ask(batch)) {
            auto file =
                std::find_if(batch.begin(), batch.end(), [&](const LargeFile& f) { return f.sha256 == upload.id; });
            if (file == batch.end())
                fail(ErrorKind::damaged, "{}: the hub answers for another file, {}", repository_, upload.id);
            if (!upload.problem.empty())
                fail(ErrorKind::denied, "{}: the hub does not take {}: {}", repository_, file->name, upload.problem);
            if (!upload.upload_url.empty()) missing.push_back(*file);
        }
    }
    return missing;
}

LfsUpload LargeFileUploader::ask_for(const LargeFile& file) {
    LfsUpload upload = ask(std::span(&file, 1)).at(0);
    if (upload.id != file.sha256) fail(ErrorKind::damaged, "{}: the hub answers for another file", repository_);
    if (!upload.problem.empty())
        fail(ErrorKind::denied, "{}: the hub does not take {}: {}", repository_, file.name, upload.problem);
    return upload;
}

void LargeFileUploader::upload(const LargeFile& file, const std::function<void(int64_t)>& on_bytes) {
    on_bytes_ = &on_bytes;
    Retries retries(hub_.settings().retry, log_wait);
    while (true) {
        LfsUpload upload = ask_for(file);
        if (upload.upload_url.empty()) return;  // it is there by now
        try {
            upload.part_bytes > 0 ? send_parts(file, upload) : send_whole(file, upload);
            return verify(file, upload);
        } catch (const AddressExpired& problem) {
            if (!retries.wait_after(problem.what())) throw;
        }
    }
}

// A part, or all of it; sent again until it arrives.
HttpResponse LargeFileUploader::put(const LargeFile& file, const std::string& url, int64_t offset, int64_t bytes) {
    Retries retries(hub_.settings().retry, log_wait);
    while (true) {
        FileSlice slice(file, offset, bytes);
        HttpRequest request{.method = HttpMethod::put, .url = url, .redirects = Redirects::none, .upload_bytes = bytes};
        request.upload = [&](std::span<std::byte> into) {
            size_t n = slice.read(into);
            (*on_bytes_)(static_cast<int64_t>(n));
            return n;
        };
        request.is_cancelled = [&] {
            (*on_bytes_)(0);
            return false;
        };
        try {
            HttpResponse answer = client_.send(request);
            if (is_success(answer)) return answer;
            std::string problem =
                fmt::format("{}: {}: the storage answers with status {}", repository_, file.name, answer.status);
            if (answer.status == 403) throw AddressExpired(problem);
            if (!is_worth_retrying(answer.status) || !retries.wait_after(problem, requested_wait(answer)))
                fail(ErrorKind::busy, "{}", problem);
        } catch (const TransferError& problem) {
            if (!problem.may_work_later() || !retries.wait_after(problem.what())) throw;
        }
    }
}

void LargeFileUploader::send_whole(const LargeFile& file, const LfsUpload& upload) {
    put(file, upload.upload_url, 0, file.bytes);
}

void LargeFileUploader::send_parts(const LargeFile& file, const LfsUpload& upload) {
    int64_t count = (file.bytes - 1) / upload.part_bytes + 1;
    if (count > max_parts || count != std::ssize(upload.part_urls))
        fail(ErrorKind::damaged, "{}: {}: the hub wants it in {} parts of {} bytes, which it does not have",
             repository_, file.name, upload.part_urls.size(), upload.part_bytes);
    JsonList parts;
    for (int64_t i = 0; i < count; ++i) {
        int64_t begin = i * upload.part_bytes, bytes = std::min(upload.part_bytes, file.bytes - begin);
        HttpResponse answer = put(file, upload.part_urls[static_cast<size_t>(i)], begin, bytes);
        std::optional<std::string_view> etag = answer.find("ETag");
        if (!etag)
            fail(ErrorKind::damaged, "{}: {}: the storage does not confirm part {}", repository_, file.name, i + 1);
        parts.add(JsonObject{{"partNumber", i + 1}, {"etag", *etag}});
    }
    HttpRequest request{.method = HttpMethod::post, .url = upload.upload_url};  // its address is its authorization
    request.headers = {{"Content-Type", std::string(lfs_type)}, {"Accept", std::string(lfs_type)}};
    request.body = JsonObject{{"oid", file.sha256}, {"parts", parts}}.text();
    hub_.send(request, {.repository = repository_});
}

void LargeFileUploader::verify(const LargeFile& file, const LfsUpload& upload) {
    if (upload.verify_url.empty()) return;
    HttpRequest request = hub_.request(HttpMethod::post, "");
    request.url = hub_.url_here(upload.verify_url);
    request.headers = {{"Content-Type", std::string(lfs_type)}, {"Accept", std::string(lfs_type)}};
    request.body = JsonObject{{"oid", file.sha256}, {"size", file.bytes}}.text();
    hub_.send(request, {.repository = repository_});
}

}  // namespace puna
