#include "data/document_reader.h"

#include "data/test_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace puna {

namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Documents = std::vector<std::string>;

// Throws the first bad input.
Documents read_documents(const std::string& path, const ReadOptions& options = {}) {
    DocumentReader reader(find_input_files({path}), options);
    Documents documents;
    bool inside = false;
    while (std::optional<PieceBatch> batch = reader.next()) {
        if (!batch->bad.empty()) throw batch->bad[0].problem;
        for (const Piece& piece : batch->pieces) {
            if (!inside) documents.emplace_back();
            documents.back() += batch->text(piece);
            inside = !piece.ends_document;
        }
    }
    EXPECT_FALSE(inside);
    return documents;
}

struct Found {
    Documents documents, bad;  // bad: the messages
};

// Skips bad inputs.
Found read_all(const std::vector<std::string>& paths, const ReadOptions& options = {}) {
    DocumentReader reader(find_input_files(paths), options);
    Found found;
    bool inside = false;
    while (std::optional<PieceBatch> batch = reader.next()) {
        for (const BadPiece& bad : batch->bad) found.bad.push_back(bad.problem.what());
        for (const Piece& piece : batch->pieces) {
            if (!inside) found.documents.emplace_back();
            found.documents.back() += batch->text(piece);
            inside = !piece.ends_document;
        }
    }
    EXPECT_FALSE(inside);
    return found;
}

}  // namespace

TEST(DocumentReader, ATextFileIsOneDocumentWithUnchangedBytes) {
    TestFolder folder;
    std::string text = "caf\xc3\xa9 \x01 strange bytes\r\nand all\n";
    write_file(folder / "x.txt", text);
    EXPECT_EQ(read_documents((folder / "x.txt").string()), Documents{text});
}

TEST(DocumentReader, FilesWithZeroBytesAreRejected) {
    TestFolder folder;
    write_file(folder / "model.bin", std::string(3 << 20, 'x') + '\0');
    std::string message = error_of([&] { read_documents((folder / "model.bin").string()); });
    EXPECT_THAT(message, HasSubstr("model.bin: is not text"));
}

TEST(DocumentReader, AByteOrderMarkIsDropped) {
    TestFolder folder;
    write_file(folder / "x.txt", "\xef\xbb\xbf<|endoftext|>\none\n<|endoftext|>\n\xef\xbb\xbftwo");
    EXPECT_EQ(read_documents((folder / "x.txt").string()), (Documents{"one", "two"}));
}

TEST(DocumentReader, NonTextFilesAreRejectedWithARemedy) {
    TestFolder folder;
    std::string utf16_bare;
    for (char c : std::string_view("A text that was saved on Windows.\r\n")) utf16_bare += {c, '\0'};
    const std::pair<std::string, const char*> cases[] = {
        {utf16_bare, "looks like UTF-16"},
        {std::string("\0A\0 \0c\0a\0t", 10), "looks like UTF-16BE: convert it to UTF-8 (iconv -f UTF-16BE"},
        {std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16), "a PNG image, not text: exclude it"},
        {std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10), "gzip data, not text: decompress it first"},
        {std::string("\x28\xb5\x2f\xfd\x20\0", 6), "zstd data"},
        {std::string("\xfd\x37\x7a\x58\x5a\0\0\x04", 8), "xz data"},
        {"PK\x03\x04\x14\xff\xff", "a zip archive"},
        {"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF"},
        {"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0", "is not UTF-8 text"},  // windows-1251
    };
    for (const auto& [bytes, reason] : cases)
        for (const char* name : {"x.txt", "x.jsonl"}) {
            write_file(folder / name, bytes);
            std::string path = (folder / name).string(), message = error_of([&] { read_documents(path); });
            EXPECT_THAT(message, StartsWith(path + ": "));
            EXPECT_THAT(message, HasSubstr(reason));
        }
}

TEST(DocumentReader, InvalidUtf8IsReportedWithItsLineAndOffset) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), mostly((size_t{1} << 20) - 1, 'x');
    write_file(path, mostly + "\xc3\xa9\nand\nthe \xe9 broken");  // the first character spans two reads
    EXPECT_EQ(error_of([&] { read_documents(path); }),
              fmt::format("{}:3: not valid UTF-8 at byte {} (0xe9)", path, mostly.size() + 11));
    write_file(path, mostly + "\xc3\xa9 and all");
    EXPECT_EQ(read_documents(path).size(), 1u);
    write_file(path, "\xef\xbb\xbf the \xe9");
    EXPECT_THAT(error_of([&] { read_documents(path); }), HasSubstr("x.txt:1: not valid UTF-8 at byte 8 (0xe9)"));
}

