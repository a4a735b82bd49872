# Finds BoringSSL and asserts that it is what <openssl/...> means to the targets that link it.
#
# system: Debian's android-libboringssl-dev. Its headers and libraries lie outside the usual
# folders, so a stray libssl-dev would win; hence BEFORE and an RPATH.
# source: a current one, static, made by `deploy/setup --boringssl=source`, or anywhere else with
# include/ and lib/ in VATMESH_BORINGSSL_ROOT.
set(VATMESH_BORINGSSL system CACHE STRING "Where BoringSSL comes from: system or source")
set_property(CACHE VATMESH_BORINGSSL PROPERTY STRINGS system source)
set(VATMESH_BORINGSSL_ROOT "" CACHE PATH
    "For source: where include/ and lib/ lie (default: where deploy/setup puts them)")

# What is found depends on the choice, so it stays out of the cache.
if(VATMESH_BORINGSSL STREQUAL "system")
  set(libraries /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android /usr/lib/x86_64-linux-gnu/android
                /usr/lib/aarch64-linux-gnu/android)
  find_path(BORINGSSL_INCLUDE openssl/base.h PATHS /usr/include/android
            NO_CACHE NO_DEFAULT_PATH REQUIRED)
  find_library(BORINGSSL_CRYPTO crypto PATHS ${libraries} NO_CACHE NO_DEFAULT_PATH REQUIRED)
  find_library(BORINGSSL_SSL ssl PATHS ${libraries} NO_CACHE NO_DEFAULT_PATH REQUIRED)
elseif(VATMESH_BORINGSSL STREQUAL "source")
  set(root "${VATMESH_BORINGSSL_ROOT}")
  if(NOT root)
    execute_process(COMMAND ${PROJECT_SOURCE_DIR}/deploy/setup --boringssl-root
                    OUTPUT_VARIABLE root OUTPUT_STRIP_TRAILING_WHITESPACE
                    COMMAND_ERROR_IS_FATAL ANY)
  endif()
  if(NOT EXISTS ${root}/lib/libssl.a)
    message(FATAL_ERROR "BoringSSL is not in ${root}; run deploy/setup --boringssl=source, "
                        "or take the system's with -DVATMESH_BORINGSSL=system")
  endif()
  set(BORINGSSL_INCLUDE ${root}/include)
  set(BORINGSSL_CRYPTO ${root}/lib/libcrypto.a)
  set(BORINGSSL_SSL ${root}/lib/libssl.a)
else()
  message(FATAL_ERROR "VATMESH_BORINGSSL=${VATMESH_BORINGSSL}: write system or source")
endif()

file(STRINGS ${BORINGSSL_INCLUDE}/openssl/base.h api REGEX "define BORINGSSL_API_VERSION")
string(REGEX REPLACE ".* " "" api "${api}")
message(STATUS "BoringSSL: ${VATMESH_BORINGSSL}, API ${api}, ${BORINGSSL_SSL}")

# Imported, so that CMake knows that libcrypto goes behind libssl on every command line.
foreach(part crypto ssl)
  string(TOUPPER ${part} upper)
  add_library(boringssl_${part} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(boringssl_${part} PROPERTIES IMPORTED_LOCATION ${BORINGSSL_${upper}})
  add_library(boringssl::${part} ALIAS boringssl_${part})
  target_include_directories(boringssl_${part} SYSTEM BEFORE INTERFACE ${BORINGSSL_INCLUDE})
endforeach()
target_link_libraries(boringssl_ssl INTERFACE boringssl_crypto)
if(VATMESH_BORINGSSL STREQUAL "system")
  get_filename_component(libdir ${BORINGSSL_CRYPTO} DIRECTORY)
  target_link_options(boringssl_crypto INTERFACE -Wl,-rpath,${libdir})
else()
  find_package(Threads REQUIRED)
  target_link_libraries(boringssl_crypto INTERFACE Threads::Threads)
endif()
