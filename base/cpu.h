// Hints to the processor. None of them changes what a program does.
#ifndef TRP_BASE_CPU_H
#define TRP_BASE_CPU_H

// Tells that this is a spin loop.
static inline void trp_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Fetches a cache line that will be read, or be written soon. Any address is allowed.
static inline void trp_cpu_prefetch(const void *address)
{
    __builtin_prefetch(address, 0);
}

static inline void trp_cpu_prefetch_write(const void *address)
{
#if defined(__x86_64__)
    // For a processor of any age the compiler makes a prefetch for reading of it; then the write
    // has to take the line from the other CPUs after all. Old ones do nothing here.
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
    __builtin_prefetch(address, 1);
#endif
}

#endif
