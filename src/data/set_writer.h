// data/set_writer.h — writes a set of shards (data/shard_set.h), document by document.
//
//   SetWriter writer(folder, tokenizer, chat, {.conversations = false});
//   writer.add(ids, {}, 0, bytes);                  // from source 0
//   SetIndex index = writer.finish({{.name = "tales.txt"}});
//
// The tokenizer is saved with it, and beside the tokenizer of a set of conversations their chat template. The set is
// incomplete before finish(): the caller writes to a temporary folder and renames it. Holds one shard in
// memory; a shard is full when its tokens take shard_bytes or more. The bytes written depend only on what is added.
#pragma once
#include "data/shard_set.h"
#include "data/sources.h"
#include "tokenizer/chat_template_files.h"
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

class SetWriter {
 public:
    SetWriter(const std::filesystem::path& folder, const Tokenizer& tokenizer, const ChatTemplateText& chat,
              const SetOptions& options);

    // loss_mask: for conversations, one per id, 1: in the loss; empty for text. bytes: of text.
    void add(std::span<const int32_t> ids, std::span<const uint8_t> loss_mask, size_t source, int64_t bytes);

    // sources: names and hashes, by index. At least one document must have been added.
    SetIndex finish(std::vector<Source> sources);

 private:
    void append_mask(std::span<const uint8_t> loss_mask);
    void write_shard();

    std::filesystem::path folder_;
    SetOptions options_;
    SetIndex index_;
    bool narrow_ = true;           // two bytes per token
    std::vector<Source> sources_;  // counts only, without names
    std::vector<uint64_t> ends_;   // of the current shard
    std::vector<std::byte> ids_;
    std::vector<uint8_t> mask_;
    int64_t tokens_ = 0;  // of the current shard
};

}  // namespace puna
