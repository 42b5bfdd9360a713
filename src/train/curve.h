// train/curve.h — a curve of any length in bounded memory, for plots.
//
//   Curve loss(1000);
//   loss.add(1, 10.5);                              // steps must ascend
//   std::vector<StepValue> line = loss.points();    // no spike is lost
//   std::vector<StepValue> mean = loss.means();     // noise is smoothed
//
// Values are kept in buckets of one value each, until there are more buckets than allowed: then two become one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace puna {

struct StepValue {
    int64_t step = 0;
    double value = 0;
};

class Curve {
 public:
    explicit Curve(size_t max_buckets) : max_buckets_(max_buckets) {}

    void add(int64_t step, double value);
    bool is_exact() const { return width_ == 1; }  // points() are all values, and so are means()

    std::vector<StepValue> points() const;  // the first, the last, and the lowest and the highest of each bucket
    std::vector<StepValue> means() const;   // of each bucket, at its last step

 private:
    struct Bucket {
        StepValue low, high, last;
        double sum;
        int64_t count;
    };
    static void merge(Bucket& bucket, const Bucket& next);
    void halve();

    size_t max_buckets_;
    int64_t width_ = 1;  // values of a full bucket; only the last bucket may have fewer
    StepValue first_;
    std::vector<Bucket> buckets_;
};

}  // namespace puna
