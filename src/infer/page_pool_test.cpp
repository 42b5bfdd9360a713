#include "infer/page_pool.h"

#include "core/error.h"
#include "core/random.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

namespace puna {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Tokens = std::vector<int32_t>;
using Pages = std::vector<int32_t>;

CacheDomain domain_of(int adapter, std::string tenant) {
    return {adapter, std::make_shared<const std::string>(std::move(tenant))};
}

// 64 tokens; two kinds differ in one of them.
Tokens page_of(int kind) {
    Tokens tokens(page_tokens);
    tokens[static_cast<size_t>(kind * 21)] = 1;
    return tokens;
}

Tokens text_of(const std::vector<int>& kinds) {
    Tokens tokens;
    for (int kind : kinds)
        for (int32_t token : page_of(kind)) tokens.push_back(token);
    return tokens;
}

// Takes and publishes a page for every 64 tokens.
Pages compute(PagePool& pool, std::span<const int32_t> tokens, const CacheDomain& domain) {
    Pages pages;
    for (; tokens.size() >= page_tokens; tokens = tokens.subspan(page_tokens)) {
        int32_t parent = pages.empty() ? -1 : pages.back();
        pages.push_back(pool.publish(pool.take().value(), parent, tokens.first(page_tokens), domain));
    }
    return pages;
}

TEST(PagePool, PagesAreTakenUntilAllAreInUse) {
    PagePool pool(3);
    Pages taken;
    while (std::optional<int32_t> page = pool.take()) taken.push_back(*page);
    EXPECT_EQ(std::set<int32_t>(taken.begin(), taken.end()).size(), 3u);
    EXPECT_EQ(pool.available(), 0);
    pool.release(taken);
    EXPECT_EQ(pool.available(), 3);
    EXPECT_THROW(pool.release(Pages{1}), Bug);
}

TEST(PagePool, ThePublishedBeginningOfATextIsFound) {
    PagePool pool(10);
    Pages pages = compute(pool, text_of({0, 1, 2}), {});
    EXPECT_EQ(pool.find(text_of({0, 1, 2, 0}), {}), pages);
    EXPECT_THAT(pool.find(text_of({0, 1, 0}), {}), ElementsAre(pages[0], pages[1]));
    EXPECT_THAT(pool.find(text_of({1, 2}), {}), IsEmpty()) << "the same tokens after others";
    Tokens incomplete = text_of({0, 1});
    incomplete.pop_back();
    EXPECT_THAT(pool.find(incomplete, {}), ElementsAre(pages[0]));
    EXPECT_THAT(pool.find({}, {}), IsEmpty());
}

TEST(PagePool, FoundPagesAreInUse) {
    PagePool pool(2);
    pool.release(compute(pool, page_of(0), {}));
    EXPECT_EQ(pool.available(), 2);
    EXPECT_EQ(pool.find(page_of(0), {}).size(), 1u);
    EXPECT_EQ(pool.available(), 1);
    EXPECT_TRUE(pool.take());
    EXPECT_FALSE(pool.take());
}

TEST(PagePool, AdaptersAndTenantsDoNotSharePages) {
    PagePool pool(10);
    CacheDomain mine = domain_of(1, "mine");
    compute(pool, page_of(0), mine);
    EXPECT_EQ(pool.find(page_of(0), domain_of(1, "mine")).size(), 1u) << "another string of the same name";
    EXPECT_THAT(pool.find(page_of(0), domain_of(1, "yours")), IsEmpty());
    EXPECT_THAT(pool.find(page_of(0), domain_of(2, "mine")), IsEmpty());
    EXPECT_THAT(pool.find(page_of(0), {.adapter = 1}), IsEmpty());
}

TEST(PagePool, RotaryFrequenciesOfAnotherContextDoNotSharePages) {
    PagePool pool(10);
    compute(pool, page_of(0), {.rotary = 4096});
    EXPECT_EQ(pool.find(page_of(0), {.rotary = 4096}).size(), 1u);
    EXPECT_THAT(pool.find(page_of(0), {.rotary = 8192}), IsEmpty());
}

TEST(PagePool, AnEqualPageIsKeptOnce) {
    PagePool pool(10);
    Pages first = compute(pool, text_of({0, 1}), {}), second = compute(pool, text_of({0, 1}), {});
    EXPECT_EQ(first, second);
    EXPECT_EQ(pool.available(), 8);
    pool.release(first);
    EXPECT_EQ(pool.available(), 8) << "the second still uses them";
    pool.release(second);
    EXPECT_EQ(pool.available(), 10);
}

TEST(PagePool, FreePagesAreTakenBeforePublishedOnes) {
    PagePool pool(3);
    Pages unpublished{pool.take().value()};
    pool.release(compute(pool, text_of({0, 1}), {}));
    pool.release(unpublished);
    EXPECT_EQ(pool.take(), unpublished[0]);
    EXPECT_EQ(pool.find(text_of({0, 1}), {}).size(), 2u);
}

TEST(PagePool, LeastRecentlyUsedPagesAreGivenUpChildrenFirst) {
    PagePool pool(4);
    Pages first = compute(pool, text_of({0, 1}), {}), second = compute(pool, text_of({1, 0}), {});
    pool.release(first);
    pool.release(second);
    pool.release(pool.find(text_of({0, 1}), {}));  // used again
    Pages given_up;
    while (std::optional<int32_t> page = pool.take()) given_up.push_back(*page);
    EXPECT_THAT(given_up, ElementsAre(second[1], second[0], first[1], first[0]));
    EXPECT_THAT(pool.find(text_of({0, 1}), {}), IsEmpty());
}

TEST(PagePool, OnlyWholePagesOfOneSequenceArePublished) {
    PagePool pool(4);
    Pages pages = compute(pool, page_of(0), {});
    int32_t next = pool.take().value();
    EXPECT_THROW(pool.publish(next, pages[0], Tokens(63), {}), Bug);
    EXPECT_THROW(pool.publish(pages[0], -1, page_of(1), {}), Bug) << "published already";
    EXPECT_THROW(pool.publish(next, next, page_of(1), {}), Bug) << "after a page that is not";
}

// A pool beside a simple one: published pages by all tokens from the first on, and the time when each was released.
class RandomPool {
 public:
    RandomPool(uint64_t seed, int64_t pages, uint64_t hash_mask) : random_(seed), pool_(pages, hash_mask) {}

