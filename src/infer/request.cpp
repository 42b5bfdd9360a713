#include "infer/request.h"

namespace puna {

std::string_view name_of(Finish finish) {
    constexpr std::string_view names[] = {"running", "stop", "length", "context", "canceled", "failed"};
    return names[static_cast<size_t>(finish)];
}

double Answer::tokens_per_second() const {
    return ids.size() > 1 && seconds > 0 ? static_cast<double>(ids.size() - 1) / seconds : 0;
}

void fail_context_full(int64_t prompt, int64_t requested, int64_t context) {
    fail(ErrorKind::too_large, "{} prompt tokens and {} to generate exceed the context of {}", prompt, requested,
         context);
}

}  // namespace puna
