// kernels/cpu/grids.h — the grids of IQ2 and IQ3: the magnitudes of eight or four elements that an index stands for.
//
//   const uint8_t* magnitudes = iq2_xxs_grid().point(17);          // of eight elements
//   int index = iq2_xxs_grid().index_of(magnitudes);               // 17
//
// Each is a set of points whose coordinates are levels of that type; an index is the rank of a point, ordered by the
// last coordinate first. Source: ggml, ggml-common.h.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace puna {

class Grid {
 public:
    // members: bit k is set if the point whose coordinates are the digits of k is in the grid; the first coordinate is
    // the lowest digit, in base levels.size().
    Grid(std::span<const uint64_t> members, std::span<const uint8_t> levels, int dimensions);

    int dimensions() const { return dimensions_; }
    int size() const { return static_cast<int>(words_.size()) * 4 / dimensions_; }
    std::span<const uint8_t> levels() const { return levels_; }
    const uint8_t* point(int index) const {
        return reinterpret_cast<const uint8_t*>(words_.data()) + index * dimensions_;
    }
    const int32_t* words() const { return words_.data(); }  // all points, four coordinates in each
    int index_of(const uint8_t* magnitudes) const;          // -1: not in the grid
    // Of each point its coordinates as digits, the first one lowest: their places in levels().
    std::span<const int> keys() const { return keys_; }

 private:
    int key_of(const uint8_t* magnitudes) const;

    std::span<const uint8_t> levels_;
    int dimensions_;
    std::vector<int32_t> words_;
    std::vector<int> keys_;
    std::vector<int16_t> index_;  // by key
};

const Grid& iq2_xxs_grid();
const Grid& iq2_xs_grid();
const Grid& iq2_s_grid();
const Grid& iq3_xxs_grid();
const Grid& iq3_s_grid();

}  // namespace puna