TEST(DocumentReader, ReadingGoesOnBehindWhatCannotBeRead) {
    TestFolder folder;
    auto file = [&](const char* name, std::string_view content) {
        write_file(folder / name, content);
        return (folder / name).string();
    };
    std::string long_text = some_text(1, 30000);
    Found found =
        read_all({file("a.txt", "one\ntw\xf6\nthree\n<|endoftext|>\nfour"),
                  file("b.png", std::string_view("\x89PNG\r\n\x1a\n\0\0", 10)),
                  file("c.json", R"([{"text": "five"}, {"text": "six"}} , 7])"), file("d.txt", long_text + '\0'),
                  file("e.txt", ""), file("f.jsonl", "{\"text\": \"eight\"}\n")},
                 {.piece_bytes = 10000});
    ASSERT_EQ(found.documents.size(), 5u);
    EXPECT_EQ(found.documents[0], "one\nthree");
    EXPECT_EQ(found.documents[1], "four");
    EXPECT_EQ(found.documents[2], R"({"text": "five"})");
    EXPECT_EQ(found.documents[3], R"({"text": "six"})");
    EXPECT_EQ(found.documents[4], "{\"text\": \"eight\"}");
    ASSERT_EQ(found.bad.size(), 5u);
    const char* reasons[] = {"a.txt:2: not valid UTF-8 at byte 6", "b.png: is a PNG image",
                             "c.json:1: not valid JSON: expected ',' or ']'", "d.txt: is not text: it contains a zero",
                             "e.txt: contains no documents"};
    for (size_t i = 0; i < 5; ++i) EXPECT_THAT(found.bad[i], HasSubstr(reasons[i]));
}

TEST(DocumentReader, ALongTextThatTurnsBinaryIsADocumentUpToThere) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), begin = some_text(1, 120000);
    ASSERT_GT(begin.size(), size_t{3} << 20);
    write_file(path, begin + '\0' + begin);
    write_file(folder / "y.txt", "next");
    Found found = read_all({path, (folder / "y.txt").string()}, {.piece_bytes = 100000});
    ASSERT_EQ(found.documents.size(), 2u);
    EXPECT_TRUE(begin.starts_with(found.documents[0]));
    EXPECT_GT(found.documents[0].size(), size_t{1} << 20);
    EXPECT_EQ(found.documents[1], "next");
}

TEST(DocumentReader, AFileOfAnotherEncodingIsConvertedWhereItIsNamed) {
    TestFolder folder;
    write_file(folder / "latin.txt", "caf\xe9 \x80\n");
    write_file(folder / "latin.jsonl", "{\"text\": \"caf\xe9\"}\n");
    ReadOptions options{.encoding = "windows-1252"};
    EXPECT_EQ(read_documents((folder / "latin.txt").string(), options), Documents{"caf\u00e9 \u20ac\n"});
    EXPECT_EQ(read_documents((folder / "latin.jsonl").string(), options), Documents{"{\"text\": \"caf\u00e9\"}"});
    write_file(folder / "bad.txt",
               "caf\xe9\nun\x81"
               "defined\n\x9d"
               "one\n");
    Found found = read_all({(folder / "bad.txt").string()}, options);
    EXPECT_EQ(found.documents, Documents{"caf\u00e9\n"});
    ASSERT_EQ(found.bad.size(), 2u);
    EXPECT_THAT(found.bad[1], HasSubstr("bad.txt:3: not valid windows-1252"));
}

TEST(DocumentReader, Utf8ThatIsReadAsAnotherEncodingIsNoted) {
    TestFolder folder;
    for (const auto& [text, noted] : {std::pair("caf\xc3\xa9", true), {"caf\xe9", false}, {"cafe", false}}) {
        write_file(folder / "x.txt", text);
        testing::internal::CaptureStderr();
        read_documents((folder / "x.txt").string(), {.encoding = "latin1"});
        std::string logged = testing::internal::GetCapturedStderr();
        EXPECT_EQ(logged.find("its bytes are valid UTF-8") != logged.npos, noted) << text;
    }
}

TEST(DocumentReader, ConversionByAByteOrderMarkIsLogged) {
    TestFolder folder;
    write_file(folder / "x.txt", std::string_view("\xff\xfe"
                                                  "c\0a\0t\0",
                                                  8));
    for (bool log : {true, false}) {
        testing::internal::CaptureStderr();
        EXPECT_EQ(read_documents((folder / "x.txt").string(), {.log = log}), Documents{"cat"});
        std::string logged = testing::internal::GetCapturedStderr();
        EXPECT_EQ(logged.find("x.txt: converted from UTF-16LE, by its byte order mark") != logged.npos, log) << logged;
    }
}

