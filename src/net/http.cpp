#include "net/http.h"

#include "net/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <utility>

namespace puna {

namespace {

constexpr size_t max_header_bytes = 256 << 10, max_error_body = 64 << 10;

struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, FreeList>;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
    return text;
}

bool same_name(std::string_view a, std::string_view b) {
    auto equal = [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

bool is_success(int status) { return status >= 200 && status < 300; }
bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What the callbacks of one transfer share. They must not throw into libcurl: `problem` is rethrown after it.
struct Transfer {
    const HttpRequest& request;
    HttpResponse response;
    size_t header_bytes = 0, uploaded = 0;
    bool too_long = false, stopped = false;
    std::exception_ptr problem = {};

    void add_header(std::string_view line) {
        if (line.starts_with("HTTP/")) {  // also after an interim answer, whose headers do not count
            response.headers.clear();
            size_t blank = std::min(line.find(' '), line.size());
            response.status = 0;
            std::from_chars(line.data() + std::min(blank + 1, line.size()), line.data() + line.size(), response.status);
            return;
        }
        size_t colon = line.find(':');
        if (colon == line.npos) return;
        response.headers.push_back(
            {std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1)))});
    }

    bool add_body(std::span<const std::byte> bytes) {
        if (is_success(response.status) && request.receive) return !(stopped = !request.receive(response, bytes));
        if (is_redirect(response.status)) return true;
        size_t limit = is_success(response.status) ? request.max_body : max_error_body;
        too_long = bytes.size() > limit - std::min(response.body.size(), limit);
        if (!too_long) response.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return !too_long || !is_success(response.status);
    }

    size_t read_body(std::span<std::byte> into) {
        if (request.upload) return request.upload(into);
        size_t n = std::min(into.size(), request.body.size() - uploaded);
        std::copy_n(reinterpret_cast<const std::byte*>(request.body.data()) + uploaded, n, into.data());
        uploaded += n;
        return n;
    }

    template <class Result, class F>
    Result guarded(Result failed, F f) {
        try {
            return f();
        } catch (...) {
            problem = std::current_exception();
            return failed;
        }
    }
};

size_t on_header(char* data, size_t, size_t n, void* user) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    return transfer.guarded<size_t>(CURL_WRITEFUNC_ERROR, [&]() -> size_t {
        transfer.header_bytes += n;
        transfer.too_long = transfer.header_bytes > max_header_bytes;
        if (!transfer.too_long) transfer.add_header({data, n});
        return transfer.too_long ? CURL_WRITEFUNC_ERROR : n;
    });
}

size_t on_body(char* data, size_t, size_t n, void* user) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    return transfer.guarded<size_t>(CURL_WRITEFUNC_ERROR, [&]() -> size_t {
        return transfer.add_body(std::as_bytes(std::span(data, n))) ? n : CURL_WRITEFUNC_ERROR;
    });
}

size_t on_upload(char* data, size_t, size_t n, void* user) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    return transfer.guarded<size_t>(CURL_READFUNC_ABORT,
                                    [&] { return transfer.read_body(std::as_writable_bytes(std::span(data, n))); });
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    return transfer.guarded<int>(1, [&] { return transfer.request.is_cancelled && transfer.request.is_cancelled(); });
}

// As curl's program reads them; its library does not.
const char* authorities_file() {
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"})
        if (const char* file = std::getenv(name); file && *file) return file;
    return nullptr;
}

TransferError::Reason reason_of(CURLcode code, bool connected) {
    using Reason = TransferError::Reason;
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return connected ? Reason::stalled : Reason::unreachable;
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return Reason::broken_off;
        case CURLE_ABORTED_BY_CALLBACK:
            return Reason::cancelled;
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_WRITE_ERROR:
        case CURLE_OUT_OF_MEMORY:
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return Reason::refused;
        default:
            return Reason::unreachable;
    }
}

ErrorKind kind_of(TransferError::Reason reason) {
    if (reason == TransferError::Reason::refused) return ErrorKind::denied;
    return reason == TransferError::Reason::cancelled ? ErrorKind::closed : ErrorKind::busy;
}

