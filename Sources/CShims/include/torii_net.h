#ifndef TORII_NET_H
#define TORII_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sockets, epoll and batches of datagrams. Every function that can fail returns -errno. */

/* An address and port. */
typedef struct {
    uint64_t high;    /* the upper half of an IPv6 address as a host integer; 0 for IPv4 */
    uint64_t low;     /* the lower half, or the 32 bits of an IPv4 address */
    uint32_t scope;   /* IPv6 scope (interface) of a link-local address */
    uint16_t port;    /* host order */
    uint8_t family;   /* 4, 6, or 0 for none */
    uint8_t reserved;
} torii_address;

/* errno values of Linux that Swift compares with */
enum {
    TORII_EPERM = 1,
    TORII_EAGAIN = 11,
    TORII_ENOMEM = 12,
    TORII_ENFILE = 23,
    TORII_EMFILE = 24,
    TORII_EADDRINUSE = 98,
    TORII_ENOBUFS = 105,
    TORII_ETIMEDOUT = 110,
    TORII_ECONNREFUSED = 111,
    TORII_EINPROGRESS = 115,
};

/* epoll */

typedef struct {
    uint64_t data;
    uint32_t events;
} torii_ready;

enum {
    TORII_READABLE = 1,
    TORII_WRITABLE = 4,
    TORII_ERROR = 8,
    TORII_HANGUP = 16,
};

int torii_poll_create(void);
/* Operation: 1 add, 2 remove, 3 modify. */
int torii_poll_control(int poll, int operation, int fd, uint32_t events, uint64_t data);
/* Waits; -1 = for ever. Returns how many of `out` it filled; an interruption counts as none. */
int torii_poll_wait(int poll, torii_ready *out, int capacity, int milliseconds);
int torii_wakeup_create(void);
void torii_wakeup_signal(int fd);
void torii_wakeup_drain(int fd);
uint64_t torii_monotonic_ns(void);

/* threads */

typedef void (*torii_thread_body)(void *context);
/* Starts a thread with all signals blocked; cpu < 0 = anywhere. The handle goes to torii_thread_join. */
int torii_thread_start(uint64_t *handle, const char *name, int cpu, torii_thread_body body, void *context);
int torii_thread_join(uint64_t handle);

/* A semaphore at zero. Waiting goes by the monotonic clock; false: not in time, or there was no memory for it. */
typedef struct torii_semaphore torii_semaphore;
torii_semaphore *torii_semaphore_create(void);
void torii_semaphore_destroy(torii_semaphore *semaphore);
void torii_semaphore_post(torii_semaphore *semaphore);
bool torii_semaphore_wait(torii_semaphore *semaphore, int64_t milliseconds);

/* sockets: non-blocking and close-on-exec */

int torii_socket(uint8_t family, bool stream);
int torii_bind(int fd, const torii_address *address);
int torii_connect(int fd, const torii_address *address);
/* Takes the peer from a datagram socket, and the port if the kernel had chosen it, and empties its queue.
   Returns 0, or -errno; -EBUSY when the queue would not become empty. */
int torii_disconnect(int fd);
typedef struct {
    uint16_t low;
    uint16_t high;
} torii_port_range;
/* The ports the kernel chooses from; false when unknown or when some of them are reserved. */
bool torii_local_port_range(torii_port_range *range);
int torii_listen(int fd, int backlog);
int torii_accept(int fd, torii_address *remote);
int torii_local_address(int fd, torii_address *out);
int torii_set_reuse_port(int fd);
int torii_set_reuse_address(int fd);
int torii_set_v6_only(int fd);
/* The destination address of each datagram is wanted. */
int torii_set_packet_info(int fd, uint8_t family);
/* Ignore path MTU guesses of strangers; fragment when needed (RFC 9715). */
int torii_set_mtu_omit(int fd, uint8_t family);
/* Report ICMP errors in the error queue. */
int torii_set_receive_errors(int fd, uint8_t family);
int torii_set_no_delay(int fd);
/* Tries the privileged option first. Returns the size in force. */
int torii_set_receive_buffer(int fd, int octets);
int torii_set_send_buffer(int fd, int octets);
int torii_socket_error(int fd);
int torii_spare_descriptor(void);
/* Another descriptor of the same socket, close-on-exec. */
int torii_duplicate(int fd);
int torii_close(int fd);

long torii_read(int fd, void *into, size_t capacity);
/* Reads into two places, the first one first. */
long torii_read_two(int fd, void *first, size_t first_capacity, void *second, size_t second_capacity);
/* Writes without SIGPIPE. */
long torii_write(int fd, const void *octets, size_t length);

/* datagrams */

enum { TORII_DATAGRAM_TRUNCATED = 1 };

typedef struct {
    uint8_t *octets;
    uint32_t length;
    uint32_t interface; /* where it came in; 0 = not known */
    torii_address remote;
    torii_address local; /* family 0: not asked for */
    uint32_t flags;
} torii_datagram;

typedef struct torii_inbox torii_inbox;
/* `bound` is the address of a socket bound to one address; pass family 0 when packet info is on (port still used). */
torii_inbox *torii_inbox_create(uint32_t slots, uint32_t capacity, bool packet_info, const torii_address *bound);
void torii_inbox_free(torii_inbox *inbox);
/* Receives without waiting; *first points to as many datagrams as returned, good until the next call. */
int torii_inbox_receive(torii_inbox *inbox, int fd, torii_datagram **first);

typedef struct torii_outbox torii_outbox;
torii_outbox *torii_outbox_create(uint32_t slots);
void torii_outbox_free(torii_outbox *outbox);
/* Sends datagrams[0..<count]; a local family other than 0 chooses the source address. Returns how many were
   dropped because the socket was full or the kernel refused them; *last_error says why. */
uint32_t torii_outbox_send(torii_outbox *outbox, int fd, const torii_datagram *datagrams, uint32_t count,
                           int *last_error);

/* One datagram. `local` may be NULL or of family 0. Returns octets sent. */
long torii_send_to(int fd, const void *octets, size_t length, const torii_address *remote, const torii_address *local);
/* One datagram from a socket of any kind; *truncated tells that it did not fit. */
long torii_receive_from(int fd, void *into, size_t capacity, torii_address *remote, torii_address *local,
                        uint32_t *interface, bool *truncated);

/* One datagram and where it came from, nothing else. */
long torii_receive_plain(int fd, void *into, size_t capacity, torii_address *remote);

/* An ICMP error from the error queue. */
typedef struct {
    torii_address destination; /* where the datagram that failed was going */
    torii_address offender;    /* who says so; family 0 = this host */
    int32_t error;             /* errno */
    uint8_t origin;            /* 1 local, 2 ICMP, 3 ICMPv6 */
    uint8_t type;
    uint8_t code;
    uint32_t length;           /* octets of the failed datagram's payload that came back */
} torii_icmp_error;

/* Returns 1 and fills *out, 0 when the queue is empty. */
int torii_receive_error(int fd, void *payload, size_t capacity, torii_icmp_error *out);

/* Fills with random octets from the kernel. Returns 0 or -errno. */
int torii_random(void *into, size_t length);
/* Forgets secrets: a memset that the optimiser keeps. */
void torii_erase(void *octets, size_t length);

/* text */

/* Reads dotted or colon text (with %scope for IPv6). Returns 0 or -EINVAL. The port is left alone. */
int torii_address_parse(const char *text, torii_address *out);
/* Writes the address without its port. Returns the length. */
int torii_address_format(const torii_address *address, char *out, size_t capacity);

#endif
