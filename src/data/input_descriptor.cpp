#include "data/input_descriptor.h"

#include "core/error.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace puna {

// Without O_NONBLOCK, a named pipe would be opened only when it has a writer.
InputDescriptor::InputDescriptor(const std::filesystem::path& path, std::string name, CheckStop check_stop)
    : name_(std::move(name)),
      check_stop_(std::move(check_stop)),
      descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (check_stop_ ? O_NONBLOCK : 0))) {
    if (descriptor_ < 0) fail_errno(errno, "{}: cannot open", name_);
    struct stat status {};
    may_wait_ = check_stop_ && ::fstat(descriptor_, &status) == 0 && !S_ISREG(status.st_mode);
    if (check_stop_) ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK);
}

InputDescriptor::~InputDescriptor() { ::close(descriptor_); }

size_t InputDescriptor::read(std::span<char> into) {
    for (;;) {
        if (may_wait_) wait();
        ssize_t n = ::read(descriptor_, into.data(), into.size());
        if (n >= 0) return static_cast<size_t>(n);
        if (errno != EINTR) fail_errno(errno, "{}: cannot read", name_);
    }
}

void InputDescriptor::wait() const {
    constexpr int interval = 100;  // milliseconds
    pollfd input{.fd = descriptor_, .events = POLLIN, .revents = 0};
    do check_stop_();
    while (::poll(&input, 1, interval) <= 0);  // also if a signal interrupts it
}

}  // namespace puna