TEST(DocumentReader, SeparatorLinesSplitDocuments) {
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

TEST(DocumentReader, LongTextsAreSplitIntoPiecesWithoutLoss) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), first = some_text(1, 90000), second = some_text(2, 3),
                third(3 << 20, 'x');
    write_file(path, first + "\n<|endoftext|>\n" + second + "\n<|endoftext|>\n" + third);
    ReadOptions options{.batch_bytes = 1 << 20, .piece_bytes = 10000, .max_record = 1 << 20};
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

TEST(DocumentReader, NoTokenSpansTwoPieces) {
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

TEST(DocumentReader, SeparatorsAreFoundAcrossReads) {
    TestFolder folder;
    std::string path = (folder / "x.txt").string(), one = some_text(1, 1);
    for (size_t shift = 0; shift < 20; ++shift) {  // the read buffer ends inside the separator
        std::string first((size_t{1} << 20) - shift, 'x');
        write_file(path, first + "\n<|endoftext|>\n" + one);
        ASSERT_EQ(read_documents(path, {.piece_bytes = 50000}), (Documents{first, one})) << shift;
    }
}

TEST(DocumentReader, EachJsonlLineIsADocument) {
    TestFolder folder;
    std::string path = (folder / "x.jsonl").string();
    write_file(path, "\xef\xbb\xbf{\"a\": 1}\r\n\n  \n{\"b\": 2}");
    EXPECT_EQ(read_documents(path), (Documents{"{\"a\": 1}\r", "{\"b\": 2}"}));
    DocumentReader reader(find_input_files({path}), {});
    std::optional<PieceBatch> batch = reader.next();
    EXPECT_EQ(batch->pieces[0].line, 1);
    EXPECT_EQ(batch->pieces[1].line, 4);
}

TEST(DocumentReader, AnOverlongLineIsRejectedBeforeItFillsMemory) {
    TestFolder folder;
    write_file(folder / "x.jsonl", "{}\n{\"text\": \"" + std::string(5 << 20, 'x'));
    std::string message = error_of([&] { read_documents((folder / "x.jsonl").string(), {.max_record = 2 << 20}); });
    EXPECT_THAT(message, HasSubstr("x.jsonl:2: the line is longer than 2 MiB"));
}

TEST(DocumentReader, EachItemOfAJsonArrayIsADocument) {
    TestFolder folder;
    std::string path = (folder / "x.json").string();
    write_file(path, "\xef\xbb\xbf[ {\"a\": 1},\n  {\"b\": [2]} ,\n\"three\"]\n");
    EXPECT_EQ(read_documents(path), (Documents{"{\"a\": 1}", "{\"b\": [2]}", "\"three\""}));
    DocumentReader reader(find_input_files({path}), {});
    std::optional<PieceBatch> batch = reader.next();
    EXPECT_EQ(place_of(batch->pieces[0], reader.files()[0]), path + "[0]");
    EXPECT_EQ(place_of(batch->pieces[2], reader.files()[0]), path + "[2] (line 3)");
    write_file(path, "{\"text\": \"one\"}");
    EXPECT_EQ(read_documents(path), Documents{"{\"text\": \"one\"}"});
    write_file(path, "<html>");
    EXPECT_THAT(error_of([&] { read_documents(path); }), HasSubstr("is an HTML page"));
    write_file(path, "[]");
    EXPECT_THAT(error_of([&] { read_documents(path); }), HasSubstr("contains no documents"));
}

// 60 MB of documents that are one array: at most a batch and a document of them is in memory.
TEST(DocumentReader, ALargeJsonFileIsReadInBoundedMemory) {
    TestFolder folder;
    std::string path = (folder / "x.json").string();
    {
        std::string item = "{\"text\": \"" + std::string(100'000, 'x') + "\"}", all = "[";
        for (int i = 0; i < 600; ++i) all += (i > 0 ? ",\n" : "") + item;
        write_file(path, all + "]");
    }
    DocumentReader reader(find_input_files({path}), {.batch_bytes = 2 << 20});
    size_t documents = 0;
    while (std::optional<PieceBatch> batch = reader.next()) {
        documents += batch->pieces.size();
        EXPECT_LE(batch->bytes.capacity(), size_t{8} << 20);
    }
    EXPECT_EQ(documents, 600u);
}

TEST(DocumentReader, ADocumentThatIsTooLongForMemoryIsRejected) {
    TestFolder folder;
    std::string path = (folder / "x.json").string();
    write_file(path, "[{},\n{\"text\": \"" + std::string(5 << 20, 'x'));
    EXPECT_EQ(error_of([&] { read_documents(path, {.max_record = 2 << 20}); }),
              path + ": a document behind " + path + "[0] is longer than 2 MiB");
}

TEST(InputFiles, AFolderIsListedRecursivelyInOrder) {
    TestFolder folder;
    for (const char* sub : {"b", "a/deep", ".git"}) make_folder(folder / sub);
    for (const char* name : {"b/x.txt", "a/z.jsonl.gz", "a/deep/y.md", "c.txt.zst", ".hidden", ".git/config"})
        write_file(folder / name, "x");
    std::vector<std::string> found;
    for (const InputFile& file : find_input_files({folder.path().string()}))
        found.push_back(file.path.lexically_relative(folder.path()).string() + (file.is_text() ? "" : "*"));
    EXPECT_EQ(found, (std::vector<std::string>{"a/deep/y.md", "a/z.jsonl.gz*", "b/x.txt", "c.txt.zst"}));
}

namespace {

// The files below a folder, as relative paths, and what was logged.
std::pair<std::vector<std::string>, std::string> files_below(const TestFolder& folder) {
    std::vector<std::string> found;
    testing::internal::CaptureStderr();
    for (const InputFile& file : find_input_files({folder.path().string()}))
        found.push_back(file.path.lexically_relative(folder.path()).string());
    return {found, testing::internal::GetCapturedStderr()};
}

}  // namespace

TEST(InputFiles, LinksAreFollowedAndEachFileIsReadOnce) {
    TestFolder folder, elsewhere;
    make_folder(folder / "b");
    write_file(folder / "b/x.txt", "x");
    write_file(elsewhere / "y.txt", "y");
    namespace fs = std::filesystem;
    fs::create_directory_symlink(elsewhere.path(), folder / "a");
    EXPECT_EQ(files_below(folder), (std::pair<std::vector<std::string>, std::string>({"a/y.txt", "b/x.txt"}, "")));
    fs::create_directory_symlink("..", folder / "b/around");
    fs::create_symlink("b/x.txt", folder / "again.txt");
    fs::create_hard_link(elsewhere / "y.txt", elsewhere / "z.txt");
    auto [found, logged] = files_below(folder);
    EXPECT_EQ(found, (std::vector<std::string>{"a/y.txt", "b/x.txt"}));
    for (const char* line : {"b/around: same as", "again.txt: same as", "a/z.txt: same as"})
        EXPECT_THAT(logged, HasSubstr(line));
    fs::create_symlink("nowhere", folder / "lost.txt");
    EXPECT_THAT(error_of([&] { find_input_files({folder.path().string()}); }),
                HasSubstr("lost.txt: cannot open the target of this link"));
}

TEST(InputFiles, AFileListedTwiceIsReadTwiceAndReported) {
    TestFolder folder;
    write_file(folder / "x.txt", "x");
    testing::internal::CaptureStderr();
    EXPECT_EQ(find_input_files({(folder / "x.txt").string(), folder.path().string()}).size(), 2u);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("x.txt: listed more than once"));
}

TEST(InputFiles, TheFormatIsThatOfTheExtension) {
    for (const auto& [name, format] : {std::pair("x.json", InputFormat::json),
                                       {"x.JSON.gz", InputFormat::json},
                                       {"x.jsonl", InputFormat::jsonl},
                                       {"x.ndjson.zst", InputFormat::jsonl},
                                       {"x.txt", InputFormat::text},
                                       {"json", InputFormat::text}})
        EXPECT_EQ(format_of(name), format) << name;
}

TEST(InputFiles, ADanglingLinkCanBeSkipped) {
    TestFolder folder;
    write_file(folder / "x.txt", "x");
    std::filesystem::create_symlink("nowhere", folder / "lost.txt");
    BadInputs bad(true);
    testing::internal::CaptureStderr();
    EXPECT_EQ(find_input_files({folder.path().string()}, bad).size(), 1u);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("skipped: "));
    EXPECT_EQ(bad.skipped().files, 1);
}

TEST(InputFiles, MissingFilesAreReportedByName) {
    TestFolder folder;
    EXPECT_EQ(error_of([&] { find_input_files({"no/such"}); }), "no/such: cannot open: No such file or directory");
    EXPECT_THAT(error_of([&] { find_input_files({folder.path().string()}); }),
                HasSubstr("the folder contains no files"));
}

}  // namespace puna
