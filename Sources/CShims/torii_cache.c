#define _DEFAULT_SOURCE
#include "torii_cache.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#if defined(__clang__)
#define RACING __attribute__((no_sanitize("thread"), no_sanitize("address"), noinline))
#else
#define RACING
#endif

RACING void torii_copy_racing(void *to, const void *from, size_t count)
{
    memcpy(to, from, count);
}

RACING bool torii_equal_racing(const void *left, const void *right, size_t count)
{
    return memcmp(left, right, count) == 0;
}

void torii_lock(uint64_t *word)
{
    unsigned spins = 0;
    for (;;) {
        uint64_t unlocked = 0;
        if (__atomic_compare_exchange_n(word, &unlocked, 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return;
        if (++spins % 128 == 0)
            sched_yield();
        else
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#else
            __asm__ volatile("" ::: "memory");
#endif
    }
}

void torii_unlock(uint64_t *word)
{
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

enum { huge_page = 2 << 20 };

void *torii_arena_map(size_t size, size_t dense)
{
    size_t reserved = size + huge_page;
    char *start = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = (huge_page - (uintptr_t)start % huge_page) % huge_page;
    if (before)
        munmap(start, before);
    start += before;
    if (before < huge_page)
        munmap(start + size, huge_page - before);
    size_t whole = dense / huge_page * huge_page;
    if (whole && madvise(start, whole, MADV_HUGEPAGE) == 0) {
        /* Read first, they would be mapped to the page of zeros and come in small pieces later. */
        for (size_t at = 0; at < whole; at += huge_page)
            *(volatile char *)(start + at) = 0;
    }
    return start;
}

void torii_arena_unmap(void *start, size_t size)
{
    munmap(start, size);
}

bool torii_random_octets(void *to, size_t count)
{
    unsigned char *octets = to;
    while (count > 0) {
        ssize_t got = getrandom(octets, count, 0);
        if (got <= 0)
            return false;
        octets += got;
        count -= (size_t)got;
    }
    return true;
}
