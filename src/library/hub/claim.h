// library/hub/claim.h — the sole right to write a file that other processes may want to write too.
//
//   FileClaim claim("cache/.locks/models--a--b/ID.lock", [] { log_info("another process downloads it: waiting"); });
//   if (!file_exists(blob)) download(blob);              // the other one may have done it meanwhile
//
// Waits until nobody else has it. Two things say so, since neither is reliable: a lock by flock, which Hugging Face's
// tools take too and which some network file systems grant to everybody; and a file beside it, ID.puna.claim, that is
// created by whoever works, names its host and process, and is touched while it works. A claim whose process has ended
// on this host, or that was not touched for `stale_seconds` from another host, is void: after kill -9 the next process
// goes on. Source: huggingface_hub issues 4228 and 4306 (locks on Lustre and NFS).
#pragma once
#include "core/error.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

class FileClaim {
 public:
    // on_wait: called once if it has to wait. is_cancelled: asked while it waits; true: it throws Error of kind closed.
    explicit FileClaim(const std::filesystem::path& lock, const std::function<void()>& on_wait = {},
                       const std::function<bool()>& is_cancelled = {});
    ~FileClaim();
    FileClaim(const FileClaim&) = delete;

    void touch() const;  // every few seconds while the work lasts

    static constexpr double stale_seconds = 60;

 private:
    bool try_flock();
    bool try_claim();

    std::filesystem::path claim_;
    int descriptor_ = -1;
    bool claimed_ = false;
};

// Whether a process works on the file of this lock, as far as its claim says.
bool is_claimed(const std::filesystem::path& lock);
void remove_void_claims(const std::filesystem::path& locks);  // in this folder: of processes that were killed

}  // namespace puna
