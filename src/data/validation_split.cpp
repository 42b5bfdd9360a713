#include "data/validation_split.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace puna {

namespace {

double tail_bytes(double share, int64_t bytes) { return std::max(share * static_cast<double>(bytes), min_tail_bytes); }

// From 0 to 1, uniformly distributed over contents.
double position_of(uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

// A conversation of calls alone has no text.
int64_t weight_of(const SurveyedDocument& document) { return std::max<int64_t>(document.bytes, 1); }

// The chunk at which a document's tail begins: the nearest to its share. The number of chunks: it has none.
size_t find_tail(const std::vector<Chunk>& chunks, int64_t bytes, double position, double share) {
    double size = tail_bytes(share, bytes), begin = static_cast<double>(bytes) - size;
    if (position >= share * static_cast<double>(bytes) / size) return chunks.size();
    auto distance = [begin](const Chunk& chunk) { return std::abs(static_cast<double>(chunk.end) - begin); };
    auto before = std::min_element(chunks.begin(), chunks.end(),
                                   [&](const Chunk& a, const Chunk& b) { return distance(a) < distance(b); });
    return static_cast<size_t>(before - chunks.begin()) + 1;
}

}  // namespace

int64_t possible_tail(double share, int64_t bytes) {
    return bytes - static_cast<int64_t>(2 * tail_bytes(share, bytes));  // farther than the end, where there is none
}

Side ValidationSplit::side_of(uint64_t hash) const {
    return position_of(hash) < short_share ? Side::validation : Side::training;
}

std::vector<TextPart> ValidationSplit::cut(const Stretch& stretch) const {
    auto is_before = [&](const DocumentPart& p) { return p.document < stretch.document; };
    auto is_of = [&](const DocumentPart& p) { return p.document == stretch.document; };
    auto first = std::partition_point(parts.begin(), parts.end(), is_before);
    auto last = std::partition_point(first, parts.end(), is_of);
    if (first == last) return {{stretch.text, side_of(stretch.hash), stretch.ends_document, stretch.ends_document}};
    std::vector<TextPart> found;
    std::string_view text = stretch.text;
    int64_t offset = stretch.offset;
    auto part = std::partition_point(first, last, [offset](const DocumentPart& p) { return p.end <= offset; });
    for (; part != last && !text.empty(); ++part) {
        std::string_view inside = text.substr(0, static_cast<size_t>(part->end - offset));
        text.remove_prefix(inside.size());
        offset += std::ssize(inside);
        bool ends = offset == part->end;
        found.push_back({inside, part->side, ends, ends && part + 1 == last});
    }
    return found;
}

void SplitPlanner::add(int64_t number, SurveyedDocument document) {
    bytes_ += weight_of(document);
    if (!document.is_long) return add_short(document);
    trained_.insert(trained_.end(), document.before.begin(), document.before.end());
    long_.push_back({number, document.bytes, position_of(document.hash), std::move(document.chunks)});
}

void SplitPlanner::add_short(const SurveyedDocument& document) {
    double position = position_of(document.hash);
    ++short_documents_;
    short_bytes_ += weight_of(document);
    if (position < rule_.share)
        bytes_at_[static_cast<size_t>(position / rule_.share * static_cast<double>(bytes_at_.size()))] +=
            weight_of(document);
    // No chunk of a tail begins a document, and few are equal to one that does.
    for (size_t i = 1; i < document.chunks.size(); ++i) {
        uint64_t hash = document.chunks[i].hash;
        position < rule_.share ? undecided_.push_back({position, hash}) : trained_.push_back(hash);
    }
}

ValidationSplit SplitPlanner::finish() {
    double share = rule_.share;
    if (rule_.max_bytes && bytes_ > 0)
        share = std::min(share, static_cast<double>(*rule_.max_bytes) / static_cast<double>(bytes_));
    ValidationSplit split{.short_share = short_share(share), .counts = {.short_documents = short_documents_}};
    for (const ShortChunk& chunk : undecided_)
        if (chunk.position >= split.short_share) trained_.push_back(chunk.hash);
    for (LongDocument& document : long_) {
        document.tail = find_tail(document.chunks, document.bytes, document.position, share);
        for (size_t i = 0; i < document.tail; ++i) trained_.push_back(document.chunks[i].hash);
    }
    std::sort(trained_.begin(), trained_.end());
    for (const LongDocument& document : long_) add_parts(split, document);
    return split;
}

// With a limit, which is for defaults, no more than the share is held out even if few contents have many copies.
double SplitPlanner::short_share(double share) const {
    if (short_documents_ < rule_.min_short_documents) return 0;
    if (!rule_.max_bytes) return share;
    double left = share * static_cast<double>(short_bytes_);
    size_t n = 0;
    while (n < bytes_at_.size() && (left -= static_cast<double>(bytes_at_[n])) >= 0) ++n;
    return rule_.share * static_cast<double>(n) / static_cast<double>(bytes_at_.size());
}

// Whether the document's chunk `i` is also in the training text elsewhere.
bool SplitPlanner::is_copy(const LongDocument& document, size_t i) const {
    auto [first, last] = std::equal_range(trained_.begin(), trained_.end(), document.chunks[i].hash);
    return last - first > (i < document.tail ? 1 : 0);
}

// The first and the last chunk of a copy differ from the original's, as other text precedes and follows.
bool SplitPlanner::is_beside_copy(const LongDocument& document, size_t i) const {
    return is_copy(document, i - 1) || (i + 1 < document.chunks.size() && is_copy(document, i + 1));
}

void SplitPlanner::add_parts(ValidationSplit& split, const LongDocument& document) const {
    const std::vector<Chunk>& chunks = document.chunks;
    size_t first = document.tail;
    while (first < chunks.size() && is_copy(document, first)) ++first;
    split.counts.copied_bytes += chunks[first - 1].end - chunks[document.tail - 1].end;
    split.parts.push_back({document.number, chunks[first - 1].end, Side::training});
    for (size_t i = first; i < chunks.size(); ++i) {
        int64_t bytes = chunks[i].end - chunks[i - 1].end;
        bool copied = is_copy(document, i) || is_beside_copy(document, i);
        Side side = copied ? Side::dropped : Side::validation;
        if (side != split.parts.back().side) split.parts.push_back({document.number, 0, side});
        split.parts.back().end = chunks[i].end;
        split.counts.copied_bytes += copied ? bytes : 0;
        split.counts.dropped_bytes += copied ? bytes : 0;
    }
}

}  // namespace puna
