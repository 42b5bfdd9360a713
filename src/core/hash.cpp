#define XXH_STATIC_LINKING_ONLY  // exposes the definition of XXH3_state_t
#include "core/hash.h"

#include <fmt/core.h>
#include <xxhash.h>

namespace puna {

struct Hash::State {
    XXH3_state_t xxh3;
};

Hash::Hash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
Hash::~Hash() = default;

void Hash::add(std::span<const std::byte> bytes) { XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()); }
uint64_t Hash::value() const { return XXH3_64bits_digest(&state_->xxh3); }
std::string Hash::digits() const { return fmt::format("{:016x}", value()); }

}  // namespace puna
