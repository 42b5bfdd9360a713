// cli/confirm.h — a question that is answered with yes or no, before something is downloaded or removed.
//
//   if (!confirm("Remove it?", {.fallback = false})) return;
//
// Asked on the terminal of standard error and standard input. Without one there is nobody to ask: `-y`, the field `yes`
// of a command, answers it.
#pragma once
#include <string>
#include <string_view>

namespace puna {

inline constexpr std::string_view yes_help = "answer yes to the question";

struct ConfirmOptions {
    bool fallback = true;  // what Enter means
};
// False if it is answered with no, or cannot be asked.
bool confirm(const std::string& question, const ConfirmOptions& options = {});
bool can_ask();

}  // namespace puna
