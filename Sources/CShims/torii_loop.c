/* epoll, time, threads, chance */
#define _GNU_SOURCE
#include "torii_address.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

_Static_assert(TORII_EPERM == EPERM && TORII_EAGAIN == EAGAIN && TORII_ENOMEM == ENOMEM && TORII_ENFILE == ENFILE
                   && TORII_EMFILE == EMFILE
                   && TORII_EADDRINUSE == EADDRINUSE && TORII_ENOBUFS == ENOBUFS && TORII_ETIMEDOUT == ETIMEDOUT
                   && TORII_ECONNREFUSED == ECONNREFUSED && TORII_EINPROGRESS == EINPROGRESS,
               "errno values of this platform");

int torii_poll_create(void) { return (int)RESULT(epoll_create1(EPOLL_CLOEXEC)); }

int torii_poll_control(int poll, int operation, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    int code = operation == 1 ? EPOLL_CTL_ADD : operation == 2 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return (int)RESULT(epoll_ctl(poll, code, fd, &event));
}

int torii_poll_wait(int poll, torii_ready *out, int capacity, int milliseconds)
{
    struct epoll_event events[128];
    int count = epoll_wait(poll, events, capacity < 128 ? capacity : 128, milliseconds);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        out[i] = (torii_ready){.data = events[i].data.u64, .events = events[i].events};
    return count;
}

int torii_wakeup_create(void) { return (int)RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

void torii_wakeup_signal(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {}
}

void torii_wakeup_drain(int fd)
{
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {}
}

uint64_t torii_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

struct start {
    torii_thread_body body;
    void *context;
};

static void *run_thread(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.body(start.context);
    return NULL;
}

int torii_thread_start(uint64_t *handle, const char *name, int cpu, torii_thread_body body, void *context)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return -ENOMEM;
    *start = (struct start){body, context};
    sigset_t all, before;
    sigfillset(&all);
    /* Faults stay with the thread that makes them. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 4u << 20);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, run_thread, start);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(start);
        return -error;
    }
    char shortened[16];
    snprintf(shortened, sizeof shortened, "%s", name);
    pthread_setname_np(thread, shortened);
    if (cpu >= 0 && cpu < CPU_SETSIZE) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        pthread_setaffinity_np(thread, sizeof set, &set);
    }
    *handle = (uint64_t)thread;
    return 0;
}

int torii_thread_join(uint64_t handle) { return -pthread_join((pthread_t)handle, NULL); }

struct torii_semaphore {
    sem_t value;
};

torii_semaphore *torii_semaphore_create(void)
{
    torii_semaphore *made = malloc(sizeof *made);
    if (made != NULL)
        sem_init(&made->value, 0, 0);
    return made;
}

void torii_semaphore_destroy(torii_semaphore *semaphore)
{
    if (semaphore != NULL)
        sem_destroy(&semaphore->value);
    free(semaphore);
}

void torii_semaphore_post(torii_semaphore *semaphore)
{
    if (semaphore != NULL)
        sem_post(&semaphore->value);
}

bool torii_semaphore_wait(torii_semaphore *semaphore, int64_t milliseconds)
{
    struct timespec due;
    if (semaphore == NULL || clock_gettime(CLOCK_MONOTONIC, &due) < 0)
        return false;
    due.tv_sec += milliseconds / 1000;
    due.tv_nsec += milliseconds % 1000 * 1000000;
    if (due.tv_nsec >= 1000000000) {
        due.tv_sec++;
        due.tv_nsec -= 1000000000;
    }
    while (sem_clockwait(&semaphore->value, CLOCK_MONOTONIC, &due) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

int torii_random(void *into, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t count = getrandom((char *)into + done, length - done, 0);
        if (count < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        done += (size_t)count;
    }
    return 0;
}

void torii_erase(void *octets, size_t length) { explicit_bzero(octets, length); }
