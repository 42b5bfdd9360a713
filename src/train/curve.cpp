#include "train/curve.h"

#include <algorithm>

namespace puna {

void Curve::merge(Bucket& bucket, const Bucket& next) {
    if (next.low.value < bucket.low.value) bucket.low = next.low;
    if (next.high.value > bucket.high.value) bucket.high = next.high;
    bucket.last = next.last;
    bucket.sum += next.sum;
    bucket.count += next.count;
}

void Curve::halve() {
    std::vector<Bucket> halved;
    for (const Bucket& bucket : buckets_) {
        if (halved.empty() || halved.back().count == 2 * width_)
            halved.push_back(bucket);
        else
            merge(halved.back(), bucket);
    }
    buckets_ = std::move(halved);
    width_ *= 2;
}

void Curve::add(int64_t step, double value) {
    StepValue point{step, value};
    Bucket bucket{point, point, point, value, 1};
    if (buckets_.empty()) first_ = point;
    if (!buckets_.empty() && buckets_.back().count < width_) return merge(buckets_.back(), bucket);
    if (buckets_.size() == max_buckets_) {
        halve();
        return add(step, value);
    }
    buckets_.push_back(bucket);
}

std::vector<StepValue> Curve::points() const {
    std::vector<StepValue> out;
    if (buckets_.empty()) return out;
    auto add_next = [&](StepValue point) {
        if (out.empty() || point.step != out.back().step) out.push_back(point);
    };
    add_next(first_);
    for (const Bucket& bucket : buckets_) {
        bool low_first = bucket.low.step < bucket.high.step;
        add_next(low_first ? bucket.low : bucket.high);
        add_next(low_first ? bucket.high : bucket.low);
    }
    add_next(buckets_.back().last);
    return out;
}

std::vector<StepValue> Curve::means() const {
    std::vector<StepValue> out;
    for (const Bucket& bucket : buckets_)
        out.push_back({bucket.last.step, bucket.sum / static_cast<double>(bucket.count)});
    return out;
}

}  // namespace puna
