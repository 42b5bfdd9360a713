#include "library/hub/api.h"

#include "core/log.h"
#include "library/hub/name.h"
#include "net/url.h"

#include <algorithm>
#include <utility>

namespace puna {

namespace {

using Reason = HubError::Reason;

constexpr std::string_view official_endpoint = "https://huggingface.co";
constexpr size_t max_pages = 1000;

ErrorKind kind_of(Reason reason) {
    switch (reason) {
        case Reason::no_repository:
        case Reason::no_revision:
        case Reason::no_file:
            return ErrorKind::not_found;
        case Reason::gated:
        case Reason::bad_token:
        case Reason::denied:
        case Reason::offline:
            return ErrorKind::denied;
        case Reason::limited:
        case Reason::conflict:
        case Reason::server:
            return ErrorKind::busy;
    }
    return ErrorKind::failed;
}

// X-Error-Code says more than the status.
Reason reason_of(const HttpResponse& answer, std::string_view message, bool has_token, bool names_file) {
    std::string_view code = answer.find("X-Error-Code").value_or("");
    if (code == "RepoNotFound") return Reason::no_repository;
    if (code == "GatedRepo") return Reason::gated;
    if (code == "RevisionNotFound") return Reason::no_revision;
    if (code == "EntryNotFound") return Reason::no_file;
    switch (answer.status) {
        case 401:  // also of a repository that is not there, without a token
            return message.starts_with("Invalid credentials") || has_token ? Reason::bad_token : Reason::no_repository;
        case 403:
            return Reason::denied;
        case 404:
            return names_file ? Reason::no_file : Reason::no_repository;
        case 409:
        case 412:
            return Reason::conflict;
        case 429:
            return Reason::limited;
        default:
            return Reason::server;
    }
}

// What a person can do about it.
std::string explain(Reason reason, const HubSettings& hub, const Hub::Subject& subject, std::string_view message) {
    std::string name = printable(subject.repository);
    switch (reason) {
        case Reason::no_repository:
            if (!hub.token.empty()) return fmt::format("{} is not there, or the token may not see it", name);
            return fmt::format(
                "{} is not there, or is private: check the name, or set HF_TOKEN to a token that may "
                "read it ({}/settings/tokens)",
                name, hub.endpoint);
        case Reason::no_revision:
            return fmt::format("{} has no branch, tag or commit '{}'", name, printable(subject.revision));
        case Reason::no_file:
            return fmt::format("{} has no file '{}'", name, printable(subject.path));
        case Reason::gated:
            if (hub.token.empty())
                return fmt::format(
                    "{0} is gated: accept its conditions at {1}/{0}, then set HF_TOKEN to a token of "
                    "that account ({1}/settings/tokens)",
                    name, hub.endpoint);
            return fmt::format(
                "{0} is gated, and this token's account has no access yet: accept its conditions at "
                "{1}/{0}",
                name, hub.endpoint);
        case Reason::bad_token:
            return fmt::format(
                "{}: the hub does not accept this token (HF_TOKEN, or the saved one); make a new one at "
                "{}/settings/tokens",
                name, hub.endpoint);
        case Reason::denied:
            return fmt::format("{}: the hub refuses access: {}", name, message.empty() ? "no reason given" : message);
        case Reason::limited:
            return fmt::format("{}: the hub limits the number of requests: try again in some minutes{}", name,
                               hub.token.empty() ? "; with a token (HF_TOKEN) it allows more" : "");
        case Reason::conflict:
            return fmt::format("{}: somebody else changes the repository: {}", name, message);
        default:
            return fmt::format("{}: {}", name, message);
    }
}

HttpOptions api_options(const HubSettings& settings) {
    HttpOptions options = settings.http;
    options.stall_seconds = settings.request_stall_seconds;
    return options;
}

}  // namespace

HubError::HubError(Reason what, const std::string& message) : Error(message, kind_of(what)), reason(what) {}

void log_wait(const std::string& problem, double seconds) {
    if (seconds >= 2) log_info("{}; trying again in {:.0f} s", problem, seconds);
}

Hub::Hub(HubSettings settings) : settings_(std::move(settings)), client_(api_options(settings_)) {}

HttpRequest Hub::request(HttpMethod method, std::string_view path) const {
    return {.method = method, .url = settings_.endpoint + std::string(path), .token = settings_.token};
}

HttpRequest Hub::file_request(std::string_view repository, std::string_view commit, std::string_view path) const {
    HttpRequest file = request(HttpMethod::get, fmt::format("/{}/resolve/{}/{}", quote_path(repository),
                                                            quote_segment(commit), quote_path(path)));
    file.redirects = Redirects::any;
    return file;
}

std::string Hub::url_here(std::string_view link) const {
    if (link.starts_with('/')) return settings_.endpoint + std::string(link);
    Url there = parse_url(link, settings_.endpoint), here = parse_url(settings_.endpoint, "the hub's address");
    if (same_origin(there, here)) return there.text;
    if (!same_origin(there, parse_url(official_endpoint, "")))
        throw HubError(Reason::server,
                       fmt::format("{}: an answer leads to another server, {}", settings_.endpoint, origin_of(there)));
    return settings_.endpoint +
           there.text.substr(std::min(there.text.find('/', there.scheme.size() + 3), there.text.size()));
}

void Hub::refuse(const HttpResponse& answer, const Subject& subject) const {
    std::string message(answer.find("X-Error-Message").value_or(""));
    if (message.empty()) message = parse_error_body(answer.body);
    Reason reason = reason_of(answer, message, !settings_.token.empty(), !subject.path.empty());
    if (reason == Reason::server || reason == Reason::conflict)
        message = fmt::format("{} answers with status {}{}{}", for_message(answer.url), answer.status,
                              message.empty() ? "" : ": ", printable(message, 200));
    throw HubError(reason, explain(reason, settings_, subject, printable(message, 300)));
}

HttpResponse Hub::send(const HttpRequest& request, const Subject& subject) {
    if (settings_.offline)
        throw HubError(Reason::offline, fmt::format("{}: HF_HUB_OFFLINE forbids to ask the hub", subject.repository));
    Retries retries(settings_.retry, log_wait);
    HttpResponse answer = send_with_retries(client_, request, retries);
    if (answer.status < 200 || answer.status >= 300) refuse(answer, subject);
    show_warning(answer);
    return answer;
}

void Hub::show_warning(const HttpResponse& answer) {
    std::optional<std::string_view> warning = answer.find("X-HF-Warning");
    if (!warning || shown_warning_ == *warning) return;
    shown_warning_ = *warning;
    log_warning("the hub says: {}", printable(warning->substr(warning->find(';') + 1), 300));
}

RepositoryInfo Hub::info(std::string_view repository, std::string_view revision) {
    HttpRequest ask = request(
        HttpMethod::get, fmt::format("/api/models/{}/revision/{}", quote_path(repository), quote_segment(revision)));
    HttpResponse answer = send(ask, {.repository = repository, .revision = revision});
    return parse_repository_info(answer.body, for_message(answer.url));
}

std::vector<RepositoryFile> Hub::files(std::string_view repository, std::string_view commit) {
    std::vector<RepositoryFile> files;
    HttpRequest ask = request(HttpMethod::get, fmt::format("/api/models/{}/tree/{}?recursive=true",
                                                           quote_path(repository), quote_segment(commit)));
    for (size_t page = 0;; ++page) {
        HttpResponse answer = send(ask, {.repository = repository, .revision = commit});
        for (RepositoryFile& file : parse_tree_page(answer.body, for_message(answer.url)))
            files.push_back(std::move(file));
        std::optional<std::string> next = parse_next_link(answer.find("Link").value_or(""));
        if (!next) break;
        if (page == max_pages || std::ssize(files) > max_repository_files)
            throw HubError(Reason::server, fmt::format("{}: the list of files does not end", repository));
        ask.url = url_here(*next);
    }
    std::sort(files.begin(), files.end(),
              [](const RepositoryFile& a, const RepositoryFile& b) { return a.path < b.path; });
    return files;
}

}  // namespace puna
