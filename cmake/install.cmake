# What `cmake --install FOLDER [--prefix PREFIX]` installs: the program, its manual page and its completion scripts where man
# and shells look for them, the license, the starter model and the recipes.
#
# Run as a script (cmake -P), this file writes what the program PUNA prints of itself into the folder OUTPUT.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  include(GNUInstallDirs)
  set(generated ${CMAKE_BINARY_DIR}/share)
  add_custom_command(TARGET puna POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -D PUNA=$<TARGET_FILE:puna> -D OUTPUT=${generated} -P ${CMAKE_CURRENT_LIST_FILE})
  install(TARGETS puna RUNTIME)
  install(FILES ${generated}/puna.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${generated}/puna.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME puna)
  install(FILES ${generated}/puna.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _puna)
  install(FILES ${generated}/puna.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(DIRECTORY models/starter DESTINATION ${CMAKE_INSTALL_DATADIR}/puna/models)
  install(DIRECTORY recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/puna FILES_MATCHING PATTERN *.toml PATTERN *.jsonl)
  return()
endif()

function(write_output name)
  execute_process(COMMAND ${PUNA} ${ARGN} OUTPUT_FILE ${OUTPUT}/${name} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
file(MAKE_DIRECTORY ${OUTPUT})
write_output(puna.1 man)
write_output(puna.bash completion bash)
write_output(puna.zsh completion zsh)
write_output(puna.fish completion fish)
