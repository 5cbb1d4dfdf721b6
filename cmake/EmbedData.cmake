# firstring_embed(TARGET NAMESPACE [BELOW FOLDER] GLOB...) puts files into the program, so that one binary is all there is
# to install. Gives `std::span<const EmbeddedFile> NAMESPACE::files()` (see base/embedded.hpp), ordered by path. A file's
# name is its path below FOLDER, or its name without folders.
function(firstring_embed target namespace)
  cmake_parse_arguments(arg "" "BELOW" "" ${ARGN})
  set(inputs)
  foreach(pattern IN LISTS arg_UNPARSED_ARGUMENTS)
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${pattern})
    list(APPEND inputs ${found})
  endforeach()
  list(SORT inputs)
  string(REPLACE "::" "_" symbol ${namespace})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded_${symbol}.cpp)
  set(body "#include \"base/embedded.hpp\"\n#include <array>\nnamespace ${namespace} {\nnamespace {\n")
  set(rows "")
  set(index 0)
  foreach(input IN LISTS inputs)
    if(arg_BELOW)
      file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR}/${arg_BELOW} ${input})
    else()
      get_filename_component(name ${input} NAME)
    endif()
    # .incbin costs the compiler nothing, however large the file is.
    string(APPEND body "extern \"C\" const char ${symbol}_${index}_begin[], ${symbol}_${index}_end[];\n"
      "__asm__(\".section .rodata\\n.global ${symbol}_${index}_begin\\n.global ${symbol}_${index}_end\\n\"\n"
      "        \"${symbol}_${index}_begin:\\n.incbin \\\"${input}\\\"\\n${symbol}_${index}_end:\\n.byte 0\\n.previous\\n\");\n")
    string(APPEND rows "      {\"${name}\", {${symbol}_${index}_begin, static_cast<std::size_t>(${symbol}_${index}_end - ${symbol}_${index}_begin)}},\n")
    math(EXPR index "${index}+1")
  endforeach()
  string(APPEND body "}  // namespace\nstd::span<const firstring::base::EmbeddedFile> files() {\n  static const std::array<firstring::base::EmbeddedFile, ${index}> all{{\n${rows}  }};\n  return all;\n}\n}  // namespace ${namespace}\n")
  file(CONFIGURE OUTPUT ${output} CONTENT "${body}" @ONLY)
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${inputs}")
  target_sources(${target} PRIVATE ${output})
endfunction()
