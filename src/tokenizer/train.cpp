#include "tokenizer/train.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/progress.h"
#include "core/threads.h"
#include "tokenizer/rank_file.h"
#include "tokenizer/split.h"

#include <algorithm>
#include <mutex>
#include <queue>
#include <tuple>
#include <vector>

namespace puna {

namespace {

constexpr size_t part_bytes = 1 << 20;
constexpr int32_t byte_count = 256;
constexpr uint32_t none = 0xffffffff;

std::vector<std::string_view> cut_into_parts(std::string_view text) {
    std::vector<std::string_view> parts;
    for (size_t at = 0, end; at < text.size(); at = end) {
        end = safe_cut(text, std::min(at + part_bytes, text.size()));
        parts.push_back(text.substr(at, end - at));
    }
    return parts;
}

struct Pair {
    int32_t left, right;
    bool operator==(const Pair&) const = default;
};

struct HashPair {
    size_t operator()(Pair pair) const {
        return mix_bits(static_cast<uint64_t>(pair.left) << 32 | static_cast<uint32_t>(pair.right));
    }
};

struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {  // the greatest is merged first
        return std::tie(count, other.pair.left, other.pair.right) < std::tie(other.count, pair.left, pair.right);
    }
};

// All distinct pieces, concatenated, as linked lists of tokens; for each pair of adjacent tokens its count and possible
// positions.
class BpeTrainer {
 public:
    explicit BpeTrainer(const PieceCounter::Counts& pieces) {
        for (auto& [piece, count] : pieces) add_piece(piece, count);
        for (auto& [pair, positions] : pairs_) queue_.push({positions.count, pair});
        for (int32_t byte = 0; byte < byte_count; ++byte) add_token(std::string(1, static_cast<char>(byte)));
    }

    // Merges the most frequent pair everywhere; false if no pair is left.
    bool step() {
        while (!queue_.empty()) {
            auto [count, pair] = queue_.top();
            queue_.pop();
            int64_t now = pairs_[pair].count;
            if (now == count && merged_size(pair) <= max_token_bytes) {
                merge_everywhere(pair);
                return true;
            }
            if (now > 0 && now < count) queue_.push({now, pair});  // its count has dropped since it was queued
        }
        return false;
    }

    const std::vector<std::string>& tokens() const { return tokens_; }

 private:
    struct Symbol {
        int32_t id;  // -1: merged into the previous one
        uint32_t next, before, piece;
    };
    struct Positions {
        int64_t count = 0;
        std::vector<uint32_t> symbols;  // left symbols; may contain stale ones
    };

    void add_piece(std::string_view piece, int64_t count) {
        if (symbols_.size() + piece.size() >= none)
            fail("the texts have more than 4 GiB of distinct pieces; use less text");
        auto begin = static_cast<uint32_t>(symbols_.size()), size = static_cast<uint32_t>(piece.size());
        for (uint32_t i = 0; i < size; ++i)
            symbols_.push_back({static_cast<unsigned char>(piece[i]), i + 1 < size ? begin + i + 1 : none,
                                i > 0 ? begin + i - 1 : none, static_cast<uint32_t>(weights_.size())});
        weights_.push_back(count);
        for (uint32_t i = 0; i + 1 < size; ++i) add_pair(begin + i);
    }

    int32_t add_token(std::string token) {
        auto [at, is_new] = ids_.try_emplace(token, static_cast<int32_t>(tokens_.size()));
        if (is_new) tokens_.push_back(std::move(token));
        return at->second;
    }

    size_t merged_size(Pair pair) const {
        return tokens_[static_cast<size_t>(pair.left)].size() + tokens_[static_cast<size_t>(pair.right)].size();
    }

    Pair pair_at(uint32_t at) const { return {symbols_[at].id, symbols_[symbols_[at].next].id}; }
    void add_pair(uint32_t at) {
        Positions& positions = pairs_[pair_at(at)];
        positions.count += weights_[symbols_[at].piece];
        positions.symbols.push_back(at);
    }
    void remove_pair(uint32_t at) { pairs_[pair_at(at)].count -= weights_[symbols_[at].piece]; }

