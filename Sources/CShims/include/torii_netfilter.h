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
    char tag;                 /* the first character of the rule's log prefix; 0 = none */
    const uint8_t *payload;   /* from the IP header on; within the octets given */
    uint32_t length;
} torii_logged;

/* Reads what is waiting into `into`. Returns octets, -EAGAIN, or -ENOBUFS when packets were lost. */
long torii_nflog_receive(int fd, void *into, size_t capacity);
/* The next logged packet in `octets` from *offset on; false at the end. */
bool torii_nflog_next(const uint8_t *octets, size_t length, size_t *offset, torii_logged *out);

/* Connection tracking */

int torii_conntrack_open(void);

typedef struct {
    uint8_t family;           /* 4 or 6 */
    bool has_source;
    bool has_destination;
    bool has_reply_source;    /* where the flow is translated to */
    bool only_untranslated;
    uint8_t source[16];       /* of the first packet */
    uint8_t destination[16];
    uint8_t reply_source[16];
    const uint8_t *sources;   /* if not NULL: source_count addresses, any of which may be the source */
    uint32_t source_count;
    uint32_t mark;            /* entries whose mark & mask == mark; mask 0 = all */
    uint32_t mark_mask;
} torii_flow_filter;

/* Deletes the entries that match. Returns how many. */
int torii_conntrack_delete(int fd, const torii_flow_filter *filter);

/* Deletes the one flow whose first packet is described; its cost does not depend on the table's size. Addresses have 4
   or 16 octets, ports are in host order. Returns 0, or -ENOENT when there is none. */
int torii_conntrack_delete_flow(int fd, uint8_t family, uint8_t protocol, const uint8_t *source,
                                const uint8_t *destination, uint16_t source_port, uint16_t destination_port);

/* Interfaces */

typedef struct {
    uint8_t family;           /* 4 or 6 */
    uint8_t prefix_length;
    bool is_global;           /* neither link-local nor loopback */
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

/* A raw ICMP socket: sends whole ICMP messages. */
int torii_icmp_open(void);

/* Rights: before the account is changed, have this thread keep what it may; after it, reduce that to the network
   (CAP_NET_ADMIN, CAP_NET_RAW). */
int torii_rights_keep(void);
int torii_rights_reduce(void);

#endif
