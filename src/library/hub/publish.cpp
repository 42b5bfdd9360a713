#include "library/hub/publish.h"

#include "core/atomic_file.h"
#include "core/base64.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/progress.h"
#include "library/hub/name.h"
#include "library/hub/upload.h"
#include "net/url.h"

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

namespace puna {

namespace {

namespace fs = std::filesystem;

constexpr size_t files_per_preupload = 256, files_per_commit = 100, sample_bytes = 512;
constexpr int64_t commit_bytes = 48 << 20;  // of content in one commit
constexpr double commit_seconds = 300;      // that a hub may compute for
constexpr int max_files = 20'000;

bool is_hidden(const fs::path& relative) {
    for (const fs::path& part : relative)
        if (part.string().starts_with('.') || part == "checkpoints") return true;
    return parse_temporary_name(relative.filename().string()).has_value();
}

void check_link(const fs::directory_entry& entry, const fs::path& folder) {
    if (!entry.is_symlink()) return;
    fs::path target = fs::canonical(entry.path()), home = fs::canonical(folder);
    fs::path blobs = home.parent_path().parent_path() / "blobs";  // of a snapshot
    auto is_in = [&](const fs::path& parent) { return !target.lexically_relative(parent).string().starts_with(".."); };
    if (!is_in(home) && !is_in(blobs))
        fail("{}: is a link to {}, which is not in the folder: to publish that file, replace the link by a copy",
             entry.path().string(), target.string());
}

std::string with_pull_request(std::string path, bool pull_request) {
    return pull_request ? path + "?create_pr=1" : path;
}

class Publication {
 public:
    Publication(Hub& hub, std::string_view repository, const PublishOptions& options)
        : hub_(hub), repository_(repository), options_(options), revision_(options.revision) {}

    PublishResult run(std::vector<PublishFile> files) {
        create();
        parent_ = hub_.info(repository_, revision_).commit;
        PublishResult result{.files = std::move(files),
                             .url = fmt::format("{}/{}", hub_.settings().endpoint, repository_)};
        ask_modes(result.files);
        identify(result.files);
        result.is_created = is_created_;
        result.sent_bytes = send_large(result.files);
        commit_new(result);
        return result;
    }

 private:
    Hub::Subject subject() const { return {.repository = repository_, .revision = revision_}; }

    // Refusals may also mean that it exists: whoever may write to it need not be allowed to create it.
    void create() {
        size_t slash = repository_.find('/');
        HttpRequest request = hub_.request(HttpMethod::post, "/api/repos/create");
        request.headers = {{"Content-Type", "application/json"}};
        request.body = JsonObject{{"name", repository_.substr(slash + 1)},
                                  {"organization", repository_.substr(0, slash)},
                                  {"type", "model"},
                                  {"visibility", options_.is_private ? "private" : "public"}}
                           .text();
        try {
            hub_.send(request, subject());
            is_created_ = true;
        } catch (const HubError& problem) {
            if (problem.is_temporary() || problem.reason == HubError::Reason::bad_token) throw;
            try {
                hub_.info(repository_, "main");
            } catch (const HubError& missing) {
                if (missing.reason == HubError::Reason::no_repository) throw problem;  // why it could not be created
                throw;
            }
        }
    }

    // Whether files are large is the hub's decision.
    void ask_modes(std::vector<PublishFile>& files) {
        for (size_t begin = 0; begin < files.size(); begin += files_per_preupload)
            ask_modes(std::span(files).subspan(begin, std::min(files_per_preupload, files.size() - begin)));
        std::erase_if(files, [](const PublishFile& file) { return file.name.empty(); });
    }

