// data/input_descriptor.h — an open input: a file, a pipe or a device.
//
//   InputDescriptor input("/dev/stdin", "/dev/stdin", [] {});
//   while (size_t n = input.read(buffer)) use(buffer.first(n));
//
// A pipe may be silent for long, or never get a writer: check_stop is called again and again meanwhile, and may throw.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace puna {

using CheckStop = std::function<void()>;

class InputDescriptor {
 public:
    // name: in messages. check_stop: may be empty.
    InputDescriptor(const std::filesystem::path& path, std::string name, CheckStop check_stop = {});
    ~InputDescriptor();
    InputDescriptor(const InputDescriptor&) = delete;

    size_t read(std::span<char> into);  // bytes written to `into`; 0 at the end

 private:
    void wait() const;

    std::string name_;
    CheckStop check_stop_;
    int descriptor_;
    bool may_wait_ = false;
};

}  // namespace puna
