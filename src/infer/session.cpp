#include "infer/session.h"

#include "infer/engine.h"

#include <algorithm>

namespace puna {

Session::~Session() {
    if (engine_) engine_->close(slot_);
}

void Session::sync(std::span<const int32_t> tokens, int64_t max_reused) {
    int64_t n = static_cast<int64_t>(tokens.size());
    std::span<const int32_t> cached(tokens_.data(), static_cast<size_t>(cached_));
    int64_t common = std::mismatch(cached.begin(), cached.end(), tokens.begin(), tokens.end()).first - cached.begin();
    cached_ = reused_ = std::max<int64_t>(0, std::min({common, n - 1, max_reused}));
    tokens_.assign(tokens.begin(), tokens.end());
}

}  // namespace puna
