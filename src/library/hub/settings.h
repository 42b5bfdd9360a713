// library/hub/settings.h — where the hub is, what opens it, and where its cache lies: the variables of Hugging Face's
// own tools, so that they and puna agree.
//
//   HubOptions options;                                 // of flags; empty ones are those of the environment
//   HubSettings hub = hub_settings(options);
//
//  HF_ENDPOINT                    instead of https://huggingface.co
//  HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file HF_TOKEN_PATH or HF_HOME/token; none with HF_HUB_DISABLE_IMPLICIT_TOKEN
//  HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub
//  HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE                       1, ON, YES or TRUE: no request is made
//  HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT               seconds without data of a download, of another request
//
// And for tests PUNA_HUB_ATTEMPTS, the number of attempts at a request.
// Source: huggingface_hub, constants.py and utils/_auth.py.
#pragma once
#include "core/fields.h"
#include "net/http.h"
#include "net/retry.h"

#include <filesystem>
#include <string>

namespace puna {

struct HubOptions {
    std::string endpoint, token, cache;
};
template <class F>
void access_fields(HubOptions& o, F field) {
    field.group("Hub");
    field("endpoint", o.endpoint, "address of the hub", {.word = "URL", .unset = "HF_ENDPOINT, else huggingface.co"});
    field("token", o.token, "access token; other users see it in the list of processes, HF_TOKEN they do not",
          {.word = "TOKEN", .unset = "HF_TOKEN, else what 'hf auth login' saved"});
}
template <class F>
void fields(HubOptions& o, F field) {
    access_fields(o, field);
    field("cache", o.cache, "folder of downloaded models, in the layout of Hugging Face's tools",
          {.word = "FOLDER", .unset = "HF_HUB_CACHE, else ~/.cache/huggingface/hub"});
}

struct HubSettings {
    std::string endpoint = "https://huggingface.co";  // without a slash at its end
    std::string token = {};                           // empty: none
    std::filesystem::path cache = {};
    bool offline = false;
    double request_stall_seconds = 30;  // of requests that are no downloads
    HttpOptions http = {};
    RetryOptions retry = {};
};

HubSettings hub_settings(const HubOptions& options = {});
std::filesystem::path hub_cache_folder();  // by the environment

std::filesystem::path home_folder();                       // $HOME, else the user's; throws Error if there is none
std::filesystem::path expand_home(std::string_view path);  // of "~/models"
std::filesystem::path xdg_folder(const char* variable, const char* fallback);  // "XDG_CACHE_HOME", ".cache"

}  // namespace puna
