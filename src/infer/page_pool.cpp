#include "infer/page_pool.h"

#include "core/error.h"
#include "core/hash.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace puna {

namespace {

constexpr size_t page_size = page_tokens;

size_t check_page_count(int64_t pages) {
    check(pages > 0 && pages < std::numeric_limits<int32_t>::max(), "page pool: {} pages", pages);
    return static_cast<size_t>(pages);
}

template <class T>
uint64_t hash_values(const T& values) {
    return hash_bytes(std::as_bytes(std::span(values)));
}

uint64_t hash_of_domain(const CacheDomain& domain) {
    return hash_values(std::array<uint64_t, 3>{domain.tenant ? hash_bytes(std::string_view(*domain.tenant)) : 0,
                                               static_cast<uint64_t>(domain.adapter),
                                               static_cast<uint64_t>(domain.rotary)});
}

}  // namespace

PagePool::PagePool(int64_t pages, uint64_t hash_mask)
    : hash_mask_(hash_mask),
      pages_(check_page_count(pages)),
      buckets_(std::bit_ceil(pages_.size()), -1),
      queue_(pages_.size() + 1),
      available_(pages) {
    int32_t n = static_cast<int32_t>(queue_.size());
    for (int32_t i = 0; i < n; ++i) link(i) = {.before = (i + n - 1) % n, .after = (i + 1) % n};
}

uint64_t PagePool::hash_of(int32_t parent, std::span<const int32_t> tokens, const CacheDomain& domain) const {
    return hash_values(
               std::array<uint64_t, 2>{parent < 0 ? hash_of_domain(domain) : at(parent).hash, hash_values(tokens)}) &
           hash_mask_;
}

int32_t PagePool::find_published(uint64_t hash, int32_t parent, std::span<const int32_t> tokens,
                                 const CacheDomain& domain) const {
    int32_t page = bucket(hash);
    while (page >= 0 && !(at(page).parent == parent && at(page).domain == domain &&
                          std::equal(tokens.begin(), tokens.end(), at(page).tokens.begin())))
        page = at(page).next_in_bucket;
    return page;
}

std::vector<int32_t> PagePool::find(std::span<const int32_t> tokens, const CacheDomain& domain) {
    std::vector<int32_t> pages;
    pages.reserve(tokens.size() / page_size);
    int32_t parent = -1;
    for (; tokens.size() >= page_size; tokens = tokens.subspan(page_size)) {
        std::span<const int32_t> first = tokens.first(page_size);
        int32_t page = find_published(hash_of(parent, first, domain), parent, first, domain);
        if (page < 0) break;
        add_reference(page);
        pages.push_back(page);
        parent = page;
    }
    return pages;
}

std::optional<int32_t> PagePool::take() {
    int32_t page = link(end_of_queue()).after;
    if (page == end_of_queue()) return {};
    if (at(page).published) forget(page);
    add_reference(page);
    return page;
}

int32_t PagePool::publish(int32_t page, int32_t parent, std::span<const int32_t> tokens, const CacheDomain& domain) {
    check(tokens.size() == page_size, "page pool: a published page has {} tokens", tokens.size());
    check(at(page).references == 1 && !at(page).published, "page pool: page {} is shared already", page);
    check(parent < 0 || (at(parent).published && at(parent).references > 0), "page pool: page {} follows {}", page,
          parent);
    uint64_t hash = hash_of(parent, tokens, domain);
    int32_t equal = find_published(hash, parent, tokens, domain);
    if (equal >= 0) {
        add_reference(equal);
        remove_reference(page);
        return equal;
    }
    Page& p = at(page);
    p.published = true;
    p.parent = parent;
    p.hash = hash;
    p.domain = domain;
    std::copy(tokens.begin(), tokens.end(), p.tokens.begin());
    p.next_in_bucket = std::exchange(bucket(hash), page);
    return page;
}

// Last to first: a page is older than the one that it follows, hence given up before it.
void PagePool::release(std::span<const int32_t> pages) {
    for (size_t i = pages.size(); i-- > 0;) remove_reference(pages[i]);
}

void PagePool::retain(std::span<const int32_t> pages) {
    for (int32_t page : pages) add_reference(page);
}

void PagePool::forget(int32_t page) {
    int32_t* from = &bucket(at(page).hash);
    while (*from != page) from = &at(*from).next_in_bucket;
    *from = at(page).next_in_bucket;
    at(page).published = false;
    at(page).domain = {};
}

void PagePool::add_reference(int32_t page) {
    if (at(page).references++ > 0) return;
    link(link(page).before).after = link(page).after;
    link(link(page).after).before = link(page).before;
    --available_;
}

// Free pages are taken from the front of the queue, published ones wait at its back.
void PagePool::remove_reference(int32_t page) {
    check(at(page).references > 0, "page pool: page {} is released more often than it was taken", page);
    if (--at(page).references > 0) return;
    int32_t before = at(page).published ? link(end_of_queue()).before : end_of_queue();
    int32_t after = link(before).after;
    link(page) = {.before = before, .after = after};
    link(before).after = link(after).before = page;
    ++available_;
}

void PagePool::check_invariants() const {
    std::vector<int64_t> place(queue_.size(), -1);  // in the queue
    int64_t queued = 0;
    bool published = false;
    for (int32_t page = queue_.back().after; page != end_of_queue(); page = queue_[static_cast<size_t>(page)].after) {
        check(place[static_cast<size_t>(page)] < 0, "page pool: page {} is queued twice", page);
        check(at(page).published || !published, "page pool: free page {} is behind a published one", page);
        published = at(page).published;
        place[static_cast<size_t>(page)] = queued++;
    }
    check(queued == available_, "page pool: {} pages in the queue, {} counted", queued, available_);

    for (int32_t page = 0; page < end_of_queue(); ++page) {
        const Page& p = at(page);
        check((p.references == 0) == (place[static_cast<size_t>(page)] >= 0), "page pool: page {} with {} references",
              page, p.references);
        if (!p.published) continue;
        check(find_published(p.hash, p.parent, p.tokens, p.domain) == page, "page pool: page {} is not found", page);
        check(p.hash == hash_of(p.parent, p.tokens, p.domain), "page pool: page {} does not follow {}", page, p.parent);
        if (p.parent < 0) continue;
        const Page& parent = at(p.parent);
        check(parent.published && parent.domain == p.domain, "page pool: page {} follows {}", page, p.parent);
        check(parent.references >= p.references, "page pool: page {} without {}", page, p.parent);
        check(parent.references > 0 || place[static_cast<size_t>(p.parent)] > place[static_cast<size_t>(page)],
              "page pool: page {} is given up after {}", page, p.parent);
    }
}

}  // namespace puna
