#ifndef TORII_CACHE_H
#define TORII_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Atomic steps on raw memory, for the resolver's cache: its readers take no lock, they look again at a counter. */

static inline uint64_t torii_load_acquire(const uint64_t *from)
{
    return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline uint64_t torii_load_relaxed(const uint64_t *from)
{
    return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline void torii_store_release(uint64_t *to, uint64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static inline void torii_store_relaxed(uint64_t *to, uint64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline void torii_fetch_add(uint64_t *to, uint64_t value)
{
    __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}

/* True when *at held `expected` and now holds `desired`. */
static inline bool torii_compare_exchange(uint64_t *at, uint64_t expected, uint64_t desired)
{
    return __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline void torii_fence_acquire(void)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void torii_fence_release(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Copies octets that a writer may be changing at the same time: the caller checks afterwards and throws torn copies
 * away. Not instrumented by the thread sanitizer for that reason. */
void torii_copy_racing(void *to, const void *from, size_t count);
bool torii_equal_racing(const void *left, const void *right, size_t count);

/* A lock of one word, held for less than a microsecond: spins, then yields. */
void torii_lock(uint64_t *word);
void torii_unlock(uint64_t *word);

/* Anonymous zeroed memory; NULL when there is none. */
/* Zeroed memory, taken when it is first written; the first `dense` octets are used at random places and get large
   pages. `size` is a multiple of the page size. NULL when there is none. */
void *torii_arena_map(size_t size, size_t dense);
void torii_arena_unmap(void *start, size_t size);

/* Fills `count` octets with random ones from the kernel; false when it has none. */
bool torii_random_octets(void *to, size_t count);

#endif
