// What Swift cannot say. Header-only: every function is inlined into its caller.
#ifndef GRAVLAX_SHIMS_H
#define GRAVLAX_SHIMS_H

#include <stdint.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
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
/// Outside of the range of the result, and for a NaN, it is some integer that is not `number`, but that -2^63 may be given
/// for itself.
static inline __attribute__((always_inline)) int64_t gravlax_truncate(double number) {
#if defined(__x86_64__)
    // Not the conversion of C, which is undefined out of range: the optimiser may rely on that.
    return _mm_cvttsd_si64(_mm_set_sd(number));
#elif defined(__aarch64__)
    return vcvtd_s64_f64(number);
#else
    return number > -0x1p63 && number < 0x1p63 ? (int64_t)number : INT64_MIN;
#endif
}

long syscall(long number, ...);

/// Fills `set` with a bit for each processor that the calling thread may use. Returns the bytes filled, or -1.
/// The C library declares its own function only for GNU sources, and Swift cannot call what takes variable arguments.
static inline long gravlax_get_affinity(void *_Nonnull set, unsigned long byteCount) {
    return syscall(SYS_sched_getaffinity, 0, byteCount, set);
}

void *_Nullable memmem(const void *_Nonnull text, unsigned long textCount, const void *_Nonnull pattern, unsigned long count);

/// The first place of `pattern` in `text`, in linear time. The C library declares it only for GNU sources.
static inline const void *_Nullable gravlax_find_bytes(
    const void *_Nonnull text, unsigned long textCount, const void *_Nonnull pattern, unsigned long count) {
    return memmem(text, textCount, pattern, count);
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
