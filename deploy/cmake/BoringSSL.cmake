# Finds BoringSSL and asserts that it is what <openssl/...> means to the targets that link it.
#
# system: Debian's android-libboringssl-dev. Its headers and libraries lie outside the usual
# folders, so a stray libssl-dev would win; hence BEFORE and an RPATH.
set(VATMESH_BORINGSSL system CACHE STRING "Where BoringSSL comes from: system")
set_property(CACHE VATMESH_BORINGSSL PROPERTY STRINGS system)

if(NOT VATMESH_BORINGSSL STREQUAL "system")
  message(FATAL_ERROR "VATMESH_BORINGSSL=${VATMESH_BORINGSSL}: only 'system' is known")
endif()
find_path(BORINGSSL_INCLUDE openssl/base.h PATHS /usr/include/android NO_DEFAULT_PATH REQUIRED)
set(dirs /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android /usr/lib/x86_64-linux-gnu/android
         /usr/lib/aarch64-linux-gnu/android)
find_library(BORINGSSL_CRYPTO crypto PATHS ${dirs} NO_DEFAULT_PATH REQUIRED)
find_library(BORINGSSL_SSL ssl PATHS ${dirs} NO_DEFAULT_PATH REQUIRED)
get_filename_component(BORINGSSL_LIBDIR ${BORINGSSL_CRYPTO} DIRECTORY)

foreach(part crypto ssl)
  string(TOUPPER ${part} upper)
  add_library(boringssl_${part} INTERFACE)
  add_library(boringssl::${part} ALIAS boringssl_${part})
  target_include_directories(boringssl_${part} SYSTEM BEFORE INTERFACE ${BORINGSSL_INCLUDE})
  target_link_libraries(boringssl_${part} INTERFACE ${BORINGSSL_${upper}})
  target_link_options(boringssl_${part} INTERFACE -Wl,-rpath,${BORINGSSL_LIBDIR})
endforeach()
target_link_libraries(boringssl_ssl INTERFACE boringssl_crypto)
