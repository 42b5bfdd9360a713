#include "kernels/cpu/panels.h"

#include "core/checked.h"
#include "core/threads.h"

#include <algorithm>
#include <cstring>

namespace puna::cpu {

namespace {

constexpr int64_t piece_bytes = 4, chunk_bytes = 64;

// Calls f(offset, bytes) for parts of a row, one after the other, from byte `first` to `last`: blocks, or chunks of
// plain elements that stay in cache while a panel is copied.
template <class F>
void for_each_part(const Tensor& w, int64_t first, int64_t last, F f) {
    int64_t part = is_block_type(w.dtype) ? info(w.dtype).block_bytes : chunk_bytes;
    for (int64_t at = first; at < last; at += part) f(at, std::min(part, last - at));
}

// Calls f(offset, bytes) for the pieces of a part.
template <class F>
void for_each_piece(int64_t head, int64_t bytes, F f) {
    if (head > 0) f(0, head);
    for (int64_t at = head; at < bytes; at += piece_bytes) f(at, std::min(piece_bytes, bytes - at));
}

// Copies the part of one row, between its place in a panel and contiguous bytes.
template <bool to_panel>
void copy_part(std::byte* panel, std::byte* row, int64_t lane, int64_t panel_rows, int64_t head, int64_t bytes) {
    for_each_piece(head, bytes, [&](int64_t at, int64_t n) {
        std::byte *packed = panel + at * panel_rows + lane * n, *plain = row + at;
        std::byte *to = to_panel ? packed : plain, *from = to_panel ? plain : packed;
        n == piece_bytes ? std::memcpy(to, from, piece_bytes) : std::memcpy(to, from, static_cast<size_t>(n));
    });
}

std::byte* bytes_of(const Tensor& x) { return static_cast<std::byte*>(x.data); }

template <bool to_panels>
void copy_panels(Tensor panels, Tensor rows) {
    check(panels.size == rows.size && panels.dtype == rows.dtype && !rows.is_packed(), "panels: {} and {}", panels,
          rows);
    int64_t n = panels.panel_rows, row_bytes = rows.row_bytes(), head = info(rows.dtype).head;
    parallel_for(divide_up(rows.rows(), n), [&](int64_t p) {
        std::byte *panel = bytes_of(panels) + p * n * row_bytes, *first = bytes_of(rows) + p * n * row_bytes;
        std::byte zeros[256] = {};
        for_each_part(rows, 0, row_bytes, [&](int64_t at, int64_t bytes) {
            for (int64_t lane = 0; lane < n; ++lane) {
                bool exists = p * n + lane < rows.rows();
                if (!exists && !to_panels) break;
                copy_part<to_panels>(panel + at * n, exists ? first + lane * row_bytes + at : zeros, lane, n, head,
                                     bytes);
            }
        });
    });
}

void read_bytes(std::byte* to, const Tensor& w, int64_t r, int64_t first, int64_t bytes) {
    int64_t n = w.panel_rows, row_bytes = w.row_bytes();
    check(r >= 0 && r < w.rows() && first + bytes <= row_bytes, "row {} of {}", r, w);
    if (!w.is_packed()) {
        std::memcpy(to, bytes_of(w) + r * row_bytes + first, static_cast<size_t>(bytes));
        return;
    }
    std::byte* panel = bytes_of(w) + r / n * n * row_bytes;
    for_each_part(w, first, first + bytes, [&](int64_t at, int64_t part) {
        copy_part<false>(panel + at * n, to + (at - first), r % n, n, info(w.dtype).head, part);
    });
}

}  // namespace

void pack(Stream, Tensor panels, Tensor rows) { copy_panels<true>(panels, rows); }
void unpack(Stream, Tensor rows, Tensor panels) { copy_panels<false>(panels, rows); }

void read_row(void* to, const Tensor& w, int64_t r) {
    if (is_block_type(w.dtype)) return read_blocks(to, w, r, 0, w.columns() / info(w.dtype).block);
    read_bytes(static_cast<std::byte*>(to), w, r, 0, w.row_bytes());
}

void read_blocks(void* to, const Tensor& w, int64_t r, int64_t first, int64_t count) {
    int64_t bytes = info(w.dtype).block_bytes;
    read_bytes(static_cast<std::byte*>(to), w, r, first * bytes, count * bytes);
}

}  // namespace puna::cpu
