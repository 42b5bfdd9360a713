// train/downsample.h — few values that look like many, for plots of long runs.
//
//   std::vector<StepValue> loss = downsample_minmax(losses);       // no spike is lost
//   std::vector<StepValue> speed = downsample_median(speeds);      // timing noise is smoothed
//
// Steps ascend; series that are short enough are returned as they are.
#pragma once
#include <cstdint>
#include <vector>

namespace puna {

struct StepValue {
    int64_t step = 0;
    double value = 0;
};

// The first and the last value, and the lowest and the highest of each of 1000 buckets of equal size.
std::vector<StepValue> downsample_minmax(std::vector<StepValue> points);

// The median of each of 200 buckets of equal size, at the bucket's last step.
std::vector<StepValue> downsample_median(std::vector<StepValue> points);

}  // namespace puna
