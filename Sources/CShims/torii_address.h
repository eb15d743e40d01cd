/* What the files of the network shims share; no part of the module. */
#ifndef TORII_ADDRESS_H
#define TORII_ADDRESS_H

#include "torii_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The result of a system call, or -errno. */
#define RESULT(call) ({ long result_ = (call); result_ < 0 ? -errno : result_; })

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_address;

static inline uint64_t load64(const uint8_t *octets)
{
    uint64_t value;
    memcpy(&value, octets, 8);
    return __builtin_bswap64(value);
}

static inline void store64(uint8_t *octets, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(octets, &value, 8);
}

static inline void from_socket(torii_address *out, const socket_address *in)
{
    if (in->any.sa_family == AF_INET) {
        *out = (torii_address){.low = ntohl(in->v4.sin_addr.s_addr), .port = ntohs(in->v4.sin_port), .family = 4};
    } else if (in->any.sa_family == AF_INET6) {
        *out = (torii_address){.high = load64(in->v6.sin6_addr.s6_addr), .low = load64(in->v6.sin6_addr.s6_addr + 8),
                               .scope = in->v6.sin6_scope_id, .port = ntohs(in->v6.sin6_port), .family = 6};
    } else {
        *out = (torii_address){0};
    }
}

static inline socklen_t to_socket(socket_address *out, const torii_address *in)
{
    if (in->family == 4) {
        out->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(in->port),
                                       .sin_addr.s_addr = htonl((uint32_t)in->low)};
        return sizeof out->v4;
    }
    out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(in->port), .sin6_scope_id = in->scope};
    store64(out->v6.sin6_addr.s6_addr, in->high);
    store64(out->v6.sin6_addr.s6_addr + 8, in->low);
    return sizeof out->v6;
}

#endif
