#include "library/names.h"

#include "core/atomic_file.h"
#include "core/json_text.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "net/test_http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace puna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

const std::string commit(40, 'a');

class Names : public testing::Test {
 protected:
    Names() {
        for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT", "HF_TOKEN", "XDG_CACHE_HOME", "LLAMA_CACHE"})
            ::unsetenv(name);
        ::setenv("HOME", home_.path().c_str(), 1);
        ::setenv("OLLAMA_MODELS", (home_ / "ollama").c_str(), 1);
        ::setenv("MODELS_PATH", (home_ / "docker").c_str(), 1);
        options_.hub.cache = home_ / "cache";
    }

    void add_to_cache(std::string_view name, std::initializer_list<const char*> files) {
        CachedRepository repository = HubCache(options_.hub.cache).repository(name);
        repository.create();
        fs::create_directories(repository.snapshot(commit));
        for (const char* file : files) write_file(repository.snapshot(commit) / file, "x");
        repository.write_ref("main", commit);
    }
    fs::path snapshot(std::string_view name) const {
        return HubCache(options_.hub.cache).repository(name).snapshot(commit);
    }

    TestFolder home_;
    ResolveOptions options_;
};

TEST_F(Names, WithoutHomeTheFolderOfTheUserIsTaken) {
    ::unsetenv("HOME");
    EXPECT_TRUE(home_folder().is_absolute());
    EXPECT_EQ(resolve_model("tests", options_), "tests");
}

TEST_F(Names, APathIsItself) {
    add_to_cache("o/n", {"config.json", "model.safetensors"});
    EXPECT_EQ(resolve_model(home_.path().string(), options_), home_.path());
    EXPECT_EQ(resolve_model("tests", options_), "tests");
}

TEST_F(Names, AModelInTheCacheIsFoundByItsName) {
    add_to_cache("o/folder", {"config.json", "model.safetensors"});
    add_to_cache("o/gguf", {"m-Q4_K_M.gguf", "m-Q8_0.gguf"});
    EXPECT_EQ(resolve_model("o/folder", options_), snapshot("o/folder"));
    EXPECT_EQ(resolve_model("hf.co/o/folder", options_), snapshot("o/folder"));
    EXPECT_EQ(resolve_model("o/gguf", options_), snapshot("o/gguf") / "m-Q4_K_M.gguf");
    EXPECT_EQ(resolve_model("o/gguf:q8_0", options_), snapshot("o/gguf") / "m-Q8_0.gguf");
    EXPECT_EQ(resolve_model("o/gguf:m-Q8_0.gguf", options_), snapshot("o/gguf") / "m-Q8_0.gguf");
}

TEST_F(Names, AModelOfAnotherProgramIsRunInPlace) {
    std::string digest(64, '1');
    fs::create_directories(home_ / "ollama/blobs");
    fs::create_directories(home_ / "ollama/manifests/registry.ollama.ai/library/llama3.2");
    write_file(home_ / ("ollama/blobs/sha256-" + digest), "GGUF");
    for (const char* tag : {"latest", "3b"})
        write_file(home_ / "ollama/manifests/registry.ollama.ai/library/llama3.2" / tag,
                   R"({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:)" + digest +
                       R"("}]})");
    for (const char* name : {"llama3.2:3b", "ollama/llama3.2:3b", "llama3.2", "ollama/llama3.2"})
        EXPECT_EQ(resolve_model(name, options_), home_ / ("ollama/blobs/sha256-" + digest)) << name;
}

TEST_F(Names, AnIncompleteModelIsNotHere) {
    add_to_cache("o/n", {"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors"});
    EXPECT_THAT(error_of([&] { resolve_model("o/n", options_); }), HasSubstr("'puna pull o/n' downloads it"));
}

TEST_F(Names, WhatIsNothingIsSaid) {
    auto error = [&](std::string_view name) { return error_of([&] { resolve_model(name, options_); }); };
    options_.hub.endpoint = "http://127.0.0.1:1";
    options_.ask = [](const PullPlan&) -> bool { throw std::logic_error("asked"); };
    for (const char* name : {"startr", "./o/n", "/o/n", "tests/nothing", "o/n/", "a/b/c", "o/n\n"})
        EXPECT_THAT(error(name), HasSubstr("no such file or folder, and no model of this name is here")) << name;
    options_.ask = {};
    EXPECT_THAT(error("o/n"), HasSubstr("'puna pull o/n' downloads it"));
}

TEST_F(Names, ANameOfTheHubIsPulledAfterOneQuestion) {
    std::string content = "{}", id = git_blob_id(content);
    TestHttpServer hub([&](const TestRequest& request) {
        if (request.path.starts_with("/api/models/o/n/revision/main"))
            return TestReply{
                text_answer("200 OK", R"({"id": "o/n", "sha": ")" + commit + R"(", "cardData": {"license": "mit"}})")};
        if (request.path.starts_with("/api/models/o/n/tree/")) {
            JsonList files;
            for (const char* path : {"config.json", "model.safetensors"})
                files.add(JsonObject{{"type", "file"}, {"path", path}, {"size", 2}, {"oid", id}});
            return TestReply{text_answer("200 OK", files.text())};
        }
        return TestReply{text_answer("200 OK", content)};
    });
    options_.hub.endpoint = hub.url("");
    int asked = 0;
    options_.ask = [&](const PullPlan& plan) {
        EXPECT_EQ(plan.name.repository, "o/n");
        EXPECT_EQ(plan.bytes_to_fetch, 4);
        EXPECT_EQ(plan.info.license, "mit");
        return ++asked > 1;
    };
    EXPECT_EQ(error_of([&] { resolve_model("o/n", options_); }), "o/n: is not here, and is not to be downloaded");
    EXPECT_FALSE(file_exists(snapshot("o/n")));
    EXPECT_EQ(resolve_model("o/n", options_), snapshot("o/n"));
    EXPECT_EQ(read_text(snapshot("o/n") / "config.json"), content);
    EXPECT_EQ(resolve_model("o/n", options_), snapshot("o/n"));
    EXPECT_EQ(asked, 2) << "it is here now";
}

}  // namespace
}  // namespace puna
