# The two helpers that every folder uses: one library per folder, one executable per test file.

add_library(vatmesh_flags INTERFACE)
target_compile_options(vatmesh_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion
  -Wno-unused-parameter -Wno-sign-conversion
  $<$<BOOL:${VATMESH_WERROR}>:-Werror>)

# vatmesh_library(NAME sources... [PUBLIC libs...] [PRIVATE libs...])
# declares target vatmesh_NAME with alias vatmesh::NAME.
function(vatmesh_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  add_library(vatmesh_${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  add_library(vatmesh::${name} ALIAS vatmesh_${name})
  target_include_directories(vatmesh_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(vatmesh_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} vatmesh_flags)
endfunction()

# vatmesh_program(NAME sources... DEPS libs...) declares an executable in build/<preset>/bin.
function(vatmesh_program name)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} vatmesh_flags)
endfunction()

# vatmesh_test(rpc/wire/frame_reader_test.cc [more sources] DEPS libs...) declares one GoogleTest
# program named after its path, labelled "unit", run by ctest as a whole.
function(vatmesh_test source)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  string(REGEX REPLACE "\\.cc$" "" name ${source})
  string(REPLACE "/" "_" name ${name})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/${source} ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest_main vatmesh_flags)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
