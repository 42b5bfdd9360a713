#include "train/downsample.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace puna {

namespace {

constexpr size_t minmax_buckets = 1000, median_buckets = 200;

bool is_lower(StepValue a, StepValue b) { return a.value < b.value; }

// Bucket i of `count` buckets of equal size.
std::span<StepValue> bucket(std::vector<StepValue>& values, size_t i, size_t count) {
    size_t begin = i * values.size() / count, end = (i + 1) * values.size() / count;
    return std::span(values).subspan(begin, end - begin);
}

}  // namespace

std::vector<StepValue> downsample_minmax(std::vector<StepValue> values) {
    if (values.size() <= 2 * minmax_buckets) return values;
    std::vector<StepValue> out{values.front()};
    for (size_t i = 0; i < minmax_buckets; ++i) {
        std::span<StepValue> part = bucket(values, i, minmax_buckets);
        auto [low, high] = std::minmax_element(part.begin(), part.end(), is_lower);
        for (auto value : {std::min(low, high), std::max(low, high)})
            if (value->step != out.back().step) out.push_back(*value);
    }
    if (out.back().step != values.back().step) out.push_back(values.back());
    return out;
}

std::vector<StepValue> downsample_median(std::vector<StepValue> values) {
    if (values.size() <= median_buckets) return values;
    std::vector<StepValue> out;
    for (size_t i = 0; i < median_buckets; ++i) {
        std::span<StepValue> part = bucket(values, i, median_buckets);
        int64_t end = part.back().step;
        auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
        std::nth_element(part.begin(), middle, part.end(), is_lower);
        out.push_back({end, middle->value});
    }
    return out;
}

}  // namespace puna
