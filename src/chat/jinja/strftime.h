// chat/jinja/strftime.h — Python's datetime.strftime, for the global function strftime_now: English names, UTC.
//
//   Text day = format_time(text_of("%d %b %Y"), now);         // 26 Jul 2024
//
// Throws Error for an unsupported directive. The result is tainted (chat/jinja/text.h).
#pragma once
#include "chat/jinja/text.h"

#include <chrono>

namespace puna::jinja {

Text format_time(const Text& format, std::chrono::sys_seconds time);

}  // namespace puna::jinja
