// library/hub/download.h — fills a partial file from a hub and computes its digest meanwhile: the connections of
// library/hub/fetch.h.
//
//   PartialFile partial(target.blob, target.file.bytes, 16 << 20);
//   if (download(hub, target, partial, clients, on_bytes) == target.file.id.hex) partial.commit();
#pragma once
#include "library/hub/fetch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace puna {

// Over one connection for each client, at least one; all but the first begin when a server has shown that it answers
// ranges. Returns the digest of the complete file.
std::string download(const Hub& hub, const FetchTarget& target, PartialFile& partial,
                     std::span<const std::unique_ptr<HttpClient>> clients,
                     const std::function<void(int64_t)>& on_bytes);

}  // namespace puna
