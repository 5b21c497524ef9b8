# SPDX-License-Identifier: Apache-2.0
#
# The kinds of target there are. Sources are globbed: a file that lies in the right folder is built,
# and CONFIGURE_DEPENDS makes the build look again each time.

# The headers of the standard library that much of simul includes. The tests always have them
# precompiled; the library and the programs only with SIMUL_PRECOMPILE, because there a file that lacks
# an include must be found: the presets without it, and the installation test, do that.
set(simul_standard_headers
    <algorithm> <chrono> <coroutine> <cstdint> <exception> <expected> <functional> <memory> <optional>
    <ranges> <stdexcept> <string> <string_view> <thread> <tuple> <utility> <variant> <vector>)

# simul_precompile(target [OWN]): the precompiled headers of simul_core for one more target, or its own
# ones, for a target that is compiled with other options.
function(simul_precompile target)
    if(NOT SIMUL_PRECOMPILE)
        return()
    endif()
    if(target STREQUAL "simul_core" OR "OWN" IN_LIST ARGN)
        target_precompile_headers(${target} PRIVATE ${simul_standard_headers})
    else()
        target_precompile_headers(${target} REUSE_FROM simul_core)
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # Without the time in it, a precompiled header made anew is the same one to ccache.
        target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
endfunction()

# simul_component(name LAYERS … [REQUIRES …] [PACKAGES …])
#
# One library, simul::<name>, of every source of the named layers, on top of the components it
# requires and of pkg-config packages. A component whose packages are missing, or that requires one
# which is disabled, is disabled with one message.
function(simul_component name)
    cmake_parse_arguments(PARSE_ARGV 1 component "" "" "LAYERS;REQUIRES;PACKAGES")
    set(sources)
    foreach(layer IN LISTS component_LAYERS)
        file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/*.cpp")
        list(APPEND sources ${found})
    endforeach()
    if(NOT sources)
        return()
    endif()
    foreach(required IN LISTS component_REQUIRES)
        if(NOT TARGET simul_${required})
            message(STATUS "simul: component ${name} is disabled: it requires ${required}")
            return()
        endif()
    endforeach()
    if(component_PACKAGES)
        pkg_check_modules(simul_${name} QUIET IMPORTED_TARGET ${component_PACKAGES})
        if(NOT simul_${name}_FOUND)
            list(JOIN component_PACKAGES ", " wanted)
            message(STATUS "simul: component ${name} is disabled: pkg-config must find ${wanted}")
            return()
        endif()
    endif()

    add_library(simul_${name} ${sources})
    add_library(simul::${name} ALIAS simul_${name})
    set_target_properties(
        simul_${name} PROPERTIES EXPORT_NAME ${name} OUTPUT_NAME simul-${name}
                                 VERSION ${PROJECT_VERSION} SOVERSION 0)
    target_compile_features(simul_${name} PUBLIC cxx_std_23)
    target_include_directories(
        simul_${name}
        PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
               "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
        PRIVATE "${PROJECT_SOURCE_DIR}/src")
    foreach(required IN LISTS component_REQUIRES)
        target_link_libraries(simul_${name} PUBLIC simul_${required})
    endforeach()
    if(component_PACKAGES)
        target_link_libraries(simul_${name} PRIVATE PkgConfig::simul_${name})
    endif()
    simul_warnings(simul_${name})
    simul_precompile(simul_${name})

    set_property(GLOBAL APPEND PROPERTY simul_components ${name})
    set_property(GLOBAL PROPERTY simul_${name}_layers ${component_LAYERS})
    set_property(GLOBAL PROPERTY simul_${name}_requires ${component_REQUIRES})
    set_property(GLOBAL PROPERTY simul_${name}_packages ${component_PACKAGES})
endfunction()

# Installs every component that was made: library, headers of its layers, CMake and pkg-config files.
function(simul_install_components)
    set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/simul")
    get_property(simul_components GLOBAL PROPERTY simul_components)
    foreach(name IN LISTS simul_components)
        foreach(what layers requires packages)
            get_property(${what} GLOBAL PROPERTY simul_${name}_${what})
        endforeach()
        install(TARGETS simul_${name} EXPORT simul_${name})
        install(EXPORT simul_${name} NAMESPACE simul:: DESTINATION "${folder}")
        foreach(layer IN LISTS layers)
            install(DIRECTORY "include/simul/${layer}"
                    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/simul"
                    FILES_MATCHING PATTERN "*.hpp")
        endforeach()

        string(APPEND simul_dependencies
               "set(simul_${name}_requires ${requires})\n"
               "set(simul_${name}_packages ${packages})\n")
        set(pc_name ${name})
        list(TRANSFORM requires PREPEND "simul-" OUTPUT_VARIABLE pc_requires)
        list(JOIN pc_requires " " pc_requires)
        list(JOIN packages " " pc_packages)
        string(REPLACE ">=" " >= " pc_packages "${pc_packages}")
        configure_file(packaging/simul.pc.in "${CMAKE_CURRENT_BINARY_DIR}/simul-${name}.pc" @ONLY)
        install(FILES "${CMAKE_CURRENT_BINARY_DIR}/simul-${name}.pc"
                DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    endforeach()
    install(FILES include/simul/simul.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/simul")

    configure_package_config_file(
        cmake/simulConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/simulConfig.cmake"
        INSTALL_DESTINATION "${folder}")
    write_basic_package_version_file(
        "${CMAKE_CURRENT_BINARY_DIR}/simulConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/simulConfig.cmake"
                  "${CMAKE_CURRENT_BINARY_DIR}/simulConfigVersion.cmake"
            DESTINATION "${folder}")
endfunction()

# One program from one source file, named like it.
function(simul_example source)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} "${source}")
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
    get_property(components GLOBAL PROPERTY simul_components)
    list(TRANSFORM components PREPEND "simul::")
    target_link_libraries(example_${name} PRIVATE ${components})
    simul_warnings(example_${name})
    simul_precompile(example_${name})
endfunction()

# One GoogleTest executable from every *_test.cpp below `folder`; nothing when there is none. The
# tests may see private headers of src/ and the helpers of tests/support/. With SIMUL_TEST_PATTERN only
# the files whose text matches it are taken.
function(simul_test name folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*_test.cpp")
    if(SIMUL_TEST_PATTERN)
        set(all_sources ${sources})
        foreach(source IN LISTS all_sources)
            file(READ "${source}" text)
            if(NOT text MATCHES "${SIMUL_TEST_PATTERN}")
                list(REMOVE_ITEM sources "${source}")
            endif()
        endforeach()
        if(all_sources AND NOT sources)
            list(GET all_sources 0 sources)  # others refer to the executable
        endif()
    endif()
    if(NOT sources)
        return()
    endif()
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE simul_test_support)
    target_precompile_headers(${name} REUSE_FROM simul_test_support)
    simul_warnings(${name})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
