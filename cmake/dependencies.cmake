# What Garner links. deploy/setup.sh installs all of it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(protobuf_c REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(fyaml REQUIRED IMPORTED_TARGET libfyaml)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
find_package(yyjson REQUIRED)
find_package(roaring REQUIRED)
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
find_program(PROTOC_C protoc-c REQUIRED)

# Debian 12 names msgpack-c's files msgpack, 13 msgpack-c.
pkg_search_module(msgpack REQUIRED IMPORTED_TARGET msgpack-c msgpack)
