# embed_page(OUT_SOURCES PAGE NAME HEADER): the page web/PAGE with its styles and scripts in it, as the string_view puna::NAME
# that src/HEADER declares. Its source is generated when one of the files changes, and appended to OUT_SOURCES.
#
# Run as a script (cmake -P), this file generates that source.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(PAGES_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

  function(embed_page out_sources page name header)
    set(web ${CMAKE_SOURCE_DIR}/web)
    set(output ${CMAKE_CURRENT_BINARY_DIR}/web/${name}.cpp)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${web}/*)
    add_custom_command(OUTPUT ${output} DEPENDS ${PAGES_SCRIPT} ${files} VERBATIM
      COMMAND ${CMAKE_COMMAND} -D PAGE=${web}/${page} -D NAME=${name} -D HEADER=${header} -D OUTPUT=${output} -P ${PAGES_SCRIPT})
    set(${out_sources} ${${out_sources}} ${output} PARENT_SCOPE)
  endfunction()
  return()
endif()

# Replaces each match of a tag by an element with the contents of the file that it names in the second group.
function(inline_files text pattern element)
  set(page "${${text}}")
  get_filename_component(folder ${PAGE} DIRECTORY)
  string(REGEX MATCHALL "${pattern}" tags "${page}")
  foreach(tag IN LISTS tags)
    string(REGEX MATCH "${pattern}" _ "${tag}")
    set(attributes "${CMAKE_MATCH_1}")
    file(READ ${folder}/${CMAKE_MATCH_2} contents)
    if(contents MATCHES "</${element}")
      message(FATAL_ERROR "${CMAKE_MATCH_2}: contains </${element}, which would end its element in ${PAGE}")
    endif()
    string(REPLACE "${tag}" "<${element}${attributes}>\n${contents}\n</${element}>" page "${page}")
  endforeach()
  set(${text} "${page}" PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
inline_files(page "<link rel=\"stylesheet\"( [^>]*)? href=\"([^\"]+)\">" style)
inline_files(page "<script( [^>]*)? src=\"([^\"]+)\"></script>" script)
if(page MATCHES "\\)page\"")
  message(FATAL_ERROR "${PAGE}: contains )page\", which would end the string in ${OUTPUT}")
endif()
get_filename_component(name ${PAGE} NAME)
file(WRITE ${OUTPUT} "// generated from web/${name}\n#include \"${HEADER}\"\n\nnamespace puna {\n\n"
  "constexpr std::string_view text = R\"page(${page})page\";\nconst std::string_view ${NAME} = text;\n\n}  // namespace puna\n")
