// data/json_splitter.h — finds the records of a .json file while it is read, so that one at a time is in memory.
//
//   JsonSplitter splitter("talk.json");
//   std::string text = "[{\"text\": \"one\"}, {\"te";               // what was read so far
//   size_t at = 0;
//   while (std::optional<JsonSplitter::Record> record = splitter.next(text, at, false))
//       use(text.substr(record->begin, record->end - record->begin));
//
// The records are the items of an array, or the values that follow one another in a file without one: a single object,
// or JSON Lines under another name. Brackets and strings are followed, the rest of a record is its reader's to check
// (core/json.h reads texts that are complete). Throws Error with the path and the record where a record cannot be told
// from the next.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace puna {

class JsonSplitter {
 public:
    explicit JsonSplitter(std::string path) : path_(std::move(path)) {}

    struct Record {
        size_t begin, end;  // in the text
        int64_t line;       // in which it begins, from 1
        int64_t item;       // of the array, from 0; -1: of no array
    };

    // The first record in text[at...], which begins where the last call left `at`; moves `at` behind it. None if it is
    // not complete yet, or the last one is found.
    std::optional<Record> next(std::string_view text, size_t& at, bool at_end);

 private:
    // What was read last: the array's bracket, a comma in it, ...
    enum State : uint8_t { nothing, array_begin, comma, item, array_end, value };
    bool find_begin(std::string_view text, size_t& at, bool at_end);
    bool begins_record(char c);
    bool in_array() const { return state_ == array_begin || state_ == comma || state_ == item; }
    bool find_end(std::string_view record, bool at_end);
    bool read_in_string(char c, std::string_view record);
    bool read_bracket(char c, std::string_view record);
    [[noreturn]] void fail_record(std::string_view record) const;
    [[noreturn]] void fail_between(std::string_view problem) const;

    std::string path_;
    State state_ = nothing;
    bool inside_ = false;  // a record, of which the first scanned_ bytes are read
    size_t scanned_ = 0;
    std::string closers_;  // of its open brackets
    bool in_string_ = false, escaped_ = false;
    int64_t line_ = 1, item_ = 0;
};

// Where a record is: "talk.json[17] (line 205)", "talk.jsonl:205".
std::string record_place(std::string_view path, int64_t line, int64_t item);

}  // namespace puna
