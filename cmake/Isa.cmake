# add_isa_source(LAYER FILE FLAG...): a source compiled for more instructions than the rest. Such a file
# exports one symbol; the headers it includes hold static inline functions only (docs/add-a-kernel.md).
function(add_isa_source layer file)
  target_sources(layer_${layer} PRIVATE ${file})
  set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()
