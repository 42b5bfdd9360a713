// covers: src/data/json_splitter.cpp
#include "core/fuzz.h"
#include "core/json_document.h"
#include "data/json_splitter.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace {

// The number of records, and the bytes in them; the file is read in parts of `part` bytes.
std::pair<int64_t, size_t> split(std::string_view file, size_t part) {
    puna::JsonSplitter splitter("file");
    std::pair<int64_t, size_t> sum;
    size_t at = 0;
    for (size_t end = 0; end < file.size();) {
        end = std::min(end + part, file.size());
        while (auto record = splitter.next(file.substr(0, end), at, end == file.size())) {
            puna::check(record->begin < record->end && record->end == at && at <= end, "a record out of order");
            puna::check(record->item < 0 || record->item == sum.first, "items are not counted");
            ++sum.first;
            sum.second += record->end - record->begin;
        }
    }
    return sum;
}

// The number of its items, if the file is a valid array.
std::optional<int64_t> count_items(std::string_view file) {
    try {
        puna::JsonDocument document(file, "file");
        if (document.root().is_array()) return std::ssize(document.root().items());
    } catch (const puna::Error&) {
    }
    return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    return puna::fuzz(data, size, [](std::string_view file) {
        std::optional<int64_t> items = file.starts_with("\xef\xbb\xbf") ? std::nullopt : count_items(file);
        try {
            auto whole = split(file, std::max<size_t>(file.size(), 1));
            puna::check(split(file, 3) == whole, "the parts in which a file is read make a difference");
            puna::check(!items || *items == whole.first, "an array has other items");
        } catch (const puna::Error& problem) {
            puna::check(!items, "a valid array is rejected: {}", problem.what());
        }
    });
}
