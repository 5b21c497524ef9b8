# SPDX-License-Identifier: Apache-2.0
#
# The three kinds of target there are. Sources are globbed: a file that lies in the right folder is
# built, and CONFIGURE_DEPENDS makes the build look again each time.

# Adds the sources of the named layers, and the public headers, to the library `target`.
function(simul_layers target)
    foreach(layer IN LISTS ARGN)
        file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/*.cpp")
        target_sources(${target} PRIVATE ${sources})
    endforeach()
    target_include_directories(
        ${target}
        PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
               "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
        PRIVATE "${PROJECT_SOURCE_DIR}/src")
endfunction()

# One program from one source file, named like it.
function(simul_example source)
    get_filename_component(name "${source}" NAME_WE)
    add_executable(example_${name} "${source}")
    set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(example_${name} PRIVATE simul::core)
    simul_warnings(example_${name})
endfunction()

# One GoogleTest executable from every *_test.cpp below `folder`; nothing when there is none. The
# tests may see private headers of src/ and the helpers of tests/support/.
function(simul_test name folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*_test.cpp")
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
