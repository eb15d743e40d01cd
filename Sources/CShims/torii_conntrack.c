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
           (filter->is_any_host || memcmp(answers.data, filter->reply_source, width) == 0) &&
           (value & filter->mark) == filter->mark;
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

/* Calls visit with each entry that matches. */
static int walk_entries(int fd, const torii_flow_filter *filter, void (*visit)(void *, torii_piece), void *context)
{
    enum { BUFFER = 65536 };
    uint8_t *buffer = malloc(BUFFER);
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
                if (matches(filter, entry))
                    visit(context, entry);
            }
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
    }
    free(buffer);
    return result < 0 ? result : 0;
}

/* The entries found are deleted after the dump: the kernel does not like both at once on one socket. */
typedef struct {
    uint8_t tuple[128];
    size_t length;
} doomed;

typedef struct {
    doomed *found;
    size_t count, room;
} doomed_list;

static void note_doomed(void *context, torii_piece entry)
{
    enum { LIMIT = 65536 };
    doomed_list *list = context;
    torii_piece tuple = torii_piece_find(entry, CTA_TUPLE_ORIG);
    if (list->count >= LIMIT || tuple.length > sizeof list->found->tuple)
        return;
    if (list->count == list->room) {
        size_t larger = list->room ? list->room * 2 : 16;
        doomed *moved = realloc(list->found, larger * sizeof *list->found);
        if (!moved)
            return;
        list->found = moved;
        list->room = larger;
    }
    memcpy(list->found[list->count].tuple, tuple.data, tuple.length);
    list->found[list->count++].length = tuple.length;
}

static int delete_entry(int fd, uint8_t family, const doomed *entry)
{
    torii_request r;
    torii_request_begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, family, 0);
    torii_request_put(&r, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->length);
    return torii_request_transact(fd, &r);
}

int torii_conntrack_delete(int fd, const torii_flow_filter *filter)
{
    doomed_list list = {0};
    int result = walk_entries(fd, filter, note_doomed, &list);
    int deleted = 0;
    for (size_t i = 0; i < list.count; i++)
        if (delete_entry(fd, filter->family == 4 ? AF_INET : AF_INET6, &list.found[i]) == 0)
            deleted++;
    free(list.found);
    return result < 0 ? result : deleted;
}

typedef struct {
    const torii_flow_filter *filter;
    torii_flow_pair *pairs;
    int count, limit;
} pair_list;

static void note_pair(void *context, torii_piece entry)
{
    pair_list *list = context;
    bool is_four = list->filter->family == 4;
    uint16_t type = is_four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
    torii_piece source = torii_piece_find(torii_piece_find(torii_piece_find(entry, CTA_TUPLE_ORIG), CTA_TUPLE_IP), type);
    torii_piece answers = torii_piece_find(torii_piece_find(torii_piece_find(entry, CTA_TUPLE_REPLY), CTA_TUPLE_IP), type);
    if (list->count >= list->limit)
        return;
    torii_flow_pair pair = {0};
    memcpy(pair.source, source.data, source.length);
    memcpy(pair.reply_source, answers.data, answers.length);
    if (list->count == 0 || memcmp(&list->pairs[list->count - 1], &pair, sizeof pair) != 0)
        list->pairs[list->count++] = pair;
}

int torii_conntrack_pairs(int fd, const torii_flow_filter *filter, torii_flow_pair *pairs, int limit)
{
    pair_list list = {.filter = filter, .pairs = pairs, .limit = limit};
    int result = walk_entries(fd, filter, note_pair, &list);
    return result < 0 ? result : list.count;
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
