#include "torii_netfilter.h"
#include "torii_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Not in every release of the kernel's headers. */
enum { FILTER_ATTRIBUTE = 25, FILTER_ORIGINAL = 1, FILTER_REPLY = 2, FILTER_SOURCE = 1 };

int torii_conntrack_open(void)
{
    int fd = torii_netfilter_socket();
    if (fd >= 0) {
        int size = 1 << 20;
        struct timeval patience = {.tv_sec = 2};
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    return fd;
}

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, uint8_t bits)
{
    if (memcmp(address, prefix, bits / 8) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> (bits % 8));
    return bits % 8 == 0 || ((address[bits / 8] ^ prefix[bits / 8]) & mask) == 0;
}

static bool matches(const torii_flow_filter *filter, torii_piece entry)
{
    size_t width = filter->family == 4 ? 4 : 16;
    uint16_t source_type = filter->family == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
    torii_piece source = torii_piece_find(torii_piece_find(torii_piece_find(entry, CTA_TUPLE_ORIG), CTA_TUPLE_IP), source_type);
    torii_piece answers = torii_piece_find(torii_piece_find(torii_piece_find(entry, CTA_TUPLE_REPLY), CTA_TUPLE_IP), source_type);
    torii_piece mark = torii_piece_find(entry, CTA_MARK);
    uint32_t value = mark.length == 4 ? torii_big32(mark.data) : 0;
    return source.length == width && answers.length == width && filter->source_length <= width * 8 &&
           has_prefix(source.data, filter->source, filter->source_length) &&
           memcmp(answers.data, filter->reply_source, width) == 0 && (value & filter->mark) == filter->mark;
}

/* Asks for the entries that match in one pass through the table; older kernels ignore the filter and send all. */
static int ask_entries(int fd, const torii_flow_filter *filter)
{
    torii_request r;
    uint8_t family = filter->family == 4 ? AF_INET : AF_INET6;
    uint8_t width = filter->family == 4 ? 4 : 16;
    torii_request_begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, 0);
    if (filter->source_length == width * 8) {
        uint32_t source = FILTER_SOURCE, none = 0;
        size_t tuple = torii_request_nest(&r, CTA_TUPLE_ORIG);
        size_t ip = torii_request_nest(&r, CTA_TUPLE_IP);
        torii_request_put(&r, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, filter->source, width);
        torii_request_end_nest(&r, ip);
        torii_request_end_nest(&r, tuple);
        size_t wanted = torii_request_nest(&r, FILTER_ATTRIBUTE);
        torii_request_put(&r, FILTER_ORIGINAL, &source, sizeof source);
        torii_request_put(&r, FILTER_REPLY, &none, sizeof none);
        torii_request_end_nest(&r, wanted);
    }
    return torii_request_send(fd, &r);
}

/* The entries found are deleted after the dump: the kernel does not like both at once on one socket. */
typedef struct {
    uint8_t tuple[128];
    size_t length;
} doomed;

static int delete_entry(int fd, uint8_t family, const doomed *entry)
{
    torii_request r;
    torii_request_begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, family, 0);
    torii_request_put(&r, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->length);
    return torii_request_transact(fd, &r);
}

int torii_conntrack_delete(int fd, const torii_flow_filter *filter)
{
    enum { LIMIT = 65536, BUFFER = 65536 };
    uint8_t *buffer = malloc(BUFFER);
    doomed *found = NULL;
    size_t count = 0, room = 0;
    int result = buffer ? ask_entries(fd, filter) : -ENOMEM;
    bool is_done = result < 0;
    while (!is_done) {
        ssize_t n = recv(fd, buffer, BUFFER, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            result = -errno;
            break;
        }
        size_t at = 0;
        while (at + NLMSG_HDRLEN <= (size_t)n) {
            struct nlmsghdr header;
            memcpy(&header, buffer + at, sizeof header);
            if (header.nlmsg_len < NLMSG_HDRLEN || at + header.nlmsg_len > (size_t)n)
                break;
            if (header.nlmsg_type == NLMSG_DONE)
                is_done = true;
            if (header.nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr error = {0};
                if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof error)
                    memcpy(&error, buffer + at + NLMSG_HDRLEN, sizeof error);
                if (error.error < 0)
                    result = error.error;
                is_done = true;
            }
            size_t fixed = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
            if (header.nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) && header.nlmsg_len > fixed) {
                torii_piece entry = {buffer + at + fixed, header.nlmsg_len - fixed};
                torii_piece tuple = torii_piece_find(entry, CTA_TUPLE_ORIG);
                if (count < LIMIT && tuple.length <= sizeof found->tuple && matches(filter, entry)) {
                    if (count == room) {
                        size_t larger = room ? room * 2 : 16;
                        doomed *moved = realloc(found, larger * sizeof *found);
                        if (!moved)
                            break;
                        found = moved;
                        room = larger;
                    }
                    memcpy(found[count].tuple, tuple.data, tuple.length);
                    found[count++].length = tuple.length;
                }
            }
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
    }
    free(buffer);
    int deleted = 0;
    for (size_t i = 0; i < count; i++)
        if (delete_entry(fd, filter->family == 4 ? AF_INET : AF_INET6, &found[i]) == 0)
            deleted++;
    free(found);
    return result < 0 ? result : deleted;
}

int torii_conntrack_delete_flow(int fd, uint8_t family, uint8_t protocol, const uint8_t *source,
                                const uint8_t *destination, uint16_t source_port, uint16_t destination_port)
{
    torii_request r;
    bool is_four = family == 4;
    size_t width = is_four ? 4 : 16;
    uint16_t from = htons(source_port), to = htons(destination_port);
    torii_request_begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, is_four ? AF_INET : AF_INET6, 0);
    size_t tuple = torii_request_nest(&r, CTA_TUPLE_ORIG);
    size_t ip = torii_request_nest(&r, CTA_TUPLE_IP);
    torii_request_put(&r, is_four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source, width);
    torii_request_put(&r, is_four ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination, width);
    torii_request_end_nest(&r, ip);
    size_t layer = torii_request_nest(&r, CTA_TUPLE_PROTO);
    torii_request_put(&r, CTA_PROTO_NUM, &protocol, sizeof protocol);
    torii_request_put(&r, CTA_PROTO_SRC_PORT, &from, sizeof from);
    torii_request_put(&r, CTA_PROTO_DST_PORT, &to, sizeof to);
    torii_request_end_nest(&r, layer);
    torii_request_end_nest(&r, tuple);
    return torii_request_transact(fd, &r);
}
