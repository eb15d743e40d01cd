#ifndef TORII_NETLINK_H
#define TORII_NETLINK_H

/* Netlink messages to and from the netfilter subsystems: what the files beside this one share. */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One small request. */
typedef struct {
    uint8_t octets[512];
    size_t length;
} torii_request;

/* Begins a request of `type` (subsystem << 8 | message). */
void torii_request_begin(torii_request *r, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource);
/* Appends an attribute; false when the request is full. */
bool torii_request_put(torii_request *r, uint16_t type, const void *data, size_t length);
/* Begins a nested attribute; what is returned belongs to torii_request_end_nest. */
size_t torii_request_nest(torii_request *r, uint16_t type);
void torii_request_end_nest(torii_request *r, size_t at);
/* Sends it: 0 or -errno. */
int torii_request_send(int fd, torii_request *r);
/* Sends it and waits for the acknowledgement: 0 or -errno. */
int torii_request_transact(int fd, torii_request *r);

/* A bound netfilter socket, or -errno. */
int torii_netfilter_socket(void);

/* Octets of a message. */
typedef struct {
    const uint8_t *data;
    size_t length;
} torii_piece;

/* The contents of the attribute of `type` among those in `in`; NULL when there is none. */
torii_piece torii_piece_find(torii_piece in, uint16_t type);

/* Four octets in network order. */
static inline uint32_t torii_big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
