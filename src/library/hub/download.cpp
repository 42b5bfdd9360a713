#include "library/hub/download.h"

#include "core/log.h"
#include "net/url.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace puna {

namespace {

constexpr size_t digest_block = 1 << 20;
constexpr int64_t enough_progress = 64 << 10;  // bytes after which earlier failures do not count

// Where pieces are requested from: the hub, or the storage that it led to last.
class Location {
 public:
    explicit Location(HttpRequest at_hub) : at_hub_(std::move(at_hub)) {}

    HttpRequest request() {
        std::lock_guard lock(mutex_);
        HttpRequest request = at_hub_;
        if (storage_.empty()) return request;
        request.url = storage_;
        if (!with_token_) request.token.clear();
        return request;
    }
    bool is_hub(const HttpRequest& request) const { return request.url == at_hub_.url; }
    void remember(const HttpResponse& answer) {
        std::lock_guard lock(mutex_);
        storage_ = answer.url;
        with_token_ = answer.has_token;
    }
    // Only if it is still this one: another connection may have asked the hub again meanwhile.
    void forget(const std::string& url) {
        std::lock_guard lock(mutex_);
        if (storage_ == url) storage_.clear();
    }

 private:
    HttpRequest at_hub_;
    std::mutex mutex_;
    std::string storage_;  // empty: unknown
    bool with_token_ = false;
};

std::string describe(const FetchTarget& target) { return fmt::format("{}: {}", target.repository, target.file.path); }

template <class... Args>
[[noreturn]] void fail_damaged(const FetchTarget& target, fmt::format_string<Args...> format, Args&&... args) {
    fail(ErrorKind::damaged, "{}: {}", describe(target), fmt::format(format, std::forward<Args>(args)...));
}

// What the hub says of the file on the way to its content must be what its list said.
void check_metadata(const FetchTarget& target, const HttpResponse& answer) {
    std::optional<std::string_view> commit = answer.find("X-Repo-Commit"), etag = answer.find("X-Linked-Etag"),
                                    size = answer.find("X-Linked-Size");
    if (commit && *commit != target.commit)
        fail_damaged(target, "the hub answers for commit {} instead of {}", printable(*commit), target.commit);
    std::optional<ContentId> id = etag ? parse_content_id(*etag) : std::nullopt;
    if (etag && !id) fail_damaged(target, "the hub names its content '{}', which is no digest", printable(*etag));
    if (id && id->is_sha256() == target.file.id.is_sha256() && id->hex != target.file.id.hex)
        fail_damaged(target, "the hub names its content {}, and {} in its list of files", id->hex, target.file.id.hex);
    if (size && *size != std::to_string(target.file.bytes))
        fail_damaged(target, "the hub says that it has {} bytes, and {} in its list of files", printable(*size),
                     target.file.bytes);
}

// The byte of the file with which the body of an answer begins; asked for was the one at `first`.
int64_t begin_of_body(const FetchTarget& target, const HttpResponse& head, int64_t first) {
    auto odd = [&](std::string_view problem) {
        return TransferError(TransferError::Reason::broken_off,
                             fmt::format("{}: {} {}", describe(target), for_message(head.url), problem));
    };
    for (const HttpResponse& redirect : head.redirects) check_metadata(target, redirect);
    if (std::optional<std::string_view> encoding = head.find("Content-Encoding"); encoding && *encoding != "identity")
        throw odd("compresses what was to be sent as it is");
    if (std::optional<std::string_view> header = head.find("Content-Range")) {  // also with status 200: some mirrors
        std::optional<ContentRange> range = parse_content_range(*header);
        if (!range || range->first != first) throw odd("sends another range than was asked for");
        if (range->total >= 0 && range->total != target.file.bytes)
            fail_damaged(target, "the server has {} bytes, the hub's list says {}", range->total, target.file.bytes);
        return first;
    }
    if (head.status != 200) throw odd(fmt::format("answers with status {} without a range", head.status));
    std::optional<std::string_view> length = head.find("Content-Length");
    if (length && *length != std::to_string(target.file.bytes))
        fail_damaged(target, "the server has {} bytes, the hub's list says {}", printable(*length), target.file.bytes);
    return 0;
}

bool is_success(const HttpResponse& answer) { return answer.status >= 200 && answer.status < 300; }
bool is_refusal(const HttpResponse& answer) {
    return answer.status >= 400 && answer.status < 500 && answer.status != 429;
}

// One download. Its connections share everything; the first failure ends all of them.
class Download {
 public:
    Download(const Hub& hub, const FetchTarget& target, PartialFile& partial,
             const std::function<void(int64_t)>& on_bytes)
        : hub_(hub),
          target_(target),
          partial_(partial),
          on_bytes_(on_bytes),
          location_(hub.file_request(target.repository, target.commit, target.file.path)) {}

    std::string run(std::span<const std::unique_ptr<HttpClient>> clients) {
        std::string digest;
        std::thread hasher([&] { guarded([&] { digest = hash(); }); });
        std::vector<std::thread> others;
        guarded([&] {
            work(*clients[0], [&] {
                for (const std::unique_ptr<HttpClient>& client : clients.subspan(1))
                    others.emplace_back([this, &client] { guarded([&] { work(*client, {}); }); });
            });
        });
        for (std::thread& other : others) other.join();
        hasher.join();
        if (problem_) std::rethrow_exception(problem_);
        return digest;
    }