std::string describe(TransferError::Reason reason, CURLcode code, const Transfer& transfer, double stall_seconds,
                     std::string_view detail) {
    using Reason = TransferError::Reason;
    if (transfer.too_long) return "the answer is longer than is possible";
    if (reason == Reason::stalled) return fmt::format("no data for {:.0f} s", stall_seconds);
    if (reason == Reason::cancelled) return "cancelled";
    if (reason == Reason::broken_off) return fmt::format("the connection broke off ({})", detail);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return fmt::format("its certificate cannot be verified ({}); CURL_CA_BUNDLE names a file of other authorities",
                           detail);
    return fmt::format("cannot be reached ({})", detail);
}

// The request for the next answer after a redirect.
struct Hop {
    Url url;
    HttpMethod method;
    bool with_token;
};

}  // namespace

TransferError::TransferError(Reason what, const std::string& message) : Error(message, kind_of(what)), reason(what) {}

std::optional<std::string_view> HttpResponse::find(std::string_view name) const {
    for (auto header = headers.rbegin(); header != headers.rend(); ++header)
        if (same_name(header->name, name)) return header->value;
    return {};
}

struct HttpClient::Connection {
    CURL* handle;

    Connection() {
        static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
        handle = initialized == CURLE_OK ? curl_easy_init() : nullptr;
        if (!handle) fail(ErrorKind::out_of_memory, "cannot initialize libcurl");
    }
    ~Connection() { curl_easy_cleanup(handle); }
    Connection(const Connection&) = delete;

    template <class Value>
    void set(CURLoption option, Value value) {
        CURLcode code = curl_easy_setopt(handle, option, value);
        check(code == CURLE_OK, "libcurl: option {}: {}", static_cast<int>(option), curl_easy_strerror(code));
    }

    void set_limits(const HttpOptions& options, double stall_seconds) {
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_QUICK_EXIT, 1L);  // a name that is being looked up when its time is over is not waited for
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
        set(CURLOPT_TCP_KEEPALIVE, 1L);
        set(CURLOPT_CONNECTTIMEOUT_MS, std::lround(options.connect_seconds * 1000));
        set(CURLOPT_LOW_SPEED_TIME, std::max(std::lround(stall_seconds), 1L));
        set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.stall_bytes));
        set(CURLOPT_USERAGENT, options.user_agent.c_str());
        if (const char* file = authorities_file()) set(CURLOPT_CAINFO, file);
    }

    void set_method(const HttpRequest& request, HttpMethod method) {
        if (method == HttpMethod::head) set(CURLOPT_NOBODY, 1L);
        if (method == HttpMethod::post) {
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
            set(CURLOPT_POSTFIELDS, request.body.data());
        }
        if (method == HttpMethod::put) {
            set(CURLOPT_UPLOAD, 1L);
            set(CURLOPT_INFILESIZE_LARGE,
                static_cast<curl_off_t>(request.upload ? request.upload_bytes : std::ssize(request.body)));
        }
    }

    void set_callbacks(Transfer& transfer) {
        set(CURLOPT_HEADERFUNCTION, on_header);
        set(CURLOPT_HEADERDATA, &transfer);
        set(CURLOPT_WRITEFUNCTION, on_body);
        set(CURLOPT_WRITEDATA, &transfer);
        set(CURLOPT_READFUNCTION, on_upload);
        set(CURLOPT_READDATA, &transfer);
        set(CURLOPT_XFERINFOFUNCTION, on_progress);
        set(CURLOPT_XFERINFODATA, &transfer);
        set(CURLOPT_NOPROGRESS, 0L);
    }

    // Whether a request had reached the server when its time was over.
    bool connected() const {
        curl_off_t sent = 0;
        return curl_easy_getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &sent) == CURLE_OK && sent > 0;
    }

    // redirects: that led here.
    HttpResponse run(const HttpOptions& options, const HttpRequest& request, const Hop& hop,
                     std::vector<HttpResponse> redirects);
};

