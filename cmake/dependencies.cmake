# What jacquard stands on. CUDA and NCCL are taken where they are found; ON insists, OFF leaves them out.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
# FFmpeg 5.1 or later: libavcodec 59.37, libavformat 59.27, libavutil 57.28, libswscale 6.7
pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat>=59.27 libavcodec>=59.37 libavutil>=57.28 libswscale>=6.7)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.12)

set(JACQUARD_HAVE_CUDA OFF)
if(NOT JACQUARD_CUDA STREQUAL OFF)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      # Never "native": a login or build node has no GPU to ask. The kernels need compute capability 7.0, and what CUDA
      # 12 calls all-major begins at 5.0.
      execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE nvcc_says)
      if(nvcc_says MATCHES "release ([0-9]+)" AND CMAKE_MATCH_1 LESS 13)
        set(CMAKE_CUDA_ARCHITECTURES 70 80 90 CACHE STRING "CUDA architectures")
      else()
        # What all-major builds, but the front end runs three times instead of six: the PTX of 9.0 serves all later GPUs,
        # whose own instructions the kernels do not use.
        set(CMAKE_CUDA_ARCHITECTURES OFF CACHE STRING "CUDA architectures; OFF: 7.5, 8.0, 9.0, 10.0, 11.0, 12.0")
        add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-gencode arch=compute_75,code=sm_75\
 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[compute_90,sm_90,sm_100,sm_110,sm_120]>")
      endif()
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit 12.0)
    if(CUDAToolkit_FOUND)
      set(JACQUARD_HAVE_CUDA ON)
    endif()
  endif()
  if(JACQUARD_CUDA STREQUAL ON AND NOT JACQUARD_HAVE_CUDA)
    message(FATAL_ERROR "JACQUARD_CUDA=ON, but no CUDA toolkit >= 12.0 was found")
  endif()
endif()

set(JACQUARD_HAVE_NCCL OFF)
if(NOT JACQUARD_NCCL STREQUAL OFF AND JACQUARD_HAVE_CUDA)
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ENV NCCL_ROOT ENV NCCL_HOME ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  find_library(NCCL_LIBRARY nccl HINTS ENV NCCL_ROOT ENV NCCL_HOME ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib lib64)
  if(NCCL_INCLUDE_DIR AND NCCL_LIBRARY)
    set(JACQUARD_HAVE_NCCL ON)
    add_library(NCCL::nccl UNKNOWN IMPORTED)
    set_target_properties(NCCL::nccl PROPERTIES IMPORTED_LOCATION ${NCCL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES
                          "${NCCL_INCLUDE_DIR};${CUDAToolkit_INCLUDE_DIRS}")
  endif()
endif()
if(JACQUARD_NCCL STREQUAL ON AND NOT JACQUARD_HAVE_NCCL)
  message(FATAL_ERROR "JACQUARD_NCCL=ON, but NCCL (with CUDA) was not found; NCCL_ROOT may help")
endif()

string(REPLACE "OFF" "7.5 to 12.0" architectures "${CMAKE_CUDA_ARCHITECTURES}")
message(STATUS "jacquard: CUDA ${JACQUARD_HAVE_CUDA} (architectures: ${architectures}), NCCL ${JACQUARD_HAVE_NCCL}, "
               "FFmpeg libavcodec ${FFMPEG_libavcodec_VERSION}, MPI ${MPI_C_VERSION}")
