#include "library/hub/partial.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace puna {
namespace {

using testing::ElementsAre;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(PartialFile, IsFilledInPiecesAndGetsItsName) {
    TestFolder folder;
    PartialFile partial(folder / "blob", 10, 4);
    std::optional<FilePiece> first = partial.take(), second = partial.take(), third = partial.take();
    ASSERT_TRUE(first && second && third);
    EXPECT_FALSE(partial.take());
    EXPECT_EQ(third->begin, 8);
    EXPECT_EQ(third->end, 10);
    EXPECT_EQ(partial.write(8, bytes_of("89")), 2);
    EXPECT_EQ(partial.write(0, bytes_of("0123")), 4);
    EXPECT_EQ(partial.write(4, bytes_of("45")), 2);
    partial.give_back(*second);
    EXPECT_EQ(partial.position(*partial.take()), 6);
    EXPECT_FALSE(partial.is_complete());
    EXPECT_EQ(partial.write(6, bytes_of("67")), 2);
    partial.commit();
    EXPECT_EQ(read_text(folder / "blob"), "0123456789");
    EXPECT_THAT(folder.names(), ElementsAre("blob"));
}

TEST(PartialFile, BytesThatAreThereAreSkippedAndThoseBeyondAGapDropped) {
    TestFolder folder;
    PartialFile partial(folder / "blob", 10, 4);
    EXPECT_EQ(partial.write(0, bytes_of("01")), 2);
    EXPECT_EQ(partial.write(3, bytes_of("3")), 0);
    EXPECT_EQ(partial.write(0, bytes_of("xx2")), 1);  // a server that begins anew
    EXPECT_EQ(partial.write(1, bytes_of("x")), 0);
    EXPECT_EQ(partial.write(2, bytes_of("x345678")), 6);  // across pieces
    EXPECT_EQ(partial.write(9, bytes_of("9 and more")), 1);
    EXPECT_EQ(partial.write(10, bytes_of("more")), 0);
    partial.commit();
    EXPECT_EQ(read_text(folder / "blob"), "0123456789");
}

TEST(PartialFile, AnotherProcessGoesOn) {
    TestFolder folder;
    {
        PartialFile partial(folder / "blob", 10, 4);
        partial.write(0, bytes_of("012"));
        partial.write(4, bytes_of("4567"));
    }
    EXPECT_THAT(folder.names(), ElementsAre("blob.puna.incomplete", "blob.puna.pieces"));
    EXPECT_EQ(PartialFile::present_at(folder / "blob", 10), 7);
    EXPECT_EQ(PartialFile::present_at(folder / "blob", 11), 0);
    PartialFile partial(folder / "blob", 10, 1000);  // whatever it would cut now
    EXPECT_EQ(partial.present(), 7);
    EXPECT_EQ(partial.position(*partial.take()), 3);
    EXPECT_EQ(partial.position(*partial.take()), 8);
    EXPECT_FALSE(partial.take());
}

TEST(PartialFile, WhatCannotBeItIsNotTrusted) {
    std::string pieces;
    {
        TestFolder folder;
        PartialFile(folder / "blob", 10, 4).write(0, bytes_of("0123"));
        pieces = read_text(folder / "blob.puna.pieces");
    }
    auto present = [](std::string_view data, std::string_view text) {
        TestFolder folder;
        write_file(folder / "blob.puna.incomplete", data);
        write_file(folder / "blob.puna.pieces", text);
        return PartialFile(folder / "blob", 10, 4).present();
    };
    EXPECT_EQ(present("0123456789", pieces), 4);
    EXPECT_EQ(present("012345678", pieces), 0) << "another length";
    EXPECT_EQ(present("0123456789", pieces.substr(0, pieces.size() - 1)), 0);
    EXPECT_EQ(present("0123456789", ""), 0);
    for (size_t at : {0, 8, 16, 31}) {
        std::string damaged = pieces;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x81);
        EXPECT_EQ(present("0123456789", damaged), 0) << at;
    }
}

TEST(PartialFile, AReaderFollowsTheWriters) {
    TestFolder folder;
    PartialFile partial(folder / "blob", 6, 2);
    std::string seen;
    std::thread reader([&] {
        std::byte block[4];
        while (seen.size() < 6)
            if (size_t n = partial.read(std::ssize(seen), block); n > 0)
                seen.append(reinterpret_cast<const char*>(block), n);
    });
    partial.write(4, bytes_of("45"));
    partial.write(0, bytes_of("0"));
    partial.write(1, bytes_of("1"));
    partial.write(2, bytes_of("23"));
    reader.join();
    EXPECT_EQ(seen, "012345");
    PartialFile stopped(folder / "other", 6, 2);
    stopped.stop();
    std::byte block[4];
    EXPECT_EQ(stopped.read(0, block), 0u);
}

TEST(PartialFile, WhatIsLeftOfFinishedFilesIsRemoved) {
    TestFolder folder;
    write_file(folder / "done", "x");
    for (const char* name : {"done.puna.pieces", "done.puna.incomplete", "open.puna.pieces", "other.incomplete"})
        write_file(folder / name, "");
    PartialFile::remove_finished(folder.path());
    EXPECT_THAT(folder.names(), ElementsAre("done", "open.puna.pieces", "other.incomplete"));
    PartialFile::remove_finished(folder / "missing");
}

}  // namespace
}  // namespace puna