 private:
    // The work of every thread. The first problem is kept for run(), and ends the others.
    template <class F>
    void guarded(F f) {
        try {
            f();
        } catch (...) {
            std::lock_guard lock(mutex_);
            if (!problem_) problem_ = std::current_exception();
            has_failed_ = true;
            partial_.stop();
        }
    }

    std::string hash() {
        ContentDigest digest(target_.file.id, target_.file.bytes);
        std::vector<std::byte> block(digest_block);
        for (int64_t at = 0; at < target_.file.bytes;) {
            size_t n = partial_.read(at, block);
            if (n == 0) return {};  // stopped
            digest.add(std::span(block).first(n));
            at += static_cast<int64_t>(n);
            on_bytes_(0);
        }
        return digest.hex();
    }

    // Fetches pieces until there are none. on_ranges: called once, with the first range that is answered as one.
    void work(HttpClient& client, std::function<void()> on_ranges) {
        Retries retries(hub_.settings().retry, log_wait);
        while (std::optional<FilePiece> piece = partial_.take())
            while (!has_failed_ && partial_.position(*piece) < piece->end) attempt(client, *piece, retries, on_ranges);
    }

    // One request for what is missing of a piece.
    void attempt(HttpClient& client, const FilePiece& piece, Retries& retries, std::function<void()>& on_ranges) {
        int64_t before = partial_.position(piece);
        HttpRequest request = range_request(piece, on_ranges);
        try {
            HttpResponse answer = client.send(request);
            if (!is_success(answer)) return handle_refusal(answer, request, retries);
            if (partial_.position(piece) > before) return retries.succeeded();
            throw TransferError(TransferError::Reason::broken_off,
                                fmt::format("{}: {} sends nothing", describe(target_), for_message(answer.url)));
        } catch (const TransferError& problem) {
            if (!problem.may_work_later()) throw;
            if (partial_.position(piece) - before >= enough_progress) retries.succeeded();
            wait_or_throw(retries,
                          TransferError(problem.reason, fmt::format("{}: {}", target_.repository, problem.what())));
        }
    }

    HttpRequest range_request(const FilePiece& piece, std::function<void()>& on_ranges) {
        int64_t first = partial_.position(piece);
        HttpRequest request = location_.request();
        request.headers.push_back({"Range", fmt::format("bytes={}-{}", first, piece.end - 1)});
        request.is_cancelled = [this] {
            on_bytes_(0);
            return has_failed_.load();
        };
        request.receive = [this, piece, first, &on_ranges, at = int64_t{-1}, is_range = false](
                              const HttpResponse& head, std::span<const std::byte> bytes) mutable {
            if (at < 0) {
                at = begin_of_body(target_, head, first);
                is_range = head.find("Content-Range").has_value();
                location_.remember(head);
                if (is_range && on_ranges) std::exchange(on_ranges, {})();
            }
            int64_t fresh = partial_.write(at, bytes);
            at += std::ssize(bytes);
            if (fresh > 0) on_bytes_(fresh);
            // Without ranges all that follows is for other pieces.
            return !has_failed_ && (is_range ? partial_.position(piece) < piece.end : !partial_.is_complete());
        };
        return request;
    }

    void handle_refusal(const HttpResponse& answer, const HttpRequest& request, Retries& retries) {
        if (answer.status == 416)
            fail_damaged(target_, "the server has fewer bytes than the {} of the hub's list", target_.file.bytes);
        Error problem(
            fmt::format("{}: {} answers with status {}", describe(target_), for_message(answer.url), answer.status),
            ErrorKind::busy);
        if (!location_.is_hub(request) && is_refusal(answer)) {  // its address has expired
            location_.forget(request.url);
            return wait_or_throw(retries, problem, 0.0);
        }
        bool by_storage = !answer.redirects.empty() && !answer.find("X-Error-Code") &&
                          !same_origin(parse_url(answer.url, ""), parse_url(request.url, ""));
        if (!is_worth_retrying(answer.status) && !by_storage)
            hub_.refuse(answer, {target_.repository, target_.commit, target_.file.path});
        wait_or_throw(retries, problem, requested_wait(answer));
    }

    template <class Problem>
    void wait_or_throw(Retries& retries, const Problem& problem, std::optional<double> seconds = {}) {
        auto is_cancelled = [this] {
            on_bytes_(0);
            return has_failed_.load();
        };
        if (!retries.wait_after(problem.what(), seconds, is_cancelled)) throw problem;
    }

    const Hub& hub_;
    const FetchTarget& target_;
    PartialFile& partial_;
    const std::function<void(int64_t)>& on_bytes_;
    Location location_;
    std::atomic<bool> has_failed_ = false;
    std::mutex mutex_;
    std::exception_ptr problem_;
};

}  // namespace

std::string download(const Hub& hub, const FetchTarget& target, PartialFile& partial,
                     std::span<const std::unique_ptr<HttpClient>> clients,
                     const std::function<void(int64_t)>& on_bytes) {
    return Download(hub, target, partial, on_bytes).run(clients);
}

}  // namespace puna
