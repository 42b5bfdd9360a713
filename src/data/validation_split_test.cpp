#include "data/validation_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace puna {

namespace {

constexpr int64_t chunk_bytes = 1000;

uint64_t hash_at(double position) { return static_cast<uint64_t>(position * 0x1p53) << 11; }

// A document of as many chunks, which have the hashes first, first + 1, ...
SurveyedDocument long_document(uint64_t first, int64_t chunks, double position = 0) {
    SurveyedDocument document{.bytes = chunks * chunk_bytes, .hash = hash_at(position), .is_long = true};
    for (int64_t i = 0; i < chunks; ++i)
        document.chunks.push_back({(i + 1) * chunk_bytes, first + static_cast<uint64_t>(i)});
    return document;
}

ValidationSplit split_of(const SplitRule& rule, const std::vector<SurveyedDocument>& documents) {
    SplitPlanner planner(rule);
    for (size_t i = 0; i < documents.size(); ++i) planner.add(static_cast<int64_t>(i), documents[i]);
    return planner.finish();
}

// "0: training 90, validation 100; 1: ...", in chunks.
std::string to_text(const ValidationSplit& split) {
    constexpr std::string_view names[] = {"training", "validation", "dropped"};
    std::string text;
    int64_t document = -1;
    for (const DocumentPart& part : split.parts) {
        text += part.document != document ? (text.empty() ? "" : "; ") + std::to_string(part.document) + ": " : ", ";
        document = part.document;
        text += std::string(names[static_cast<size_t>(part.side)]) + " " + std::to_string(part.end / chunk_bytes);
    }
    return text;
}

}  // namespace

TEST(ValidationSplit, EachLongDocumentGivesTheEndThatIsItsShare) {
    EXPECT_EQ(to_text(split_of({.share = 0.1}, {long_document(0, 100), long_document(1000, 47)})),
              "0: training 90, validation 100; 1: training 42, validation 47");
}

TEST(ValidationSplit, WhatIsTrainedOnBeforeOrAfterIsInNoTail) {
    SurveyedDocument second = long_document(1000, 100);
    second.chunks[95].hash = 3;  // of the beginning of the first document
    SurveyedDocument first = long_document(0, 100);
    first.chunks[98].hash = 1007;  // of the beginning of the second
    ValidationSplit split = split_of({.share = 0.1}, {first, second});
    EXPECT_EQ(to_text(split),
              "0: training 90, validation 97, dropped 100; "
              "1: training 90, validation 94, dropped 97, validation 100");
    EXPECT_EQ(split.counts.copied_bytes, 6 * chunk_bytes);
    EXPECT_EQ(split.counts.dropped_bytes, 6 * chunk_bytes);
}

TEST(ValidationSplit, ATailBeginsAfterCopiesOfTrainedText) {
    // The second document is the first one with a preface: its tail begins earlier in the common text.
    ValidationSplit split = split_of({.share = 0.1}, {long_document(100, 100), long_document(80, 120)});
    EXPECT_EQ(to_text(split), "0: training 90, validation 100; 1: training 110, dropped 111, validation 120");
    EXPECT_EQ(split.counts.copied_bytes, 3 * chunk_bytes);
    EXPECT_EQ(split.counts.dropped_bytes, chunk_bytes);
}

TEST(ValidationSplit, ADocumentThatEndsInCopiesIsTrainedOnWhole) {
    SurveyedDocument twice = long_document(0, 100);
    for (size_t i = 0; i < 50; ++i) twice.chunks[50 + i].hash = i;
    EXPECT_EQ(to_text(split_of({.share = 0.1}, {twice})), "0: training 100");
    twice.chunks[99].hash = 99;  // the document ends where the first copy goes on
    EXPECT_EQ(to_text(split_of({.share = 0.1}, {twice})), "0: training 99, dropped 100");
}

TEST(ValidationSplit, TheFirstChunkOfATailMayEndACopy) {
    SurveyedDocument document = long_document(0, 100);
    document.chunks[89].hash = 10;  // of the training text: what follows may go on as there
    EXPECT_EQ(to_text(split_of({.share = 0.1}, {document})), "0: training 90, dropped 91, validation 100");
}

TEST(ValidationSplit, ChunksOfShortDocumentsAreTrainedOnUnlessTheyAreHeldOut) {
    SurveyedDocument in_training{.bytes = 2000, .hash = hash_at(0.5), .chunks = {{1000, 1}, {2000, 95}}};
    SurveyedDocument held_out{.bytes = 2000, .hash = hash_at(0.05), .chunks = {{1000, 1}, {2000, 97}}};
    EXPECT_EQ(to_text(split_of({.share = 0.1}, {in_training, held_out, long_document(0, 100)})),
              "2: training 90, validation 94, dropped 97, validation 100");
}

TEST(ValidationSplit, ShortDocumentsAreHeldOutByTheirHash) {
    ValidationSplit split = split_of({.share = 0.1}, {{.bytes = 10, .hash = hash_at(0.5)}});
    EXPECT_EQ(split.side_of(hash_at(0.0999)), Side::validation);
    EXPECT_EQ(split.side_of(hash_at(0.1001)), Side::training);
    EXPECT_EQ(ValidationSplit().side_of(0), Side::training);
}

