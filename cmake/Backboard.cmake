# Functions that every CMakeLists.txt of the project uses to declare its targets.

# backboard_library(NAME SOURCES ... [LINK ...] [PRIVATE_LINK ...])
# A static library. Include paths start at the repository's root. Layers are links: a library that must not
# know SystemC does not link it.
function(backboard_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC backboard_options ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE backboard_options ${arg_LINK})
  endif()
endfunction()

# backboard_test(NAME LABEL unit|sysc|driver|system|slow SOURCES ... [LINK ...] [DEFINES ...] [DEPENDS ...])
# A Catch2 program whose every case CTest starts as its own process (one SystemC elaboration a process).
function(backboard_test name)
  cmake_parse_arguments(arg "" "LABEL" "SOURCES;LINK;DEFINES;DEPENDS" ${ARGN})
  if(NOT arg_LABEL MATCHES "^(unit|sysc|driver|system|slow)$")
    message(FATAL_ERROR "backboard_test(${name}): LABEL must be unit, sysc, driver, system or slow")
  endif()
  foreach(source ${arg_SOURCES})
    file(STRINGS ${source} cut REGEX "TEST_CASE\\(\"[^\"]*;")
    if(cut)
      message(FATAL_ERROR "${source}: CMake cuts a test's name at a semicolon: ${cut}")
    endif()
  endforeach()
  add_executable(${name} ${arg_SOURCES})
  if(arg_LABEL STREQUAL "unit" OR arg_LABEL STREQUAL "driver")
    target_link_libraries(${name} PRIVATE catch_main_plain)
  else()
    target_link_libraries(${name} PRIVATE catch_main_systemc)
  endif()
  target_link_libraries(${name} PRIVATE backboard_options ${arg_LINK})
  target_compile_definitions(${name} PRIVATE ${arg_DEFINES})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  # NoTests: a name that CTest hands over wrongly (CMake cuts it at a semicolon) fails instead of testing nothing.
  catch_discover_tests(${name} TEST_PREFIX "${name}: " EXTRA_ARGS --warn NoTests
                       PROPERTIES LABELS ${arg_LABEL} TIMEOUT 600)
endfunction()
