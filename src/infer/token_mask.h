// infer/token_mask.h — a set of token ids: those that a sampler may choose.
//
//   TokenMask mask(vocabulary);                          // all of them
//   mask.forbid(7);
//   mask.intersect(other);
#pragma once
#include "core/error.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace puna {

class TokenMask {
 public:
    TokenMask() = default;  // of no token: as a part of a request, one that allows all
    explicit TokenMask(size_t size, bool allowed = true)
        : size_(size), words_((size + 63) / 64, allowed ? ~uint64_t{0} : 0) {}

    size_t size() const { return size_; }
    bool allows(size_t id) const { return id < size_ && (words_[id / 64] >> id % 64 & 1); }
    void allow(size_t id) { word(id) |= uint64_t{1} << id % 64; }
    void forbid(size_t id) { word(id) &= ~(uint64_t{1} << id % 64); }

    // Forbids what `other` does not allow; ids that it does not have among these.
    void intersect(const TokenMask& other) {
        for (size_t i = 0; i < words_.size(); ++i) words_[i] &= i < other.words_.size() ? other.words_[i] : 0;
        for (size_t id = other.size_; id < std::min(size_, other.words_.size() * 64); ++id) forbid(id);
    }
    // Calls f(id) for each id that is not allowed.
    template <class F>
    void each_forbidden(F f) const {
        for (size_t i = 0; i < words_.size(); ++i)
            for (uint64_t bits = ~words_[i]; bits != 0; bits &= bits - 1) {
                size_t id = i * 64 + static_cast<size_t>(std::countr_zero(bits));
                if (id < size_) f(id);
            }
    }
    bool is_empty() const {
        for (size_t id = 0; id < size_; ++id)
            if (allows(id)) return false;
        return true;
    }

 private:
    uint64_t& word(size_t id) {
        check(id < size_, "token {} of a mask of {}", id, size_);
        return words_[id / 64];
    }

    size_t size_ = 0;
    std::vector<uint64_t> words_;
};

}  // namespace puna