    void ask_modes(std::span<PublishFile> files) {
        JsonList list;
        for (const PublishFile& file : files) {
            MappedFile content(file.path);
            list.add(JsonObject{{"path", file.name},
                                {"size", file.bytes},
                                {"sample", write_base64(content.text().substr(0, sample_bytes))}});
        }
        HttpRequest request = hub_.request(
            HttpMethod::post, with_pull_request(fmt::format("/api/models/{}/preupload/{}", quote_path(repository_),
                                                            quote_segment(revision_)),
                                                options_.pull_request));
        request.headers = {{"Content-Type", "application/json"}};
        request.body = JsonObject{{"files", list}}.text();
        HttpResponse answer = hub_.send(request, subject());
        std::map<std::string, UploadMode> modes;
        for (UploadMode& mode : parse_preupload(answer.body, for_message(answer.url))) modes[mode.path] = mode;
        for (PublishFile& file : files) {
            auto mode = modes.find(file.name);
            if (mode == modes.end())
                fail(ErrorKind::damaged, "{}: the hub does not answer for {}", repository_, file.name);
            file.is_large = mode->second.is_large && file.bytes > 0;
            file.id = mode->second.id;  // what is there, until identify()
            if (mode->second.is_ignored) file.name.clear();
        }
    }

    static void identify(std::vector<PublishFile>& files) {
        for (PublishFile& file : files) {
            std::string there =
                std::exchange(file.id, file.is_large ? sha256_of_file(file.path) : git_blob_id(read_text(file.path)));
            file.is_new = file.id != there;
        }
    }

    int64_t send_large(const std::vector<PublishFile>& files) {
        std::vector<LargeFile> large;
        for (const PublishFile& file : files)
            if (file.is_large && file.is_new) large.push_back({file.path, file.name, file.id, file.bytes});
        LargeFileUploader uploader(hub_, repository_, revision_);
        std::vector<LargeFile> missing = uploader.find_missing(large);
        int64_t bytes = 0;
        for (const LargeFile& file : missing) bytes += file.bytes;
        if (bytes > 0 && options_.on_begin) options_.on_begin(bytes);
        for (const LargeFile& file : missing)
            uploader.upload(file, [&](int64_t n) {
                if (options_.on_bytes) options_.on_bytes(n);
            });
        return bytes;
    }

    void commit_new(PublishResult& result) {
        std::vector<const PublishFile*> batch;
        int64_t bytes = 0;
        auto commit_batch = [&] {
            if (!batch.empty()) commit(batch, result);
            batch.clear();
            bytes = 0;
        };
        for (const PublishFile& file : result.files) {
            if (!file.is_new) continue;
            int64_t content = file.is_large ? 0 : file.bytes;
            if (content > commit_bytes)
                fail(ErrorKind::too_large, "{}: the hub wants its {} in a commit, which may have {}: leave it out",
                     file.path.string(), format_quantity(static_cast<double>(content), "B"),
                     format_quantity(static_cast<double>(commit_bytes), "B"));
            if (batch.size() == files_per_commit || bytes + content > commit_bytes) commit_batch();
            batch.push_back(&file);
            bytes += content;
        }
        commit_batch();
    }

    std::string commit_body(const std::vector<const PublishFile*>& files) const {
        JsonObject header{{"summary", options_.message}, {"description", ""}};
        header.add("parentCommit", parent_);
        std::string body = JsonObject{{"key", "header"}, {"value", header}}.text() + "\n";
        for (const PublishFile* file : files) {
            JsonObject value{{"path", file->name}};
            if (file->is_large) {
                value.add("algo", "sha256");
                value.add("oid", file->id);
                value.add("size", file->bytes);
            } else {
                value.add("content", write_base64(read_text(file->path)));
                value.add("encoding", "base64");
            }
            body += JsonObject{{"key", file->is_large ? "lfsFile" : "file"}, {"value", value}}.text() + "\n";
        }
        return body;
    }

    void commit(const std::vector<const PublishFile*>& files, PublishResult& result) {
        bool opens_pull_request = options_.pull_request && result.pull_request.empty();
        HttpRequest request = hub_.request(
            HttpMethod::post, with_pull_request(fmt::format("/api/models/{}/commit/{}", quote_path(repository_),
                                                            quote_segment(revision_)),
                                                opens_pull_request));
        request.headers = {{"Content-Type", "application/x-ndjson"}};
        request.stall_seconds = commit_seconds;
        request.body = commit_body(files);
        CommitResult done = send_commit(request, files, opens_pull_request);
        result.commit = parent_ = done.commit;
        if (!opens_pull_request) return;
        result.url = result.pull_request = done.pull_request;
        revision_ = "refs/pr/" + done.pull_request.substr(done.pull_request.rfind('/') + 1);  // for further commits
    }

