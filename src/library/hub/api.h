// library/hub/api.h — requests to a Hugging Face-compatible hub, and its refusals in words that say what to do.
//
//   Hub hub(hub_settings());
//   RepositoryInfo info = hub.info("owner/name", "main");
//   std::vector<RepositoryFile> files = hub.files("owner/name", info.commit);
//
// Failures are HubErrors. Requests are sent again as net/retry.h says. The token goes to the hub's own address only,
// which also answers what a mirror's answers call https://huggingface.co.
#pragma once
#include "library/hub/answers.h"
#include "library/hub/settings.h"
#include "net/http.h"
#include "net/retry.h"

#include <string>
#include <string_view>
#include <vector>

namespace puna {

struct HubError : Error {
    enum class Reason : uint8_t {
        no_repository,  // or a private one
        no_revision,
        no_file,
        gated,  // conditions that are not accepted
        bad_token,
        denied,    // disabled, or the token may not do this
        limited,   // too many requests
        conflict,  // 409 and 412: others changed it meanwhile
        server,    // its own failure, or an answer that makes no sense
        offline,   // no request may be made
    };
    HubError(Reason what, const std::string& message);
    bool is_temporary() const {
        return reason == Reason::limited || reason == Reason::server || reason == Reason::offline;
    }

    Reason reason;
};

class Hub {
 public:
    explicit Hub(HubSettings settings);

    const HubSettings& settings() const { return settings_; }
    HttpClient& client() { return client_; }

    // revision: a branch, tag, commit or "refs/pr/1".
    RepositoryInfo info(std::string_view repository, std::string_view revision);
    std::vector<RepositoryFile> files(std::string_view repository, std::string_view commit);  // sorted by path

    // The request for a file's content. Redirects to a storage are followed, without the token.
    HttpRequest file_request(std::string_view repository, std::string_view commit, std::string_view path) const;

    // Sends it, and again; throws HubError unless the status is 2xx. what: the repository and, for files and revisions,
    // their name, for messages.
    struct Subject {
        std::string_view repository, revision = {}, path = {};
    };
    HttpResponse send(const HttpRequest& request, const Subject& subject);
    [[noreturn]] void refuse(const HttpResponse& answer, const Subject& subject) const;

    HttpRequest request(HttpMethod method, std::string_view path) const;  // with the token; "/api/..."
    std::string url_here(std::string_view link) const;                    // of a link in an answer

 private:
    // Shown once for each text, as the hub asks its clients to.
    void show_warning(const HttpResponse& answer);

    HubSettings settings_;
    HttpClient client_;
    std::string shown_warning_;
};

void log_wait(const std::string& problem, double seconds);  // for Retries

}  // namespace puna
