# Flags, and one function a kind of target, so that every folder is built the same way.

add_library(keelson_flags INTERFACE)
target_compile_options(keelson_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough
  # Fields left to their default in a designated initialiser are the point of one.
  -Wno-missing-field-initializers -Wno-missing-designated-field-initializers
  -fno-omit-frame-pointer -fstack-protector-strong -fvisibility=hidden)
target_include_directories(keelson_flags INTERFACE
  ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
# Boost from the system: no deprecated parts, and no warnings from its headers.
target_compile_definitions(keelson_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION _GNU_SOURCE)
target_link_options(keelson_flags INTERFACE -fuse-ld=lld -Wl,--gc-sections)
if(NOT KEELSON_SANITIZE)
  # In front of libc's: requests are made of many small objects and a few coroutine frames and
  # answers of kilobytes, with which glibc's allocator spends a third of the processor's time.
  find_library(MIMALLOC mimalloc REQUIRED)
  target_link_libraries(keelson_flags INTERFACE ${MIMALLOC})
endif()
if(KEELSON_SANITIZE)
  target_compile_options(keelson_flags INTERFACE
    -fsanitize=${KEELSON_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(keelson_flags INTERFACE -fsanitize=${KEELSON_SANITIZE})
endif()
if(KEELSON_FUZZ)
  target_compile_options(keelson_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The standard library and Boost.JSON, which nearly every file needs, parsed once.
add_library(keelson_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(keelson_pch PUBLIC keelson_flags Boost::headers)
target_precompile_headers(keelson_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
# ccache can only share objects made with a precompiled header that carries no time stamp.
target_compile_options(keelson_pch PRIVATE -Xclang -fno-pch-timestamp)

# keelson_library(NAME DEPS other libraries...): the folder's .cpp files (subfolders too, unless a
# subfolder has a CMakeLists.txt of its own) as a static library keelson_NAME.
function(keelson_library name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB_RECURSE sublists ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
  foreach(sublist ${sublists})
    get_filename_component(folder ${sublist} DIRECTORY)
    list(FILTER sources EXCLUDE REGEX "^${folder}/")
  endforeach()
  if(NOT sources)
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR} holds no .cpp file")
  endif()
  add_library(keelson_${name} STATIC ${sources})
  target_link_libraries(keelson_${name} PUBLIC keelson_flags ${ARG_DEPS})
  target_precompile_headers(keelson_${name} REUSE_FROM keelson_pch)
  target_compile_options(keelson_${name} PRIVATE -Xclang -fno-pch-timestamp)
endfunction()

# keelson_test(NAME DEPS ...): the folder's *_test.cpp files as one GoogleTest program NAME_test.
function(keelson_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR} holds no .cpp file")
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE keelson_flags ${ARG_DEPS}
    GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name}_test REUSE_FROM keelson_pch)
  target_compile_options(${name}_test PRIVATE -Xclang -fno-pch-timestamp)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
