# What Garner links. deploy/setup.sh installs all of it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(protobuf_c REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(fyaml REQUIRED IMPORTED_TARGET libfyaml)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(yyjson REQUIRED IMPORTED_TARGET yyjson)
pkg_check_modules(libxml2 REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(pq REQUIRED IMPORTED_TARGET libpq)
find_package(roaring REQUIRED)
pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
find_program(PROTOC_C protoc-c REQUIRED)

# msgpack-c's library has another name on Debian 13 than on 12, and its pkg-config file there a wrong path.
find_path(MSGPACK_INCLUDE msgpack.h REQUIRED)
find_library(MSGPACK_LIBRARY NAMES msgpack-c msgpackc REQUIRED)
add_library(msgpack UNKNOWN IMPORTED)
set_target_properties(msgpack PROPERTIES
    IMPORTED_LOCATION ${MSGPACK_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MSGPACK_INCLUDE})

# NNG comes without a pkg-config file.
find_path(NNG_INCLUDE nng/nng.h REQUIRED)
find_library(NNG_LIBRARY nng REQUIRED)
add_library(nng UNKNOWN IMPORTED)
set_target_properties(nng PROPERTIES
    IMPORTED_LOCATION ${NNG_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${NNG_INCLUDE})
