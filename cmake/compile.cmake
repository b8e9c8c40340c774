# How everything of ours is compiled, and the two functions that declare what there is.

set(GARNER_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined")

add_library(garner_compile INTERFACE)
target_include_directories(garner_compile INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_definitions(garner_compile INTERFACE _GNU_SOURCE GARNER_VERSION="${PROJECT_VERSION}")
target_compile_options(garner_compile INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
    -Wformat=2 -Wvla -Wundef -fno-strict-aliasing -fno-common)
if(GARNER_SANITIZE)
    target_compile_options(garner_compile INTERFACE
        -fsanitize=${GARNER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
    target_link_options(garner_compile INTERFACE -fsanitize=${GARNER_SANITIZE})
endif()

# garner_library(NAME SOURCES a.c b.c LINK other libraries)
function(garner_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    if(NOT ARG_SOURCES)
        add_library(${name} INTERFACE)
        return()
    endif()
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC garner_compile ${ARG_LINK})
endfunction()

# garner_test(NAME SOURCES a.c LINK libraries [TIMEOUT seconds]): a cmocka program that ctest runs.
function(garner_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE garner_compile ${ARG_LINK} PkgConfig::cmocka)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT $<IF:$<BOOL:${ARG_TIMEOUT}>,${ARG_TIMEOUT},120>)
endfunction()
