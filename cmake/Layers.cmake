# add_layer(NAME FILE...): one object library per layer of src/. The test tests/layers.py says who may
# include whom; objects of all layers make up libparallm, and tests link the objects themselves.
function(add_layer name)
  add_library(layer_${name} OBJECT ${ARGN})
  set_property(GLOBAL APPEND PROPERTY parallm_layers layer_${name})
endfunction()