    void operate() {
        int64_t operation = below(10);
        if (sequences_.size() < 2 || (operation == 0 && sequences_.size() < 12)) return start();
        Member& member = sequences_[static_cast<size_t>(below(static_cast<int64_t>(sequences_.size())))];
        if (operation < 4) return take_page(member);
        if (operation < 9) return publish_page(member);
        pool_.release(member.pages);
        for (size_t i = member.pages.size(); i-- > 0;) remove_reference(member.pages[i]);
        std::swap(member, sequences_.back());
        sequences_.pop_back();
    }

    void compare() const {
        ASSERT_EQ(pool_.available(), pool_.size() - static_cast<int64_t>(references_.size()));
        pool_.check_invariants();
    }

    int64_t hits = 0, given_up = 0, merged = 0;

 private:
    struct Member {
        CacheDomain domain;
        Tokens tokens;
        Pages pages;
        size_t published;
    };
    using Key = std::pair<std::pair<int, std::string>, Tokens>;  // domain; tokens up to the end of a page

    int64_t below(int64_t n) { return static_cast<int64_t>(random_.below(static_cast<uint64_t>(n))); }
    static Key key_of(const Member& member, size_t pages) {
        return {{member.domain.adapter, *member.domain.tenant},
                Tokens(member.tokens.begin(), member.tokens.begin() + static_cast<int64_t>(pages) * page_tokens)};
    }

    void start() {
        std::vector<int> kinds;
        for (int64_t n = 1 + below(5); n > 0; --n) kinds.push_back(static_cast<int>(below(3)));
        Member member{domain_of(static_cast<int>(below(2)), std::string(static_cast<size_t>(below(2)), 't')),
                      text_of(kinds),
                      {},
                      0};
        Pages expected;
        for (size_t n = 1; n <= kinds.size() && published_.count(key_of(member, n)); ++n)
            expected.push_back(published_[key_of(member, n)]);
        member.pages = pool_.find(member.tokens, member.domain);
        ASSERT_EQ(member.pages, expected);
        for (int32_t page : member.pages) ++references_[page];
        hits += static_cast<int64_t>(expected.size());
        member.published = member.pages.size();
        sequences_.push_back(member);
    }

    void take_page(Member& member) {
        if (member.pages.size() * page_tokens == member.tokens.size()) return;
        std::optional<int32_t> page = pool_.take();
        ASSERT_EQ(page.has_value(), static_cast<int64_t>(references_.size()) < pool_.size());
        if (!page) return;
        ASSERT_EQ(references_[*page]++, 0);
        member.pages.push_back(*page);
        auto published = std::find_if(published_.begin(), published_.end(), [&](auto& p) { return p.second == *page; });
        if (published == published_.end()) return;
        ++given_up;
        published_.erase(published);
        ASSERT_EQ(static_cast<int64_t>(references_.size() + published_unused()), pool_.size()) << "no page was free";
        for (const auto& [key, other] : published_)
            ASSERT_TRUE(references_.count(other) || released_[*page] < released_[other]) << *page << ", " << other;
    }

    size_t published_unused() const {
        return static_cast<size_t>(
            std::count_if(published_.begin(), published_.end(), [&](auto& p) { return !references_.count(p.second); }));
    }

    void publish_page(Member& member) {
        size_t n = member.published;
        if (n == member.pages.size()) return;
        int32_t page = member.pages[n];
        int32_t now = pool_.publish(page, n == 0 ? -1 : member.pages[n - 1],
                                    std::span(member.tokens).subspan(n * page_tokens, page_tokens), member.domain);
        auto [known, is_new] = published_.emplace(key_of(member, n + 1), page);
        ASSERT_EQ(now, known->second);
        if (!is_new) {
            ++references_[now];
            remove_reference(page);
            ++merged;
        }
        member.pages[n] = now;
        member.published = n + 1;
    }

    void remove_reference(int32_t page) {
        released_[page] = ++clock_;
        if (--references_[page] == 0) references_.erase(page);
    }

    Random random_;
    PagePool pool_;
    std::vector<Member> sequences_;
    std::map<int32_t, int64_t> references_;  // of pages in use
    std::map<Key, int32_t> published_;
    std::map<int32_t, int64_t> released_;
    int64_t clock_ = 0;
};

TEST(PagePool, RandomOperationsMatchASimplePool) {
    for (uint64_t hash_mask : {~uint64_t{0}, uint64_t{1}, uint64_t{0}}) {  // all hashes differ, or many are equal
        RandomPool pool(hash_mask, 40, hash_mask);
        for (int i = 0; i < 50'000 && !HasFatalFailure(); ++i) {
            pool.operate();
            if (i % 20 == 0) pool.compare();
        }
        EXPECT_GT(pool.hits, 1000);
        EXPECT_GT(pool.given_up, 1000);
        EXPECT_GT(pool.merged, 50);
    }
}

}  // namespace
}  // namespace puna
