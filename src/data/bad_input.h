// data/bad_input.h — inputs that cannot be read: the first one is an error, or each is skipped, counted and logged.
//
//   BadInputs bad(options.skip_bad);
//   bad.add(BadInput(problem, "talk.jsonl", BadInput::record));             // throws it, unless it is to be skipped
//   bad.log_totals();
//   if (nothing_left) bad.fail_if_any();
//
// The first twenty are logged in full; of the others, log_totals() gives the number in each file.
#pragma once
#include "core/error.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace puna {

// An Error that is about an input alone: the command could go on without it.
struct BadInput : Error {
    enum Extent : uint8_t { record, line, file, rest_of_file };  // what is lost with it; line: of a text
    BadInput(const Error& problem, std::string input_path, Extent what, bool may_be_encoding = false)
        : Error(problem), path(std::move(input_path)), extent(what), encoding(may_be_encoding) {}

    std::string path;
    Extent extent;
    bool encoding;  // it may be text in another encoding than the one in which it was read
};

struct SkippedInputs {
    int64_t records = 0, lines = 0, files = 0;  // files: of some perhaps only the rest
    int64_t total() const { return records + lines + files; }
};

class BadInputs {
 public:
    // message: of one that is skipped, where what() is not in the words of the front end.
    using Message = std::function<std::string(const BadInput&)>;
    explicit BadInputs(
        bool skip, Message message = [](const BadInput& problem) { return problem.what(); })
        : skip_(skip), message_(std::move(message)) {}

    void add(const BadInput& problem);  // throws it if inputs are not to be skipped
    const SkippedInputs& skipped() const { return skipped_; }
    void log_totals() const;
    void fail_if_any() const;  // for when nothing is left: throws Error with what was skipped and the first reason

 private:
    bool skip_;
    Message message_;
    SkippedInputs skipped_;
    std::map<std::string, SkippedInputs> not_logged_;  // by path
    std::string first_;
};

std::string describe(const SkippedInputs& skipped);  // "3 documents, 1 line and 2 files"

}  // namespace puna
