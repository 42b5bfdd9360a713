// data/set_writer.h — writes a folder of shards (data/shard_set.h), document by document.
//
//   SetWriter writer(folder, tokenizer, chat, {.conversations = false});
//   writer.add(ids, {}, 0);                         // of source number 0
//   SetIndex index = writer.finish({{"tales.txt", ...}});
//
// Nothing is in its place before finish(): the caller writes to a folder of another name and renames that. Holds one
// shard in memory; a shard is full when it has shard_bytes or more of tokens. The bytes written depend on what is added
// only.
#pragma once
#include "chat/chat_template.h"
#include "data/shard_set.h"
#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace puna {

struct SetOptions {
    bool conversations = false;
    int64_t shard_bytes = 256 << 20;
};

struct Source {                                    // a line of sources.jsonl
    std::string name;                              // as it was given
    uint64_t hash = 0;                             // of the file; 0 if it was not read to its end
    int64_t documents = 0, tokens = 0, bytes = 0;  // of them, what is in this set
};

class SetWriter {
 public:
    SetWriter(const std::filesystem::path& folder, const Tokenizer& tokenizer, const ChatTemplateText& chat,
              const SetOptions& options);

    // learnt: for conversations, 1 for each id that is learnt; else empty. bytes: of text.
    void add(std::span<const int32_t> ids, std::span<const uint8_t> learnt, size_t source, int64_t bytes);

    // names and hashes of the sources, by number. At least one document was added.
    SetIndex finish(std::vector<Source> sources);

 private:
    void append_mask(std::span<const uint8_t> learnt);
    void write_shard();

    std::filesystem::path folder_;
    SetOptions options_;
    SetIndex index_;
    bool narrow_ = true;           // two bytes a token
    std::vector<Source> sources_;  // counts only
    std::vector<uint64_t> ends_;   // of the shard that grows
    std::vector<std::byte> ids_;
    std::vector<uint8_t> mask_;
    int64_t tokens_ = 0;  // in it
};

}  // namespace puna
