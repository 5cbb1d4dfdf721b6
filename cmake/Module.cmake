# firstring_module(NAME [DEPENDS module...] [LIBRARIES target...])
#
# One static library firstring_NAME from src/NAME/*.cpp. Beside the sources, by their ending:
#   x_test.cpp   unit tests, all in one program NAME_test that ctest runs
#   x_fuzz.cpp   one libFuzzer program x_fuzz each
# DEPENDS names the modules whose headers this one may include.
function(firstring_module name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${all})
  set(fuzzers ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_(test|fuzz)\\.cpp$")

  if(NOT all)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp "")
    set(all ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(firstring_${name} STATIC ${all})
  target_include_directories(firstring_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPENDS PREPEND firstring_)
  target_link_libraries(firstring_${name} PUBLIC ${arg_DEPENDS} ${arg_LIBRARIES})

  if(FIRSTRING_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE firstring_${name} GTest::gtest GTest::gmock GTest::gtest_main ${RAPIDCHECK_LIBRARY})
    target_compile_definitions(${name}_test PRIVATE FIRSTRING_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
  if(FIRSTRING_FUZZ)
    foreach(source IN LISTS fuzzers)
      get_filename_component(target ${source} NAME_WE)
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE firstring_${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