    void merge_everywhere(Pair pair) {
        int32_t merged = add_token(tokens_[static_cast<size_t>(pair.left)] + tokens_[static_cast<size_t>(pair.right)]);
        std::vector<uint32_t> positions = std::move(pairs_[pair].symbols);
        std::sort(positions.begin(), positions.end());  // in a run of equal tokens merge from the left
        std::vector<Pair> changed;
        for (uint32_t at : positions)
            if (symbols_[at].id == pair.left && symbols_[at].next != none && pair_at(at) == pair)
                merge(at, merged, changed);
        std::sort(changed.begin(), changed.end(),
                  [](Pair a, Pair b) { return std::tie(a.left, a.right) < std::tie(b.left, b.right); });
        changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
        for (Pair grown : changed) queue_.push({pairs_[grown].count, grown});
    }

    // Merges the symbol with the next one.
    void merge(uint32_t at, int32_t merged, std::vector<Pair>& changed) {
        Symbol& left = symbols_[at];
        Symbol& right = symbols_[left.next];
        if (left.before != none) remove_pair(left.before);
        if (right.next != none) remove_pair(left.next);
        remove_pair(at);
        left.id = merged;
        left.next = right.next;
        right.id = -1;
        if (left.next != none) symbols_[left.next].before = at;
        for (uint32_t first : {left.before, left.next == none ? none : at}) {
            if (first == none) continue;
            add_pair(first);
            changed.push_back(pair_at(first));
        }
    }

    std::vector<Symbol> symbols_;
    std::vector<int64_t> weights_;  // how often each piece occurs
    std::unordered_map<Pair, Positions, HashPair> pairs_;
    std::priority_queue<Candidate> queue_;
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, int32_t> ids_;
};

}  // namespace

void PieceCounter::add(std::string_view text) {
    std::vector<std::string_view> parts = cut_into_parts(text);
    std::mutex mutex;
    parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t i) {
        std::string_view part = parts[static_cast<size_t>(i)];
        std::unordered_map<std::string_view, int64_t, Hash> counts;
        for (size_t at = 0, end; at < part.size(); at = end) {
            end = piece_end(part, at);
            ++counts[part.substr(at, end - at)];
        }
        std::lock_guard lock(mutex);
        for (auto& [piece, count] : counts) {
            auto at = counts_.find(piece);
            if (at == counts_.end()) at = counts_.emplace(piece, 0).first;
            at->second += count;
        }
    });
}

Tokenizer train_tokenizer(const PieceCounter& counter, const TrainOptions& options) {
    int64_t wanted = options.vocabulary - options.control_tokens;
    if (options.control_tokens < 0 || wanted < byte_count)
        fail("vocabulary {} is too small for {} bytes and {} control tokens; use a larger one", options.vocabulary,
             byte_count, options.control_tokens);
    if (options.vocabulary > max_token_ids)
        fail("vocabulary {} is too large, at most {} is supported", options.vocabulary, max_token_ids);
    BpeTrainer trainer(counter.counts());
    Progress progress("training tokenizer", wanted - byte_count, "tokens");
    while (static_cast<int64_t>(trainer.tokens().size()) < wanted) {
        if (!trainer.step())
            fail("the texts have pairs for {} tokens only, not for {}; use more text or a smaller vocabulary",
                 static_cast<int64_t>(trainer.tokens().size()) + options.control_tokens, options.vocabulary);
        progress.advance(1);
    }
    Vocabulary vocabulary;
    vocabulary.tokens = make_table(trainer.tokens());
    vocabulary.append_controls(control_names(ControlNames::llama3_1, options.control_tokens));
    return Tokenizer(std::move(vocabulary));
}

}  // namespace puna
