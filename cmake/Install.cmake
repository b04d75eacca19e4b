# What `cmake --install` lays down. Everything may be moved afterwards: no installed file names the prefix.
if(SKBUILD) # a Python wheel: the library and its header beside the modules of python/parallm
  install(FILES $<TARGET_FILE:parallm> DESTINATION parallm COMPONENT python
      RENAME libparallm${CMAKE_SHARED_LIBRARY_SUFFIX})
  install(FILES include/parallm.h DESTINATION parallm COMPONENT python)
  return()
endif()

include(CMakePackageConfigHelpers)
install(TARGETS parallm EXPORT parallmTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(PARALLM_STATIC)
  install(TARGETS parallm_static EXPORT parallmTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(TARGETS parallm_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES include/parallm.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES README.md CONTRIBUTING.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
    FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN man EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
    FILES_MATCHING PATTERN "*.c" PATTERN "*.jsonl" PATTERN CMakeLists.txt)

# find_package(parallm): the target parallm::parallm. Before 1.0 a minor version may change the interface.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/parallm)
configure_package_config_file(cmake/parallmConfig.cmake.in ${CMAKE_BINARY_DIR}/parallmConfig.cmake
    INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/parallmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/parallmConfig.cmake ${CMAKE_BINARY_DIR}/parallmConfigVersion.cmake
    DESTINATION ${package})
install(EXPORT parallmTargets NAMESPACE parallm:: DESTINATION ${package})

# pkg-config parallm, and parallm-static. An absolute CMAKE_INSTALL_LIBDIR replaces the prefix, a relative one is put behind it.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
    OUTPUT_VARIABLE to_prefix)
cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
function(install_pc pc_name pc_libs)
  configure_file(cmake/parallm.pc.in ${CMAKE_BINARY_DIR}/${pc_name}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${pc_name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
install_pc(parallm "-L\${libdir} -lparallm")
if(PARALLM_STATIC)
  list(TRANSFORM static_needs PREPEND -l)
  list(JOIN static_needs " " static_needs)
  install_pc(parallm-static "\${libdir}/libparallm.a ${static_needs}")
endif()
