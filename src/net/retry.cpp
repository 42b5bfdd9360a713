#include "net/retry.h"

#include "core/progress.h"
#include "net/url.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string_view>
#include <thread>

namespace puna {

namespace {

std::optional<double> parse_seconds(std::string_view text) {
    int64_t seconds = 0;
    auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (problem != std::errc() || end == text.data() || seconds < 0) return {};
    return static_cast<double>(seconds);
}

// Of "resolvers";r=0;t=55.
std::optional<double> parameter(std::string_view list, std::string_view name) {
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(';'));
        list.remove_prefix(std::min(item.size() + 1, list.size()));
        item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
        if (item.starts_with(name)) return parse_seconds(item.substr(name.size()));
    }
    return {};
}

}  // namespace

bool is_worth_retrying(int status) {
    constexpr int statuses[] = {408, 429, 500, 502, 503, 504};
    return std::find(std::begin(statuses), std::end(statuses), status) != std::end(statuses);
}

std::optional<double> requested_wait(const HttpResponse& answer) {
    if (std::optional<std::string_view> limit = answer.find("RateLimit"); limit && parameter(*limit, "r=") == 0.0)
        if (std::optional<double> seconds = parameter(*limit, "t=")) return seconds;
    std::optional<std::string_view> after = answer.find("Retry-After");
    return after ? parse_seconds(*after) : std::nullopt;  // not the form with a date: clocks differ
}

Retries::Retries(const RetryOptions& options, std::function<void(const std::string&, double)> on_wait)
    : options_(options), on_wait_(std::move(on_wait)) {}

bool Retries::wait_after(const std::string& problem, std::optional<double> requested,
                         const std::function<bool()>& is_cancelled) {
    if (++failures_ >= options_.attempts) return false;
    double seconds = std::min(options_.first_wait * std::pow(2.0, failures_ - 1), options_.max_wait);
    if (requested) seconds = *requested;
    if (seconds > options_.max_server_wait) return false;
    if (on_wait_) on_wait_(problem, seconds);
    for (double end = seconds_now() + seconds, left = seconds; left > 0; left = end - seconds_now()) {
        if (is_cancelled && is_cancelled()) return false;
        std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, 0.1)));
    }
    return true;
}

HttpResponse send_with_retries(HttpClient& client, const HttpRequest& request, Retries& retries) {
    while (true) {
        try {
            HttpResponse answer = client.send(request);
            std::string problem = fmt::format("{}: status {}", for_message(answer.url), answer.status);
            if (!is_worth_retrying(answer.status) ||
                !retries.wait_after(problem, requested_wait(answer), request.is_cancelled))
                return answer;
        } catch (const TransferError& problem) {
            if (!problem.may_work_later() || !retries.wait_after(problem.what(), {}, request.is_cancelled)) throw;
        }
    }
}

}  // namespace puna
