#include "core/log.h"

#include "core/console.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace puna {

namespace {

spdlog::logger& logger() {
    static std::shared_ptr<spdlog::logger> instance = [] {  // spdlog's factories return shared pointers
        bool color = supports_escapes(STDERR_FILENO);
        std::shared_ptr<spdlog::logger> created =
            color ? spdlog::stderr_color_mt("puna") : spdlog::stderr_logger_mt("puna");
        created->set_pattern("%^%v%$");
        return created;
    }();
    return *instance;
}

}  // namespace

void write_log(LogLevel level, const std::string& message) {
    logger().log(level == LogLevel::info ? spdlog::level::info : spdlog::level::warn, spdlog::string_view_t(message));
}

}  // namespace puna