TEST(ValidationSplit, AFewShortDocumentsAreAllTrainedOn) {
    std::vector<SurveyedDocument> documents(99, {.bytes = 10, .hash = hash_at(0)});
    for (size_t i = 1; i < documents.size(); ++i) documents[i].hash = hash_at(static_cast<double>(i) / 99);
    documents.push_back(long_document(0, 100));
    SplitRule rule{.share = 0.1, .max_bytes = 1 << 30, .min_short_documents = 100};
    EXPECT_EQ(split_of(rule, documents).side_of(hash_at(0.01)), Side::training);
    EXPECT_EQ(to_text(split_of(rule, documents)), "99: training 90, validation 100");
    documents.push_back({.bytes = 10, .hash = hash_at(0.5)});
    EXPECT_EQ(split_of(rule, documents).side_of(hash_at(0.01)), Side::validation);
}

TEST(ValidationSplit, AboveTheLimitEachDocumentGivesLess) {
    std::vector<SurveyedDocument> documents = {long_document(0, 1000), long_document(5000, 3000)};
    for (int i = 0; i < 1000; ++i) documents.push_back({.bytes = 1000, .hash = hash_at(i / 1000.0)});
    ValidationSplit split = split_of({.share = 0.1, .max_bytes = 100 * chunk_bytes}, documents);
    EXPECT_EQ(to_text(split), "0: training 980, validation 1000; 1: training 2940, validation 3000");
    EXPECT_NEAR(split.short_share, 0.02, 0.001);
    EXPECT_EQ(split_of({.share = 0.1, .max_bytes = 500 * chunk_bytes}, documents).parts[1].end, 1000 * chunk_bytes);
}

// Copies are on one side, so a content with many of them could take much of the text.
TEST(ValidationSplit, ByDefaultCopiesAreNotHeldOutBeyondTheShare) {
    std::vector<SurveyedDocument> documents(300, {.bytes = 100, .hash = hash_at(0.05)});
    EXPECT_EQ(split_of({.share = 0.1}, documents).side_of(hash_at(0.05)), Side::validation);
    EXPECT_EQ(split_of({.share = 0.1, .max_bytes = 1 << 24}, documents).side_of(hash_at(0.05)), Side::training);
    for (int i = 0; i < 100; ++i) documents.push_back({.bytes = 100, .hash = hash_at(i / 100.0)});
    ValidationSplit split = split_of({.share = 0.1, .max_bytes = 1 << 24}, documents);
    EXPECT_EQ(split.side_of(hash_at(0.05)), Side::training);
    EXPECT_EQ(split.side_of(hash_at(0.02)), Side::validation);
}

TEST(ValidationSplit, ConversationsWithoutTextCountToo) {
    std::vector<SurveyedDocument> documents(300, {.bytes = 0, .hash = hash_at(0.05)});
    EXPECT_EQ(split_of({.share = 0.1, .max_bytes = 1 << 24}, documents).side_of(hash_at(0.05)), Side::training);
}

// A tail of some hundred bytes would be no measure: some documents give three chunks, most give none.
TEST(ValidationSplit, ASmallShareIsFromSomeOfTheDocuments) {
    std::vector<SurveyedDocument> documents;
    for (int i = 0; i < 1000; ++i) documents.push_back(long_document(static_cast<uint64_t>(i) * 1000, 40, i / 1000.0));
    int64_t held_out = 0;
    for (const DocumentPart& part : split_of({.share = 0.01}, documents).parts)
        if (part.side == Side::validation) held_out += part.end - 37 * chunk_bytes;
    EXPECT_NEAR(static_cast<double>(held_out), 0.01 * 40e6, 0.01 * 4e6);
}

TEST(ValidationSplit, PiecesOfADocumentAreCutWhereItsPartsEnd) {
    SurveyedDocument document = long_document(0, 100);
    document.chunks[95].hash = 3;
    ValidationSplit split = split_of({.share = 0.1}, {{.bytes = 10, .hash = hash_at(0.5)}, document});
    std::string text(100 * chunk_bytes, 'x');
    for (size_t piece : {100u, 999u, 4000u, 94000u, 200000u}) {
        std::string sides[3];
        size_t ends = 0, complete = 0;
        for (size_t at = 0; at < text.size(); at += piece) {
            std::string_view stretch = std::string_view(text).substr(at, piece);
            for (const TextPart& part :
                 split.cut({1, static_cast<int64_t>(at), 0, stretch, at + piece >= text.size()})) {
                sides[static_cast<size_t>(part.side)] += part.text;
                ends += part.ends;
                complete += part.complete;
            }
        }
        EXPECT_EQ(sides[0].size(), 90 * chunk_bytes) << piece;
        EXPECT_EQ(sides[1].size(), 7 * chunk_bytes) << piece;
        EXPECT_EQ(sides[2].size(), 3 * chunk_bytes) << piece;
        EXPECT_EQ(ends, 4u) << piece;
        EXPECT_EQ(complete, 1u) << piece;
    }
    std::vector<TextPart> whole = split.cut({0, 0, hash_at(0.5), text, true});
    ASSERT_EQ(whole.size(), 1u);
    EXPECT_TRUE(whole[0].ends && whole[0].complete && whole[0].side == Side::training);
}

}  // namespace puna
