#define XXH_STATIC_LINKING_ONLY  // exposes the definition of XXH3_state_t
#include "core/hash.h"

#include "core/mapped_file.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <charconv>

namespace puna {

struct Hash::State {
    XXH3_state_t xxh3;
};

Hash::Hash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
Hash::~Hash() = default;

void Hash::add(std::span<const std::byte> bytes) { XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()); }
uint64_t Hash::value() const { return XXH3_64bits_digest(&state_->xxh3); }
std::string Hash::digits() const { return hash_digits(value()); }

uint64_t hash_bytes(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t hash_bytes(std::string_view bytes) { return hash_bytes(std::as_bytes(std::span(bytes))); }
uint64_t hash_file(const std::filesystem::path& path) { return hash_bytes(MappedFile(path).bytes()); }

std::string hash_digits(uint64_t hash) { return fmt::format("{:016x}", hash); }

std::optional<uint64_t> parse_hash(std::string_view digits) {
    uint64_t hash = 0;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    if (digits.size() != 16 || problem != std::errc() || end != digits.data() + digits.size()) return {};
    return hash;
}

}  // namespace puna
