// library/hub/partial.h — a file that is being downloaded in pieces, by several connections and by several processes
// one after another.
//
//   PartialFile partial("blobs/ID", bytes, 16 << 20);
//   while (std::optional<FilePiece> piece = partial.take()) {
//       partial.write(partial.position(*piece), received);             // from any thread
//       partial.give_back(*piece);
//   }
//   partial.commit();                                                  // becomes blobs/ID
//
// ID.puna.incomplete has the file's full length from the start; ID.puna.pieces says how much of it is there. A killed
// process leaves both, and the next one goes on from there; after a power cut the second may say more than the disk
// has, which the digest of the whole shows. Format of ID.puna.pieces: "punapart", then 64-bit integers of this machine:
// the bytes of the file, the bytes of a piece, and for each piece the number of bytes that are there, from its start.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace puna {

struct FilePiece {
    size_t index;
    int64_t begin, end;  // bytes of the file
};

// The bytes that are there of each piece; none if the text does not describe a file of `bytes`.
struct PieceProgress {
    int64_t bytes = 0, piece_bytes = 0;
    std::vector<int64_t> done;
};
std::optional<PieceProgress> parse_piece_progress(std::span<const std::byte> text, int64_t bytes);

class PartialFile {
 public:
    // Goes on with what is there, whatever its piece_bytes were. bytes: above 0. Throws Error with the path if it
    // cannot be created, as on a full disk. Whoever opens one has the file's claim (library/hub/claim.h).
    PartialFile(std::filesystem::path path, int64_t bytes, int64_t piece_bytes);
    ~PartialFile();
    PartialFile(const PartialFile&) = delete;

    // A piece that is not complete and that nobody has taken; none if there is none, now or at all.
    std::optional<FilePiece> take();
    void give_back(const FilePiece& piece);
    int64_t position(const FilePiece& piece) const;  // of its first byte that is missing

    // Bytes of the file from `offset` on, wherever pieces begin and end. Those that are there already are skipped,
    // those beyond a gap are dropped. The number of bytes that are new.
    int64_t write(int64_t offset, std::span<const std::byte> bytes);

    int64_t present() const;
    bool is_complete() const { return present() == bytes_; }
    // Waits until bytes from `offset` on are there, or stop(); reads some of them. 0: stopped.
    size_t read(int64_t offset, std::span<std::byte> into);
    void stop();

    void commit();                                                // the complete file gets its name, durably
    static void remove(const std::filesystem::path& path);        // what is left of one; nothing happens without it
    static int64_t allocated(const std::filesystem::path& path);  // on the disk, so far
    static int64_t present_at(const std::filesystem::path& path, int64_t bytes);
    static void remove_finished(const std::filesystem::path& folder);  // what is left of files that have their name

 private:
    FilePiece piece(size_t index) const;
    void open();
    void close();
    bool read_progress();
    void write_progress(size_t index);  // of one piece
    void write_all_progress();
    int64_t contiguous(int64_t offset) const;  // the end of what is there from offset on
    int64_t write_within(size_t index, int64_t offset, std::span<const std::byte> bytes);

    std::filesystem::path path_;
    int64_t bytes_;
    PieceProgress progress_;
    std::vector<bool> taken_;
    int data_ = -1, pieces_ = -1;
    bool stopped_ = false;
    mutable std::mutex mutex_;
    std::condition_variable grown_;
};

}  // namespace puna