    // A commit whose answer was lost may have been made: it must not be made twice.
    CommitResult send_commit(const HttpRequest& request, const std::vector<const PublishFile*>& files,
                             bool opens_pull_request) {
        Retries retries(hub_.settings().retry, log_wait);
        while (true) {
            std::string problem;
            std::optional<double> wait;
            try {
                HttpResponse answer = hub_.client().send(request);
                if (answer.status >= 200 && answer.status < 300)
                    return parse_commit(answer.body, for_message(answer.url));
                if (!is_worth_retrying(answer.status)) hub_.refuse(answer, subject());
                problem = fmt::format("{}: status {}", for_message(answer.url), answer.status);
                wait = requested_wait(answer);
            } catch (const TransferError& broken) {
                if (!broken.may_work_later()) throw;
                problem = broken.what();
            }
            if (opens_pull_request)
                fail(ErrorKind::busy,
                     "{}; look at {}/{}/discussions whether there is a pull request now, before you try again", problem,
                     hub_.settings().endpoint, repository_);
            if (std::optional<std::string> made = find_made_commit(files)) return {*made, "", ""};
            if (!retries.wait_after(problem, wait)) fail(ErrorKind::busy, "{}", problem);
        }
    }

    // The head of the branch, if it has moved and all the files are in it.
    std::optional<std::string> find_made_commit(const std::vector<const PublishFile*>& files) {
        std::string head = hub_.info(repository_, revision_).commit;
        if (head == parent_) return {};
        std::map<std::string, std::string> there;
        for (const RepositoryFile& file : hub_.files(repository_, head)) there[file.path] = file.id.hex;
        bool has_all = std::all_of(files.begin(), files.end(),
                                   [&](const PublishFile* file) { return there[file->name] == file->id; });
        return has_all ? std::optional(head) : std::nullopt;
    }

    Hub& hub_;
    std::string repository_;
    const PublishOptions& options_;
    std::string revision_, parent_;
    bool is_created_ = false;
};

}  // namespace

std::vector<PublishFile> list_publish_files(const fs::path& folder) {
    std::vector<PublishFile> files;
    std::error_code problem;
    if (!fs::is_directory(folder, problem)) fail(ErrorKind::not_found, "{}: no such folder", folder.string());
    for (fs::recursive_directory_iterator entry(folder, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        fs::path relative = entry->path().lexically_relative(folder);
        if (is_hidden(relative)) {
            entry.disable_recursion_pending();
            continue;
        }
        if (std::error_code ignored; !entry->is_regular_file(ignored)) continue;
        if (!is_safe_path(relative.string())) fail("{}: its name cannot be published", entry->path().string());
        check_link(*entry, folder);
        files.push_back({entry->path(), relative.string(), static_cast<int64_t>(entry->file_size())});
    }
    if (problem) fail("{}: cannot be read: {}", folder.string(), problem.message());
    if (files.empty()) fail(ErrorKind::not_found, "{}: holds no files to publish", folder.string());
    if (std::ssize(files) > max_files)
        fail(ErrorKind::too_large, "{}: holds {} files, more than {}: it is no model", folder.string(), files.size(),
             max_files);
    std::sort(files.begin(), files.end(), [](const PublishFile& a, const PublishFile& b) { return a.name < b.name; });
    return files;
}

PublishResult publish(Hub& hub, std::vector<PublishFile> files, std::string_view repository,
                      const PublishOptions& options) {
    if (!is_repository_name(repository))
        fail(ErrorKind::usage, "'{}' is not the name of a repository", printable(repository));
    if (hub.settings().token.empty())
        fail(ErrorKind::denied, "{}: to publish, set HF_TOKEN to a token that may write ({}/settings/tokens)",
             repository, hub.settings().endpoint);
    return Publication(hub, repository, options).run(std::move(files));
}

}  // namespace puna
