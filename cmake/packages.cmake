# Libraries; tools/packages lists their Debian packages.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_package(ZLIB REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
find_package(CLI11 REQUIRED)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(MPI COMPONENTS C)              # C interface only: MPI's C++ bindings were removed
if(PUNA_TESTS)
  find_package(GTest REQUIRED)
  pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
  include(GoogleTest)
endif()

# Libraries of each module, in addition to the modules that it includes. CLI11, JSON and logging headers are included by .cpp
# files only.
set(PACKAGES_core fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json PkgConfig::XXHASH Threads::Threads)
set(PACKAGES_library OpenSSL::Crypto PkgConfig::YAML)
set(PACKAGES_net CURL::libcurl)
set(PACKAGES_data ZLIB::ZLIB PkgConfig::ZSTD)
set(PACKAGES_train nlohmann_json::nlohmann_json)
set(PACKAGES_cli CLI11::CLI11 PkgConfig::UTF8PROC)
# What a module's tests compare with.
set(TEST_PACKAGES_tokenizer PkgConfig::SENTENCEPIECE)
if(MPI_C_FOUND)
  set(PACKAGES_comm MPI::MPI_C)
endif()
