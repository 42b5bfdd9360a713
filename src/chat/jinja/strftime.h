// chat/jinja/strftime.h — Python's strftime, for templates: in English, UTC.
//
//   Text day = format_time(text_of("%d %b %Y"), now);         // 26 Jul 2024
//
// Throws Error for a letter that is not known here. The text counts as a value's (chat/jinja/text.h).
#pragma once
#include "chat/jinja/text.h"

#include <chrono>

namespace puna::jinja {

Text format_time(const Text& format, std::chrono::sys_seconds time);

}  // namespace puna::jinja
