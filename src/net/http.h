// net/http.h — an HTTP client: one request after another, over connections that are kept open.
//
//   HttpClient client({.stall_seconds = 10});
//   HttpResponse page = client.send({.url = "https://huggingface.co/api/models/owner/name", .token = "hf_..."});
//   if (page.status == 200) fmt::print("{}\n", page.body);
//
//   HttpRequest part{.url = "https://huggingface.co/owner/name/resolve/main/model.gguf"};
//   part.headers = {{"Range", "bytes=0-99"}};
//   part.receive = [&](const HttpResponse& head, std::span<const std::byte> bytes) { return write(head, bytes); };
//   client.send(part);
//
// A status is an answer, whatever it is; no answer, or one that breaks off, is a TransferError. Redirects are followed
// as the request allows: the token goes to the origin of its URL only, and never on to another scheme, host or port
// (libcurl's own rule changed between versions, so none of its redirects are used). Bodies are asked for as they are,
// never compressed: a compressed body has no ranges. Certificates are checked with the system's authorities, or the
// file that CURL_CA_BUNDLE or SSL_CERT_FILE names; proxies are those of http_proxy, https_proxy and no_proxy. An object
// is used by one thread at a time. For trying again see net/retry.h.
#pragma once
#include "core/error.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct HttpOptions {
    double connect_seconds = 10;  // for a connection with TLS to be there
    double stall_seconds = 30;    // without `stall_bytes` a second, on average, the transfer has stalled
    int64_t stall_bytes = 100;
    int max_redirects = 10;
    std::string user_agent = "puna";
};

struct HttpHeader {
    std::string name, value;
};

struct HttpResponse {
    std::string url;  // of what answered
    int status = 0;
    std::vector<HttpHeader> headers = {};
    std::string body = {};                     // where it was not given to `receive`
    std::vector<HttpResponse> redirects = {};  // the answers before this one, without bodies
    bool has_token = false;                    // whether the request for this one carried the token

    // The last header of this name, in any case; trimmed.
    std::optional<std::string_view> find(std::string_view name) const;
};

enum class HttpMethod : uint8_t { get, head, post, put };
enum class Redirects : uint8_t { none, same_origin, any };

struct HttpRequest {
    HttpMethod method = HttpMethod::get;
    std::string url = {};
    std::string token = {};  // sent as Authorization: Bearer
    std::vector<HttpHeader> headers = {};
    Redirects redirects = Redirects::same_origin;
    std::optional<double> stall_seconds = {};  // instead of the client's, as where a server computes for long
    size_t max_body = 64 << 20;                // of an answer in memory

    std::string body = {};  // of post and put
    // Or a body of `upload_bytes`, read in order into the span: the number of bytes, 0 at its end.
    std::function<size_t(std::span<std::byte>)> upload = {};
    int64_t upload_bytes = 0;

    // Called with pieces of the body of an answer of status 2xx; false ends the transfer, which is no error.
    std::function<bool(const HttpResponse& head, std::span<const std::byte> bytes)> receive = {};
    std::function<bool()> is_cancelled = {};  // asked about once a second; true ends it with a TransferError
};

// There is no whole answer.
struct TransferError : Error {
    enum class Reason : uint8_t { unreachable, stalled, broken_off, refused, cancelled };
    TransferError(Reason what, const std::string& message);
    bool may_work_later() const { return reason != Reason::refused && reason != Reason::cancelled; }

    Reason reason;  // refused: by us, as a certificate, a redirect in a circle, or an answer that is too long
};

class HttpClient {
 public:
    explicit HttpClient(HttpOptions options = {});
    ~HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient(const HttpClient&) = delete;

    HttpResponse send(const HttpRequest& request);

 private:
    struct Connection;
    HttpOptions options_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace puna
