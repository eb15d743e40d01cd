#ifndef TORII_NETFILTER_H
#define TORII_NETFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* nfnetlink: packets that a ruleset logs, and the connection table. Every function that can fail returns -errno. */

/* NFLOG */

/* A non-blocking socket that receives what is logged to `groups`; each packet is delivered at once. -EBUSY or -EPERM:
   somebody else listens to one of them. */
int torii_nflog_open(const uint16_t *groups, int count, int receive_buffer);

typedef struct {
    uint16_t group;
    uint8_t hook;             /* 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting */
    uint32_t in_interface;    /* 0 = none */
    uint32_t out_interface;
    uint32_t mark;
    bool has_link;            /* the packet came from an Ethernet address: `link` */
    uint64_t link;
    char tag;                 /* the first character of the rule's log prefix; 0 = none */
    const uint8_t *payload;   /* from the IP header on; within the octets given */
    uint32_t length;
} torii_logged;

/* Reads what is waiting into `into`. Returns octets, -EAGAIN, or -ENOBUFS when packets were lost. */
long torii_nflog_receive(int fd, void *into, size_t capacity);
/* The next logged packet in `octets` from *offset on; false at the end. */
bool torii_nflog_next(const uint8_t *octets, size_t length, size_t *offset, torii_logged *out);

/* nf_tables: the elements of sets, without the detour over text */

/* The changes of one transaction on one table (family inet). */
typedef struct torii_nft_batch torii_nft_batch;

typedef struct {
    const uint8_t *key;       /* at most 64 octets; the parts of a concatenation are padded to 4 each */
    const uint8_t *key_end;   /* of an interval: its last key; NULL = a single key */
    uint32_t key_length;
    const uint8_t *value;     /* of a map; at most 64 octets */
    uint32_t value_length;
    uint64_t timeout;         /* milliseconds; 0 = the set's own */
} torii_nft_element;

/* NULL without memory, or when the name is too long. */
torii_nft_batch *torii_nft_batch_new(const char *table);
void torii_nft_batch_free(torii_nft_batch *batch);
/* Forgets what it holds and begins a transaction. */
void torii_nft_batch_begin(torii_nft_batch *batch);
void torii_nft_batch_element(torii_nft_batch *batch, bool is_deletion, const char *set, const torii_nft_element *element);
/* Deletes all elements of a set. */
void torii_nft_batch_flush(torii_nft_batch *batch, const char *set);
/* Changes so far. */
uint32_t torii_nft_batch_count(const torii_nft_batch *batch);
/* Sends the transaction through `fd`, which must own the table where somebody does. Returns 0 when all of it was made, or
   -errno when nothing was; *count of `failed` then hold the places (from 0) of changes that the kernel named. */
int torii_nft_batch_commit(torii_nft_batch *batch, int fd, uint32_t *failed, int capacity, int *count);

/* The netlink sockets of this process that speak to netfilter; how many. */
int torii_netfilter_sockets(int *into, int capacity);
/* Room for large transactions. */
int torii_netfilter_buffers(int fd, int octets);

/* Connection tracking */

int torii_conntrack_open(void);

typedef struct {
    uint8_t family;           /* 4 or 6 */
    uint8_t source_length;    /* leading bits of source that count */
    uint8_t source[16];       /* of the first packet */
    uint8_t reply_source[16]; /* who answers: where the flow is translated to */
    uint32_t mark;            /* bits that the entry's mark must have */
    bool is_any_host;         /* reply_source does not count */
} torii_flow_filter;

typedef struct {
    uint8_t source[16], reply_source[16]; /* 4 octets of each, or all */
} torii_flow_pair;

/* Deletes the entries that match. Returns how many. */
int torii_conntrack_delete(int fd, const torii_flow_filter *filter);

/* Who has flows that match with whom; a pair may come more than once. Returns how many it found, up to the limit. */
int torii_conntrack_pairs(int fd, const torii_flow_filter *filter, torii_flow_pair *pairs, int limit);

/* Deletes the one flow whose first packet is described; its cost does not depend on the table's size. Addresses have 4
   or 16 octets, ports are in host order. Returns 0, or -ENOENT when there is none. */
int torii_conntrack_delete_flow(int fd, uint8_t family, uint8_t protocol, const uint8_t *source,
                                const uint8_t *destination, uint16_t source_port, uint16_t destination_port);

/* Interfaces */

typedef struct {
    uint8_t family;           /* 4 or 6 */
    uint8_t prefix_length;
    bool is_global;           /* neither link-local nor loopback, nor a duplicate */
    bool is_deprecated;       /* about to go: not for new connections */
    uint32_t created;         /* hundredths of a second, on the kernel's own clock */
    uint8_t octets[16];
} torii_interface_address;

/* The addresses of the interface; how many there are (at most `capacity` are filled in). */
int torii_interface_addresses(const char *name, torii_interface_address *out, int capacity);
/* 0 when there is no such interface. */
uint32_t torii_interface_index(const char *name);
/* A non-blocking socket that becomes readable when addresses or links change. */
int torii_interface_watch(void);
/* Empties it. */
void torii_interface_drain(int fd);

/* The interface by which the kernel would send to an address of 4 or 16 octets (family 4 or 6); 0 when it would not. That
   of the loopback when the address is our own. */
uint32_t torii_route_interface(uint8_t family, const uint8_t *address);

/* A raw ICMP socket: sends whole ICMP messages. */
int torii_icmp_open(void);

/* Rights: before the account is changed, have this thread keep what it may; after it, reduce that to the network
   (CAP_NET_ADMIN, CAP_NET_RAW), or to ports below 1024 (CAP_NET_BIND_SERVICE). -TORII_EPERM: it was not held, and all
   else is gone. */
int torii_rights_keep(void);
int torii_rights_reduce(void);
int torii_rights_reduce_to_ports(void);

#endif
