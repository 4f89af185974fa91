/* clones: one function compiled for several processors. */
#ifndef JACQUARD_BASE_CLONES_H
#define JACQUARD_BASE_CLONES_H

/* Put before a function whose loops gcc and clang vectorise better for newer processors: it is compiled two or three
 * times, and the right one is chosen at load time. */
#if defined __x86_64__ && defined __gnu_linux__ && __GNUC__ >= 12
#define CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#elif defined __x86_64__ && defined __gnu_linux__
#define CPU_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CPU_CLONES
#endif

#endif
