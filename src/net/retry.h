// net/retry.h — trying again what a server or the network could not do just now, after a wait that grows.
//
//   Retries retries({.attempts = 5}, [](const std::string& problem, double seconds) { log_info("{}", problem); });
//   HttpResponse answer = send_with_retries(client, request, retries);
//
// Tried again: no connection, connections that break off or stall, and the statuses 408, 429, 500, 502, 503 and 504.
// The wait doubles from `first_wait` to `max_wait`, unless the server says how long it takes: RateLimit with nothing
// left (r=0;t=seconds), else Retry-After in seconds. Source: draft-ietf-httpapi-ratelimit-headers; Hugging Face,
// hub/rate-limits.
#pragma once
#include "net/http.h"

#include <functional>
#include <optional>
#include <string>

namespace puna {

struct RetryOptions {
    int attempts = 5;                       // without success; the first one counts
    double first_wait = 0.5, max_wait = 8;  // seconds
    double max_server_wait = 300;           // what a server may ask for
};

bool is_worth_retrying(int status);
std::optional<double> requested_wait(const HttpResponse& answer);  // in seconds

class Retries {
 public:
    // on_wait: told the problem and the seconds before every wait.
    explicit Retries(const RetryOptions& options, std::function<void(const std::string&, double)> on_wait = {});

    // Waits if there is an attempt left; false at once if there is none.
    bool wait_after(const std::string& problem, std::optional<double> requested = {},
                    const std::function<bool()>& is_cancelled = {});
    void succeeded() { failures_ = 0; }

 private:
    RetryOptions options_;
    std::function<void(const std::string&, double)> on_wait_;
    int failures_ = 0;
};

// The last answer or TransferError. Of a request with `receive` only what fails before its body may be sent again.
HttpResponse send_with_retries(HttpClient& client, const HttpRequest& request, Retries& retries);

}  // namespace puna
