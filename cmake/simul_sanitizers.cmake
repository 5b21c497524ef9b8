# SPDX-License-Identifier: Apache-2.0
#
# SIMUL_SANITIZE=address,undefined or thread: flags for every target of this build.

if(SIMUL_SANITIZE)
    if(NOT SIMUL_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
        message(FATAL_ERROR "SIMUL_SANITIZE=${SIMUL_SANITIZE}: expected address, undefined, "
                            "address,undefined or thread")
    endif()
    add_compile_options(-fsanitize=${SIMUL_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${SIMUL_SANITIZE})
    if(SIMUL_SANITIZE MATCHES "address")
        # What the sanitizers note of each place has its address in it. Relocated when the program
        # starts, these notes fill hundreds of megabytes, which each fork copies.
        add_link_options("$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>")
    endif()
    if(SIMUL_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
endif()
