// data/read_batches.h — reads files batch by batch, the next one while the last one is in use, with a progress bar.
//
//   DocumentReader reader(files, {});
//   read_batches(reader, "reading", [&](const PieceBatch& batch) { return count(batch) < 1000; });   // false: enough
#pragma once
#include "data/document_reader.h"

#include <functional>
#include <string>

namespace puna {

void read_batches(DocumentReader& reader, const std::string& task, const std::function<bool(const PieceBatch&)>& use);

}  // namespace puna
