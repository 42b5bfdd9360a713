#include "data/read_batches.h"

#include "core/progress.h"

#include <future>
#include <optional>
#include <utility>

namespace puna {

void read_batches(DocumentReader& reader, const std::string& task, const std::function<bool(const PieceBatch&)>& use) {
    int64_t total = 0, done = 0;
    for (const InputFile& file : reader.files()) total += file.size;
    Progress progress(task, total, "B");
    auto read_next = [&reader] { return std::async(std::launch::async, [&reader] { return reader.next(); }); };
    auto next_batch = read_next();
    while (std::optional<PieceBatch> batch = next_batch.get()) {
        progress.advance(reader.consumed() - std::exchange(done, reader.consumed()));
        next_batch = read_next();
        if (!use(*batch)) break;
    }
    if (next_batch.valid()) next_batch.wait();
}

}  // namespace puna
