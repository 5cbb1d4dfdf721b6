add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # What GCC's words do not say either: its -Wconversion leaves signs alone in C++, and std::stable_sort of its library is
  # not deprecated to it.
  add_compile_options(-Wno-sign-conversion -Wno-deprecated-declarations)
endif()
add_compile_options(-fstack-protector-strong -fPIE)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-g1)
  if(NOT FIRSTRING_SANITIZE)
    add_compile_definitions(_FORTIFY_SOURCE=2)
  endif()
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # With sanitizers, clang compiles -O0 in half the time of its -O1, and what the tests run is mostly OpenSSL, which comes
  # compiled. GCC's -O0 is not worth it: its -O1 costs as much as clang's.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  else()
    set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  endif()
endif()
add_link_options(-pie -Wl,-z,relro,-z,now)

if(FIRSTRING_SANITIZE)
  add_compile_options(-fsanitize=${FIRSTRING_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FIRSTRING_SANITIZE})
  if(FIRSTRING_SANITIZE MATCHES "thread")
    # ThreadSanitizer does not know fences; Asio's locks are what orders its handlers.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(FIRSTRING_FUZZ)
  # Coverage everywhere, the fuzzer's main only in the fuzz targets; the runtime of the sanitizers has what the others link.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# An archive's absolute paths do not belong in binaries, and make ccache miss between checkouts.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()
