# SPDX-License-Identifier: Apache-2.0
#
# Warnings are errors for our own targets, and never for those who use us.

function(simul_warnings target)
    if(NOT PROJECT_IS_TOP_LEVEL)
        return()
    endif()
    target_compile_options(
        ${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
endfunction()
