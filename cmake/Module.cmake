# firstring_module(NAME [DEPENDS module...] [LIBRARIES target...] [TEST_DEPENDS module...] [CONTRACTS module...]
#                  [SEPARATE] [SEPARATE_TESTS])
#
# One static library firstring_NAME from src/NAME/*.cpp; a NAME like vendor/cisco makes firstring_vendor_cisco. Beside the sources, by their ending:
#   x_test.cpp   unit tests, all in one program NAME_test that ctest runs
#   x_fuzz.cpp   one libFuzzer program x_fuzz each
#   x_contract.cpp   tests of an interface, which run in the NAME_test of each module that implements it and says CONTRACTS
# DEPENDS names the modules whose headers this one may include, TEST_DEPENDS those that its x_test.cpp may besides. With FIRSTRING_UNITY, several sources go to the compiler
# in one go, which then reads heavy headers once; SEPARATE sources use one name for several things, so that they cannot.
function(firstring_module name)
  string(REPLACE "/" "_" name ${name})
  cmake_parse_arguments(arg "SEPARATE;SEPARATE_TESTS" "" "DEPENDS;LIBRARIES;TEST_DEPENDS;CONTRACTS" ${ARGN})
  file(GLOB all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${all})
  set(fuzzers ${all})
  set(contracts ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER contracts INCLUDE REGEX "_contract\\.cpp$")
  list(FILTER all EXCLUDE REGEX "_(test|fuzz|contract)\\.cpp$")

  if(NOT all)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp "")
    set(all ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  endif()
  add_library(firstring_${name} STATIC ${all})
  target_include_directories(firstring_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_DEPENDS REPLACE "/" "_")
  list(TRANSFORM arg_DEPENDS PREPEND firstring_)
  target_link_libraries(firstring_${name} PUBLIC ${arg_DEPENDS} ${arg_LIBRARIES})
  if(FIRSTRING_UNITY AND NOT arg_SEPARATE)
    set_target_properties(firstring_${name} PROPERTIES UNITY_BUILD ON)
  endif()

  if(FIRSTRING_TESTS AND contracts)
    # Objects, since nothing refers to a test and a linker would leave it out of an archive.
    add_library(${name}_contracts OBJECT ${contracts})
    target_link_libraries(${name}_contracts PUBLIC firstring_${name} GTest::gtest GTest::gmock ${RAPIDCHECK_LIBRARY})
  endif()
  if(FIRSTRING_TESTS AND tests)
    list(TRANSFORM arg_TEST_DEPENDS PREPEND firstring_)
    list(TRANSFORM arg_CONTRACTS APPEND _contracts)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE firstring_${name} ${arg_TEST_DEPENDS} ${arg_CONTRACTS}
      GTest::gtest GTest::gmock GTest::gtest_main ${RAPIDCHECK_LIBRARY})
    target_compile_definitions(${name}_test PRIVATE FIRSTRING_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name}_test)
    if(FIRSTRING_UNITY AND NOT arg_SEPARATE_TESTS)
      set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON)
    endif()
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
