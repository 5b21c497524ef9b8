# SPDX-License-Identifier: Apache-2.0
#
# How everything is compiled: the standard, and ccache and mold where they exist. As part of a
# larger project simul leaves the launcher and the linker to that project.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
    message(FATAL_ERROR "simul needs g++ 12 or later; this is ${CMAKE_CXX_COMPILER_VERSION}")
endif()

if(PROJECT_IS_TOP_LEVEL)
    set(CMAKE_CXX_STANDARD 23)
    set(CMAKE_CXX_STANDARD_REQUIRED ON)
    set(CMAKE_CXX_EXTENSIONS OFF)
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
    set(CMAKE_VERIFY_INTERFACE_HEADER_SETS OFF)

    find_program(SIMUL_CCACHE ccache)
    if(SIMUL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
        # The sloppiness is what ccache's manual asks for when there are precompiled headers. No
        # base directory: it would change the file names that std::source_location gives.
        set(CMAKE_CXX_COMPILER_LAUNCHER
            ${CMAKE_COMMAND} -E env
            CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
            ${SIMUL_CCACHE})
    endif()

    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # A tenth of the time of g++ goes into collecting garbage, which begins at 128 MiB. A file
        # of templates takes a third to a half more memory this way, up to 1.2 GB.
        add_compile_options("SHELL:--param ggc-min-heapsize=524288")  # KiB
    endif()

    include(CheckLinkerFlag)
    check_linker_flag(CXX -fuse-ld=mold SIMUL_MOLD_WORKS)
    if(SIMUL_MOLD_WORKS)
        add_link_options(-fuse-ld=mold)
    endif()
endif()
