/* host_device: functions that the C code and the CUDA kernels share: HOST_DEVICE int f(void) { ... } in a header. */
#ifndef JACQUARD_BASE_HOST_DEVICE_H
#define JACQUARD_BASE_HOST_DEVICE_H

#ifdef __CUDACC__
#define HOST_DEVICE static __host__ __device__ inline
#else
#define HOST_DEVICE static inline
#endif

#endif
