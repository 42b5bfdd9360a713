#include "library/hub/cache.h"

#include "core/atomic_file.h"
#include "core/mapped_file.h"
#include "core/test_error.h"
#include "core/test_folder.h"
#include "library/hub/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace puna {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

const std::string commit(40, 'a'), other(40, 'b');
const ContentId id{std::string(64, '1')};

// Environment variables for the duration of a test.
class Environment {
 public:
    ~Environment() {
        for (const auto& [name, value] : old_)
            value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
    void set(const std::string& name, const char* value) {
        const char* before = std::getenv(name.c_str());
        old_.insert(old_.begin(), {name, before ? std::optional<std::string>(before) : std::nullopt});
        value ? ::setenv(name.c_str(), value, 1) : ::unsetenv(name.c_str());
    }

 private:
    std::vector<std::pair<std::string, std::optional<std::string>>> old_;
};

TEST(HubCache, FilesAreRelativeLinksToBlobs) {
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.create();
    write_file(repository.blob(id), "content");
    repository.link(commit, "config.json", id, true);
    repository.link(commit, "a/b/c.json", id, true);
    repository.link(commit, "config.json", id, false);
    fs::path snapshot = folder / "models--o--n/snapshots" / commit;
    EXPECT_EQ(repository.snapshot(commit), snapshot);
    EXPECT_EQ(fs::read_symlink(snapshot / "config.json"), "../../blobs/" + id.hex);
    EXPECT_EQ(fs::read_symlink(snapshot / "a/b/c.json"), "../../../../blobs/" + id.hex);
    std::vector<CachedFile> files = repository.files(commit);
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(files[0].path, "a/b/c.json");
    EXPECT_EQ(files[1].bytes, 7);
}

TEST(HubCache, ALinkThatLeadsNowhereOrElsewhereIsReplaced) {
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.create();
    write_file(repository.blob(id), "content");
    fs::path link = repository.snapshot(commit) / "x";
    fs::create_directories(link.parent_path());
    fs::create_symlink("../../blobs/gone", link);
    EXPECT_TRUE(repository.files(commit).empty());
    repository.link(commit, "x", id, false);
    EXPECT_EQ(read_text(link), "content");
    EXPECT_THAT(TestFolder().names(), ElementsAre());
}

TEST(HubCache, WithoutLinksFilesAreMovedOrCopied) {
    Environment environment;
    environment.set("HF_HUB_DISABLE_SYMLINKS", "1");
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.create();
    write_file(repository.blob(id), "content");
    repository.link(commit, "copied", id, false);
    EXPECT_TRUE(file_exists(repository.blob(id)));
    repository.link(commit, "moved", id, true);
    EXPECT_FALSE(file_exists(repository.blob(id)));
    for (const char* name : {"copied", "moved"}) {
        EXPECT_FALSE(fs::is_symlink(repository.snapshot(commit) / name));
        EXPECT_EQ(read_text(repository.snapshot(commit) / name), "content");
    }
}

TEST(HubCache, RefsAreFortyDigits) {
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.create();
    EXPECT_FALSE(repository.commit_of("main"));
    repository.write_ref("main", commit);
    repository.write_ref("refs/pr/1", other);
    repository.write_ref(commit, commit);
    EXPECT_EQ(read_text(folder / "models--o--n/refs/main"), commit);
    EXPECT_EQ(repository.commit_of("refs/pr/1"), other);
    EXPECT_EQ(repository.commit_of(other), other);
    EXPECT_THAT(repository.refs(), ElementsAre("main", "refs/pr/1"));
    repository.write_ref("main", other);
    EXPECT_EQ(repository.commit_of("main"), other);
    write_file(folder / "models--o--n/refs/main", commit + "\n");  // a tool that writes lines
    EXPECT_EQ(repository.commit_of("main"), commit);
    for (const std::string& text : {std::string(), std::string("x"), commit + "0", std::string(1000, 'a')}) {
        write_file(folder / "models--o--n/refs/main", text);
        EXPECT_FALSE(repository.commit_of("main")) << text;
    }
    EXPECT_FALSE(repository.commit_of("../../../etc/passwd"));
}

TEST(HubCache, ANameStandsForMainOrTheOnlyCommit) {
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.create();
    EXPECT_FALSE(repository.default_commit());
    fs::create_directories(repository.snapshot(commit));
    EXPECT_EQ(repository.default_commit(), commit);
    fs::create_directories(repository.snapshot(other));
    EXPECT_FALSE(repository.default_commit());
    repository.write_ref("v1", other);
    EXPECT_EQ(repository.default_commit(), other);
    repository.write_ref("main", commit);
    EXPECT_EQ(repository.default_commit(), commit);
    repository.write_ref("main", std::string(40, 'c'));  // its snapshot is gone
    EXPECT_EQ(repository.default_commit(), other);
}

TEST(HubCache, NothingLeadsOutOfIt) {
    TestFolder folder;
    HubCache cache(folder / "cache");
    EXPECT_EQ(error_kind_of([&] { cache.repository("../x"); }), ErrorKind::usage);
    CachedRepository repository = cache.repository("o/n");
    for (const char* path : {"../x", "/tmp/x", "a/../../x", ""}) {
        EXPECT_EQ(error_kind_of([&] { repository.link(commit, path, id, true); }), ErrorKind::denied) << path;
        EXPECT_EQ(error_kind_of([&] { repository.write_ref(path, commit); }), ErrorKind::denied) << path;
        EXPECT_EQ(error_kind_of([&] { repository.note_missing(commit, path); }), ErrorKind::denied) << path;
    }
    EXPECT_THAT(folder.names(), ElementsAre());
}

TEST(HubCache, MissingFilesAreNoted) {
    TestFolder folder;
    CachedRepository repository = HubCache(folder.path()).repository("o/n");
    repository.note_missing(commit, "a/b.json");
    EXPECT_TRUE(repository.is_missing(commit, "a/b.json"));
    EXPECT_FALSE(repository.is_missing(other, "a/b.json"));
    EXPECT_EQ(read_text(folder / "models--o--n/.no_exist" / commit / "a/b.json"), "");
}

TEST(HubCache, ListsRepositoriesAndCountsBlobsOnce) {
    TestFolder folder;
    HubCache cache(folder.path());
    for (const char* name : {"models--o--n", "datasets--o--d", ".locks", "models--gpt2"})
        fs::create_directory(folder / name);
    EXPECT_THAT(cache.repositories(), ElementsAre("o/n"));
    EXPECT_THAT(HubCache(folder / "none").repositories(), ElementsAre());
    CachedRepository repository = cache.repository("o/n");
    repository.create();
    write_file(repository.blob(id), std::string(100'000, 'x'));
    repository.link(commit, "a", id, true);
    repository.link(other, "b", id, true);
    EXPECT_NEAR(static_cast<double>(repository.bytes()), 1e5, 1e4);
}

TEST(HubSettings, FollowTheVariablesOfOtherTools) {
    TestFolder home;
    Environment environment;
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HF_ENDPOINT",
                             "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE",
                             "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_DOWNLOAD_TIMEOUT"})
        environment.set(name, nullptr);
    environment.set("HOME", home.path().c_str());
    EXPECT_EQ(hub_cache_folder(), home / ".cache/huggingface/hub");
    environment.set("XDG_CACHE_HOME", "/x");
    EXPECT_EQ(hub_cache_folder(), "/x/huggingface/hub");
    environment.set("HF_HOME", "~/hf");
    EXPECT_EQ(hub_cache_folder(), home / "hf/hub");
    fs::create_directory(home / "hf");
    write_file(home / "hf/token", " hf_saved\n");
    EXPECT_EQ(hub_settings().token, "hf_saved");
    environment.set("HUGGINGFACE_HUB_CACHE", "/old");
    EXPECT_EQ(hub_cache_folder(), "/old");
    environment.set("HF_HUB_CACHE", "/new");
    EXPECT_EQ(hub_cache_folder(), "/new");
    environment.set("HUGGING_FACE_HUB_TOKEN", "hf_old");
    EXPECT_EQ(hub_settings().token, "hf_old");
    environment.set("HF_TOKEN", "hf_new");
    EXPECT_EQ(hub_settings().token, "hf_new");
    EXPECT_EQ(hub_settings({.token = "hf_flag"}).token, "hf_flag");
    environment.set("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    EXPECT_EQ(hub_settings().token, "");
    EXPECT_EQ(hub_settings({.token = "hf_flag"}).token, "hf_flag");
    EXPECT_EQ(hub_settings().endpoint, "https://huggingface.co");
    environment.set("HF_ENDPOINT", "http://mirror:8080/hub/");
    EXPECT_EQ(hub_settings().endpoint, "http://mirror:8080/hub");
    EXPECT_EQ(hub_settings({.endpoint = "https://x.example"}).endpoint, "https://x.example");
    EXPECT_THROW(hub_settings({.endpoint = "file:///etc"}), Error);
    EXPECT_FALSE(hub_settings().offline);
    environment.set("TRANSFORMERS_OFFLINE", "yes");
    EXPECT_TRUE(hub_settings().offline);
    environment.set("HF_HUB_DOWNLOAD_TIMEOUT", "3");
    EXPECT_EQ(hub_settings().http.stall_seconds, 3);
}

}  // namespace
}  // namespace puna
