// cli/transfer.h — a download or upload as somebody watches it: progress, and Ctrl-C, after which it goes on another
// time.
//
//   Transfer transfer("owner/name");
//   int code = transfer.run([&] {
//       pull(hub, name, {.on_begin = transfer.on_begin(), .on_bytes = transfer.on_bytes()});
//   });
#pragma once
#include "core/progress.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace puna {

class Transfer {
 public:
    explicit Transfer(std::string task) : task_(std::move(task)) {}

    std::function<void(int64_t total)> on_begin();
    std::function<void(int64_t bytes)> on_bytes();  // ends the transfer after Ctrl-C
    void end() { progress_.reset(); }               // before results are printed

    // Runs a command's transfer with Ctrl-C and SIGTERM caught. The exit code: not 0 if it was stopped, which was said.
    int run(const std::function<void()>& work);

 private:
    std::string task_;
    std::unique_ptr<Progress> progress_;
};

}  // namespace puna
