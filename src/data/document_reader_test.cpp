#include "data/document_reader.h"

#include "data/test_text.h"

#include <gtest/gtest.h>

namespace puna {

namespace {

using Documents = std::vector<std::string>;

Documents read_documents(const std::string& path, const ReadOptions& options = {}) {
    DocumentReader reader(find_input_files({path}), options);
    Documents documents;
    bool inside = false;
    while (std::optional<PieceBatch> batch = reader.next()) {
        for (const Piece& piece : batch->pieces) {
            if (!inside) documents.emplace_back();
            documents.back() += batch->text(piece);
            inside = !piece.ends_document;
        }
    }
    EXPECT_FALSE(inside);
    return documents;
}

}  // namespace

TEST(DocumentReader, ATextIsOneDocumentAndKeepsItsBytes) {
    TestFolder folder;
    std::string text = "caf\xc3\xa9 \xff\x01 broken bytes\r\nand all\n";
    write_file(folder / "x.txt", text);
    EXPECT_EQ(read_documents((folder / "x.txt").string()), Documents{text});
}

TEST(DocumentReader, WhatHoldsAZeroByteIsNoText) {
    TestFolder folder;
    write_file(folder / "model.bin", std::string(3 << 20, 'x') + '\0');
    std::string message = error_of([&] { read_documents((folder / "model.bin").string()); });
    EXPECT_NE(message.find("model.bin: is not text"), message.npos) << message;
}

TEST(DocumentReader, LinesThatAreTheSeparatorStandBetweenDocuments) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string();
    write_file(path, "one\n<|endoftext|>\ntwo\nlines\n<|endoftext|>\n\n  three");
    EXPECT_EQ(read_documents(path), (Documents{"one", "two\nlines", "\n  three"}));
    write_file(path, "<|endoftext|>\n<|endoftext|>\r\none\r\n<|endoftext|>\r\n \n<|endoftext|>");
    EXPECT_EQ(read_documents(path), (Documents{"one"}));
    write_file(path, "an <|endoftext|>\n<|endoftext|> in a line\n<|endoftext|>x\n<|endoftext|>\r.");
    EXPECT_EQ(read_documents(path).size(), 1u);
    write_file(path, "one\n---\ntwo\n<|endoftext|>\n");
    EXPECT_EQ(read_documents(path, {.separator = "---"}), (Documents{"one", "two\n<|endoftext|>\n"}));
    EXPECT_EQ(read_documents(path, {.separator = ""}).size(), 1u);
}

TEST(DocumentReader, LongTextsComeInPiecesAndLoseNothing) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), first = some_text(1, 90000), second = some_text(2, 3),
                third(3 << 20, 'x');
    write_file(path, first + "\n<|endoftext|>\n" + second + "\n<|endoftext|>\n" + third);
    ReadOptions options{.batch_bytes = 1 << 20, .piece_bytes = 10000, .longest_line = 1 << 20};
    EXPECT_EQ(read_documents(path, options), (Documents{first, second, third}));
    DocumentReader reader(find_input_files({path}), options);
    size_t pieces = 0;
    while (std::optional<PieceBatch> batch = reader.next()) {
        for (const Piece& piece : batch->pieces) ASSERT_LE(piece.size, size_t{3} << 20);
        pieces += batch->pieces.size();
        EXPECT_LE(batch->bytes.size(), size_t{4} << 20);
    }
    EXPECT_GT(pieces, 100u);
}

TEST(DocumentReader, PiecesOfATextAreCutWhereNoTokenReachesAcross) {
    PackFolder folder;
    std::string text = some_text(3, 60000), path = folder.write("x.txt", text);
    DocumentReader reader(find_input_files({path}), {.piece_bytes = 5000});
    std::vector<int32_t> ids;
    while (std::optional<PieceBatch> batch = reader.next()) {
        for (const Piece& piece : batch->pieces) {
            std::vector<int32_t> more = small_tokenizer().encode(batch->text(piece));
            ids.insert(ids.end(), more.begin(), more.end());
        }
    }
    EXPECT_EQ(ids, small_tokenizer().encode(text));
}

TEST(DocumentReader, SeparatorsAreFoundWhereverAReadEnds) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), one = some_text(1, 1);
    for (size_t shift = 0; shift < 20; ++shift) {  // the read buffer ends inside the separator
        std::string first((size_t{1} << 20) - shift, 'x');
        write_file(path, first + "\n<|endoftext|>\n" + one);
        ASSERT_EQ(read_documents(path, {.piece_bytes = 50000}), (Documents{first, one})) << shift;
    }
}

TEST(DocumentReader, EachLineOfJsonlIsADocument) {
    TestFolder folder;
    std::string path = (folder / "x.jsonl").string();
    write_file(path, "\xef\xbb\xbf{\"a\": 1}\r\n\n  \n{\"b\": 2}");
    EXPECT_EQ(read_documents(path), (Documents{"{\"a\": 1}\r", "{\"b\": 2}"}));
    DocumentReader reader(find_input_files({path}), {});
    std::optional<PieceBatch> batch = reader.next();
    EXPECT_EQ(batch->pieces[0].line, 1);
    EXPECT_EQ(batch->pieces[1].line, 4);
}

TEST(DocumentReader, ALineWithoutEndIsRefusedBeforeItFillsTheMemory) {
    TestFolder folder;
    write_file(folder / "x.jsonl", "{}\n{\"text\": \"" + std::string(5 << 20, 'x'));
    std::string message = error_of([&] { read_documents((folder / "x.jsonl").string(), {.longest_line = 2 << 20}); });
    EXPECT_NE(message.find("x.jsonl:2: the line is longer than 2 MiB"), message.npos) << message;
}

TEST(InputFiles, AFolderMeansAllFilesBelowItInOrder) {
    TestFolder folder;
    for (const char* sub : {"b", "a/deep", ".git"}) make_folder(folder / sub);
    for (const char* name : {"b/x.txt", "a/z.jsonl.gz", "a/deep/y.md", "c.txt.zst", ".hidden", ".git/config"})
        write_file(folder / name, "x");
    std::vector<std::string> found;
    for (const InputFile& file : find_input_files({folder.path().string()}))
        found.push_back(file.path.lexically_relative(folder.path()).string() + (file.jsonl ? "*" : ""));
    EXPECT_EQ(found, (std::vector<std::string>{"a/deep/y.md", "a/z.jsonl.gz*", "b/x.txt", "c.txt.zst"}));
}

TEST(InputFiles, WhatIsNotThereIsNamed) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { find_input_files({"no/such"}); }), "no/such: cannot open: No such file or directory");
    EXPECT_NE(error_of([&] { find_input_files({folder.path().string()}); }).find("the folder has no files"),
              std::string::npos);
}

}  // namespace puna