namespace {

CurlList list_headers(const HttpRequest& request, const Hop& hop) {
    CurlList list;
    auto add = [&list](const std::string& line) {
        curl_slist* longer = curl_slist_append(list.get(), line.c_str());
        if (!longer) fail(ErrorKind::out_of_memory, "out of memory");
        static_cast<void>(list.release());
        list.reset(longer);
    };
    add("Accept-Encoding: identity");
    add("Expect:");  // no wait for 100 Continue
    for (const HttpHeader& header : request.headers) add(fmt::format("{}: {}", header.name, header.value));
    if (hop.with_token) add("Authorization: Bearer " + request.token);
    return list;
}

}  // namespace

HttpResponse HttpClient::Connection::run(const HttpOptions& options, const HttpRequest& request, const Hop& hop,
                                         std::vector<HttpResponse> redirects) {
    Transfer transfer{request, {.url = hop.url.text, .redirects = std::move(redirects), .has_token = hop.with_token}};
    char detail[CURL_ERROR_SIZE] = "";
    CurlList headers = list_headers(request, hop);
    double stall_seconds = request.stall_seconds.value_or(options.stall_seconds);
    curl_easy_reset(handle);  // its open connections stay
    set_limits(options, stall_seconds);
    set_method(request, hop.method);
    set_callbacks(transfer);
    set(CURLOPT_URL, hop.url.text.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(handle);
    if (transfer.problem) std::rethrow_exception(transfer.problem);
    if (code != CURLE_OK && !transfer.stopped) {
        TransferError::Reason reason = reason_of(code, connected());
        throw TransferError(reason, fmt::format("{}: {}", for_message(hop.url.text),
                                                describe(reason, code, transfer, stall_seconds,
                                                         printable(*detail ? detail : curl_easy_strerror(code)))));
    }
    return std::move(transfer.response);
}

namespace {

[[noreturn]] void refuse(const HttpResponse& answer, std::string_view problem) {
    throw TransferError(TransferError::Reason::refused, fmt::format("{}: {}", for_message(answer.url), problem));
}

// Where a redirect leads; none if the answer is to be returned as it is.
std::optional<Hop> next_hop(const HttpRequest& request, const Hop& hop, const HttpResponse& answer) {
    if (!is_redirect(answer.status) || request.redirects == Redirects::none) return {};
    std::optional<std::string_view> location = answer.find("Location");
    if (!location) return {};
    Url target = join_url(hop.url, *location);
    bool stays = same_origin(hop.url, target);
    if (!stays && request.redirects == Redirects::same_origin)
        refuse(answer, fmt::format("redirects to another server, {}", origin_of(target)));
    bool reads = hop.method == HttpMethod::get || hop.method == HttpMethod::head;
    if (!reads && (answer.status < 307 || request.upload)) return {};
    return Hop{std::move(target), hop.method, hop.with_token && stays};
}

}  // namespace

HttpClient::HttpClient(HttpOptions options)
    : options_(std::move(options)), connection_(std::make_unique<Connection>()) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpResponse HttpClient::send(const HttpRequest& request) {
    if (request.token.find_first_of("\r\n") != std::string::npos)
        fail(ErrorKind::usage, "the token contains a line break");
    Hop hop{parse_url(request.url, "request"), request.method, !request.token.empty()};
    std::vector<HttpResponse> redirects;
    while (true) {
        HttpResponse answer = connection_->run(options_, request, hop, std::move(redirects));
        std::optional<Hop> next = next_hop(request, hop, answer);
        if (!next) return answer;
        auto is_next = [&](const HttpResponse& earlier) { return earlier.url == next->url.text; };
        if (is_next(answer) || std::any_of(answer.redirects.begin(), answer.redirects.end(), is_next))
            refuse(answer, "redirects in a circle");
        if (std::ssize(answer.redirects) >= options_.max_redirects) refuse(answer, "redirects too often");
        redirects = std::exchange(answer.redirects, {});
        redirects.push_back(std::move(answer));
        hop = std::move(*next);
    }
}

}  // namespace puna
