#include "cli/transfer.h"

#include "cli/stop_signals.h"
#include "core/console.h"
#include "core/error.h"

namespace puna {

std::function<void(int64_t)> Transfer::on_begin() {
    return [this](int64_t total) { progress_ = std::make_unique<Progress>(task_, total, "B"); };
}

std::function<void(int64_t)> Transfer::on_bytes() {
    return [this](int64_t bytes) {
        if (stop_signal()) fail(ErrorKind::closed, "stopped; the same command goes on from here");
        if (progress_) progress_->advance(bytes);
    };
}

int Transfer::run(const std::function<void()>& work) {
    catch_stop_signals("");
    try {
        work();
    } catch (const Error& problem) {
        end();
        if (!stop_signal()) throw;
        print_status("puna: {}\n", problem.what());
        return stop_code();
    }
    release_stop_signals();
    return 0;
}

}  // namespace puna
