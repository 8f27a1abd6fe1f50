# The package that find_package(duet) reads. Nothing in it names a folder of the build, so the prefix can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(duet_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/duet)
install(TARGETS duet EXPORT duetTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/duet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT duetTargets NAMESPACE duet:: DESTINATION ${duet_package_dir})

# A static library leaves linking its own needs to the program.
get_target_property(duet_type duet TYPE)
set(duet_dependencies "find_dependency(fmt)\n")
if(duet_type STREQUAL "STATIC_LIBRARY")
  string(APPEND duet_dependencies "find_dependency(Threads)\n")
  if(DUET_HAS_ZLIB)
    string(APPEND duet_dependencies "find_dependency(ZLIB)\n")
  endif()
endif()
configure_package_config_file(cmake/duetConfig.cmake.in ${PROJECT_BINARY_DIR}/duetConfig.cmake
                              INSTALL_DESTINATION ${duet_package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/duetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/duetConfig.cmake ${PROJECT_BINARY_DIR}/duetConfigVersion.cmake
        DESTINATION ${duet_package_dir})
