// A second definition of puna::ShardEntry, for the target odr_self_test: the link must fail.
#include <string>

namespace puna {

struct ShardEntry {
    std::string other;
    long members[3];
};

void use(ShardEntry& entry) { entry.members[0] = static_cast<long>(entry.other.size()); }

}  // namespace puna
