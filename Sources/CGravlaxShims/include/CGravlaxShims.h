// What Swift cannot say. Header-only: every function is inlined into its caller.
#ifndef GRAVLAX_SHIMS_H
#define GRAVLAX_SHIMS_H

#include <stdint.h>
#include <sys/syscall.h>

/// Asks the processor to bring the cache line at `address` closer, for reading.
static inline __attribute__((always_inline)) void gravlax_prefetch(const void *_Nullable address) {
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

/// `number` without its fraction: one instruction, without the range check of Swift's conversion.
/// Undefined unless |number| < 2^63.
static inline __attribute__((always_inline)) int64_t gravlax_truncate(double number) { return (int64_t)number; }

long syscall(long number, ...);

/// Fills `set` with a bit for each processor that the calling thread may use. Returns the bytes filled, or -1.
/// The C library declares its own function only for GNU sources, and Swift cannot call what takes variable arguments.
static inline long gravlax_get_affinity(void *_Nonnull set, unsigned long byteCount) {
    return syscall(SYS_sched_getaffinity, 0, byteCount, set);
}

void *_Nullable memmem(const void *_Nonnull, unsigned long, const void *_Nonnull, unsigned long);

/// Where `wanted` first is in `bytes`, in linear time; NULL when it is nowhere. The C library declares its own function
/// for GNU sources only.
static inline const void *_Nullable gravlax_find(
    const void *_Nonnull bytes, unsigned long byteCount, const void *_Nonnull wanted, unsigned long wantedCount) {
    return memmem(bytes, byteCount, wanted, wantedCount);
}

// The ends of the interpreter's handlers. Each gives `pc` back and costs no instruction, but is opaque to the optimiser
// and different from the others (by its spaces), so that it neither removes nor merges the block an end stands in.
// GravlaxRuntime's Execute.swift says what for.
#define GRAVLAX_HANDLER_END(name, spaces) \
    static inline __attribute__((always_inline)) const uint64_t *_Nonnull name(const uint64_t *_Nonnull pc) { \
        __asm__(spaces : "+r"(pc)); \
        return pc; \
    }
GRAVLAX_HANDLER_END(gravlax_end_1, " ")
GRAVLAX_HANDLER_END(gravlax_end_2, "  ")
GRAVLAX_HANDLER_END(gravlax_end_3, "   ")
GRAVLAX_HANDLER_END(gravlax_end_4, "    ")
GRAVLAX_HANDLER_END(gravlax_end_5, "     ")
GRAVLAX_HANDLER_END(gravlax_end_6, "      ")
GRAVLAX_HANDLER_END(gravlax_end_7, "       ")
GRAVLAX_HANDLER_END(gravlax_end_8, "        ")
GRAVLAX_HANDLER_END(gravlax_end_9, "         ")
GRAVLAX_HANDLER_END(gravlax_end_10, "          ")
GRAVLAX_HANDLER_END(gravlax_end_11, "           ")
GRAVLAX_HANDLER_END(gravlax_end_12, "            ")
GRAVLAX_HANDLER_END(gravlax_end_13, "             ")
GRAVLAX_HANDLER_END(gravlax_end_14, "              ")
GRAVLAX_HANDLER_END(gravlax_end_15, "               ")
GRAVLAX_HANDLER_END(gravlax_end_16, "                ")

#endif
