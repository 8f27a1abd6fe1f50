# Finds nvcc, which alone is used of the CUDA toolkit: kernels become fat binaries that the library carries as data, and
# the driver is looked for when a program first asks for a device. CMake's own CUDA language is not used: it would link
# the toolkit's runtime, and knows no more than C++17 in 3.25.
set(DUET_HAS_CUDA OFF)
set(DUET_CUDA_WHY "DUET_CUDA=${DUET_CUDA}")
if(DUET_CUDA)
  find_program(DUET_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin PATHS /usr/local/cuda/bin)
  mark_as_advanced(DUET_NVCC)
  if(DUET_NVCC)
    execute_process(COMMAND ${DUET_NVCC} --version OUTPUT_VARIABLE nvcc_version ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+)\\.([0-9]+)" _ "${nvcc_version}")
    set(DUET_NVCC_RELEASE ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
    if(CMAKE_MATCH_1 GREATER_EQUAL 12)
      set(DUET_HAS_CUDA ON)
    else()
      set(DUET_CUDA_WHY "nvcc ${CMAKE_MATCH_1}.${CMAKE_MATCH_2} is too old, 12 is needed")
    endif()
  else()
    set(DUET_CUDA_WHY "no nvcc; set CUDA_HOME or DUET_NVCC")
  endif()
  if(NOT DUET_HAS_CUDA AND NOT DUET_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "duet: DUET_CUDA=${DUET_CUDA}: ${DUET_CUDA_WHY}")
  endif()
endif()
# Which of the three cases this machine is: no toolkit, a toolkit and no device, a device.
if(NOT DUET_HAS_CUDA)
  message(STATUS "duet: CUDA kernels: no (${DUET_CUDA_WHY})")
elseif(EXISTS /dev/nvidiactl)
  message(STATUS "duet: CUDA kernels: yes, and this machine has a driver for a device")
else()
  message(STATUS "duet: CUDA kernels: yes, but this machine has no device: they are compiled, and run by the tests' fake driver alone")
endif()

# No contraction, IEEE division and roots, denormals kept: the bit contract, as duet_flags have it for the CPU.
set(DUET_NVCC_FLAGS -std=c++17 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true --expt-relaxed-constexpr -diag-suppress 177
    "-I'${PROJECT_SOURCE_DIR}/include'" "-I'${PROJECT_SOURCE_DIR}'" "-I'${PROJECT_SOURCE_DIR}/lib'")
# One translation to PTX serves every device: for newer ones the driver compiles it, for these two it is compiled here. The
# binaries are compressed, to less than a tenth: they are data of every program.
set(DUET_NVCC_ARCHITECTURES -gencode=arch=compute_75,code=[compute_75,sm_80,sm_90])
if(DUET_HAS_CUDA AND DUET_NVCC_RELEASE VERSION_GREATER_EQUAL 12.8)
  list(APPEND DUET_NVCC_FLAGS --compress-mode=size)
else()
  list(APPEND DUET_NVCC_FLAGS -Xfatbin=-compress-all)
endif()
