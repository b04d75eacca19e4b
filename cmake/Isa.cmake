# add_isa_source(LAYER FILE FLAG...): a source compiled for more instructions than the rest. Such a file
# exports one symbol; the headers it includes hold static inline functions only. Sanitizers leave these files alone:
# compiling them takes minutes then, and checkkernels has canaries and guard pages round every operand.
function(add_isa_source layer file)
  target_sources(layer_${layer} PRIVATE ${file})
  if(PARALLM_SANITIZE)
    list(APPEND ARGN -fno-sanitize=all)
  endif()
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()
