// infer/page_pool.h — which pages of the KV cache are free, in use, or kept because another sequence may begin alike.
//
//   PagePool pool(1000);
//   std::vector<int32_t> pages = pool.find(prompt, domain);     // already computed: the first pages of this prompt
//   std::optional<int32_t> page = pool.take();                  // for the next tokens; none: all pages are in use
//   pages.push_back(pool.publish(*page, pages.back(), tokens, domain));  // all 64 are computed: others may find it
//   pool.release(pages);
//
// A published page is identified by its tokens, the published page before it and its domain: it is found through a hash
// of all three, and all three are compared. It is never written again. Released pages stay until they are needed: least
// recently used first, and a page before the one that it follows. Only page numbers: the memory is the KV cache's.
#pragma once
#include "kernels/kernels.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace puna {

// Pages are shared only within a domain: an adapter and the rotary frequencies change keys and values, and the time
// that an answer takes would show one tenant what another one asked.
struct CacheDomain {
    int adapter = -1;
    std::shared_ptr<const std::string> tenant;  // owned by the sequences and pages of the tenant; null: none
    int64_t rotary = 0;                         // rotary_choice (model/rope_scaling.h)

    bool operator==(const CacheDomain& other) const {
        return adapter == other.adapter && rotary == other.rotary &&
               (tenant && other.tenant ? *tenant == *other.tenant : tenant == other.tenant);
    }
};

// Memory is allocated by the constructor and for the list that `find` returns; everything else cannot fail.
class PagePool {
 public:
    // hash_mask: bits of the hashes that are used; tests make different pages collide.
    explicit PagePool(int64_t pages, uint64_t hash_mask = ~uint64_t{0});

    // The longest chain of published pages with the first of these tokens; each gets a reference.
    std::vector<int32_t> find(std::span<const int32_t> tokens, const CacheDomain& domain);

    // A page with one reference: a free one, or the least recently used published one; none if all are in use.
    std::optional<int32_t> take();

    // All tokens of a page with one reference are computed. parent: the published page before it, which is referenced
    // by the caller; -1: it is the first. Returns the page, or the equal one that is already published: that one gets
    // the reference and `page` is free.
    int32_t publish(int32_t page, int32_t parent, std::span<const int32_t> tokens, const CacheDomain& domain);

    // Removes one reference of each: pages of a sequence, in its order.
    void release(std::span<const int32_t> pages);

    // Takes that back, if no page was taken or found since: all is as it was.
    void retain(std::span<const int32_t> pages);

    int64_t available() const { return available_; }  // pages that `take` can return
    int64_t size() const { return static_cast<int64_t>(pages_.size()); }

    void check_invariants() const;  // for tests, slow: a Bug if the lists contradict each other

 private:
    struct Page {
        int32_t references = 0;
        bool published = false;
        // of a published page:
        int32_t parent = -1;
        int32_t next_in_bucket = -1;
        uint64_t hash = 0;
        std::array<int32_t, page_tokens> tokens{};
        CacheDomain domain;
    };
    struct Link {
        int32_t before, after;
    };

    Page& at(int32_t page) { return pages_[static_cast<size_t>(page)]; }
    const Page& at(int32_t page) const { return pages_[static_cast<size_t>(page)]; }
    Link& link(int32_t page) { return queue_[static_cast<size_t>(page)]; }
    int32_t& bucket(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
    int32_t bucket(uint64_t hash) const { return buckets_[hash & (buckets_.size() - 1)]; }
    int32_t end_of_queue() const { return static_cast<int32_t>(pages_.size()); }

    uint64_t hash_of(int32_t parent, std::span<const int32_t> tokens, const CacheDomain& domain) const;
    int32_t find_published(uint64_t hash, int32_t parent, std::span<const int32_t> tokens,
                           const CacheDomain& domain) const;  // -1: none
    void forget(int32_t page);
    void add_reference(int32_t page);
    void remove_reference(int32_t page);

    uint64_t hash_mask_;
    std::vector<Page> pages_;
    std::vector<int32_t> buckets_;  // first published page of each hash; -1: none
    std::vector<Link> queue_;  // pages without references in the order of `take`, and the end, which closes the ring
    int64_t available_;        // length of the queue
};

}  // namespace puna
