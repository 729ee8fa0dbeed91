// What Swift cannot say. Header-only: every function is inlined into its caller.
#ifndef GRAVLAX_SHIMS_H
#define GRAVLAX_SHIMS_H

/// Asks the processor to bring the cache line at `address` closer, for reading.
static inline __attribute__((always_inline)) void gravlax_prefetch(const void *address) {
    __builtin_prefetch(address, 0, 3);
}

/// Tells the processor that the caller is spinning on a value another thread will change.
static inline __attribute__((always_inline)) void gravlax_spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
