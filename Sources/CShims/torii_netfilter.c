#define _GNU_SOURCE
#include "torii_netfilter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in every release of the kernel's headers. */
enum { FILTER_ATTRIBUTE = 25, FILTER_ORIGINAL = 1, FILTER_REPLY = 2, FILTER_SOURCE = 1, FILTER_DESTINATION = 2 };

typedef struct {
    uint8_t octets[512];
    size_t length;
} request;

static struct nlmsghdr *begin(request *r, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    memset(r, 0, sizeof *r);
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)r->octets;
    struct nfgenmsg *generic = (struct nfgenmsg *)(void *)(r->octets + NLMSG_HDRLEN);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    generic->nfgen_family = family;
    generic->version = NFNETLINK_V0;
    generic->res_id = htons(resource);
    r->length = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof *generic);
    return header;
}

/* Appends an attribute; false when the request is full. */
static bool put(request *r, uint16_t type, const void *data, size_t length)
{
    size_t total = NLA_HDRLEN + length;
    if (r->length + NLA_ALIGN(total) > sizeof r->octets)
        return false;
    struct nlattr *attribute = (struct nlattr *)(void *)(r->octets + r->length);
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)total;
    if (length)
        memcpy(r->octets + r->length + NLA_HDRLEN, data, length);
    r->length += NLA_ALIGN(total);
    return true;
}

static size_t nest(request *r, uint16_t type)
{
    size_t at = r->length;
    return put(r, (uint16_t)(type | NLA_F_NESTED), NULL, 0) ? at : 0;
}

static void end_nest(request *r, size_t at)
{
    struct nlattr *attribute = (struct nlattr *)(void *)(r->octets + at);
    if (at)
        attribute->nla_len = (uint16_t)(r->length - at);
}

static int transmit(int fd, request *r)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)r->octets;
    header->nlmsg_len = (uint32_t)r->length;
    return send(fd, r->octets, r->length, 0) < 0 ? -errno : 0;
}

/* Sends and waits for the acknowledgement. */
static int transact(int fd, request *r)
{
    uint8_t answer[1024];
    ((struct nlmsghdr *)(void *)r->octets)->nlmsg_flags |= NLM_F_ACK;
    int sent = transmit(fd, r);
    if (sent < 0)
        return sent;
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)answer;
        if ((size_t)n >= NLMSG_HDRLEN + sizeof(struct nlmsgerr) && header->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = (const struct nlmsgerr *)(const void *)(answer + NLMSG_HDRLEN);
            return error->error;
        }
    }
}

static int netfilter_socket(int flags)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_NETFILTER);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl local = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* NFLOG */

static int configure(int fd, uint16_t group, uint16_t type, const void *data, size_t length)
{
    request r;
    begin(&r, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0, AF_UNSPEC, group);
    put(&r, type, data, length);
    return transact(fd, &r);
}

int torii_nflog_open(const uint16_t *groups, int count, int receive_buffer)
{
    int fd = netfilter_socket(0);
    if (fd < 0)
        return fd;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    for (int i = 0; i < count; i++) {
        struct nfulnl_msg_config_cmd bind_group = {.command = NFULNL_CFG_CMD_BIND};
        struct nfulnl_msg_config_mode mode = {.copy_range = htonl(0xffff), .copy_mode = NFULNL_COPY_PACKET};
        uint32_t one = htonl(1);
        int result = configure(fd, groups[i], NFULA_CFG_CMD, &bind_group, sizeof bind_group);
        if (result == 0)
            result = configure(fd, groups[i], NFULA_CFG_MODE, &mode, sizeof mode);
        /* Without it a packet is reported up to a second late. */
        if (result == 0)
            result = configure(fd, groups[i], NFULA_CFG_QTHRESH, &one, sizeof one);
        if (result < 0) {
            close(fd);
            return result;
        }
    }
    /* From here on the socket only receives. */
    struct timeval none = {0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    return fd;
}

long torii_nflog_receive(int fd, void *into, size_t capacity)
{
    ssize_t n;
    do
        n = recv(fd, into, capacity, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool torii_nflog_next(const uint8_t *octets, size_t length, size_t *offset, torii_logged *out)
{
    while (*offset + NLMSG_HDRLEN <= length) {
        struct nlmsghdr header;
        memcpy(&header, octets + *offset, sizeof header);
        size_t start = *offset;
        if (header.nlmsg_len < NLMSG_HDRLEN || start + header.nlmsg_len > length)
            return false;
        *offset += NLMSG_ALIGN(header.nlmsg_len);
        size_t fixed = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
        if (header.nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) || header.nlmsg_len < fixed)
            continue;
        memset(out, 0, sizeof *out);
        out->group = (uint16_t)(octets[start + NLMSG_HDRLEN + 2] << 8 | octets[start + NLMSG_HDRLEN + 3]);
        size_t at = start + fixed, end = start + header.nlmsg_len;
        while (at + NLA_HDRLEN <= end) {
            struct nlattr attribute;
            memcpy(&attribute, octets + at, sizeof attribute);
            if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > end)
                break;
            const uint8_t *data = octets + at + NLA_HDRLEN;
            size_t size = attribute.nla_len - NLA_HDRLEN;
            switch (attribute.nla_type & NLA_TYPE_MASK) {
            case NFULA_PACKET_HDR:
                if (size >= 3)
                    out->hook = data[2];
                break;
            case NFULA_MARK:
                if (size >= 4)
                    out->mark = big32(data);
                break;
            case NFULA_PREFIX:
                if (size >= 1)
                    out->tag = (char)data[0];
                break;
            case NFULA_IFINDEX_INDEV:
                if (size >= 4)
                    out->in_interface = big32(data);
                break;
            case NFULA_IFINDEX_OUTDEV:
                if (size >= 4)
                    out->out_interface = big32(data);
                break;
            case NFULA_PAYLOAD:
                out->payload = data;
                out->length = (uint32_t)size;
                break;
            }
            at += NLA_ALIGN(attribute.nla_len);
        }
        if (out->payload)
            return true;
    }
    return false;
}

/* Connection tracking */

int torii_conntrack_open(void)
{
    int fd = netfilter_socket(0);
    if (fd >= 0) {
        int size = 1 << 20;
        struct timeval patience = {.tv_sec = 2};
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    return fd;
}

typedef struct {
    const uint8_t *data;
    size_t length;
} piece;

/* The attribute of `type` among those in `in`. */
static piece find(piece in, uint16_t type)
{
    size_t at = 0;
    while (at + NLA_HDRLEN <= in.length) {
        struct nlattr attribute;
        memcpy(&attribute, in.data + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > in.length)
            break;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type)
            return (piece){in.data + at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN};
        at += NLA_ALIGN(attribute.nla_len);
    }
    return (piece){NULL, 0};
}

static bool is_among(const torii_flow_filter *filter, const uint8_t *address, size_t width)
{
    for (uint32_t i = 0; i < filter->source_count; i++)
        if (memcmp(filter->sources + i * width, address, width) == 0)
            return true;
    return false;
}

static bool matches(const torii_flow_filter *filter, piece entry)
{
    size_t width = filter->family == 4 ? 4 : 16;
    uint16_t source_type = filter->family == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
    uint16_t destination_type = filter->family == 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST;
    piece original = find(find(entry, CTA_TUPLE_ORIG), CTA_TUPLE_IP);
    piece reply = find(find(entry, CTA_TUPLE_REPLY), CTA_TUPLE_IP);
    piece source = find(original, source_type), destination = find(original, destination_type);
    piece reply_source = find(reply, source_type);
    if (source.length != width || destination.length != width || reply_source.length != width)
        return false;
    if (filter->has_source && memcmp(source.data, filter->source, width) != 0)
        return false;
    if (filter->sources && !is_among(filter, source.data, width))
        return false;
    if (filter->has_destination && memcmp(destination.data, filter->destination, width) != 0)
        return false;
    if (filter->has_reply_source && memcmp(reply_source.data, filter->reply_source, width) != 0)
        return false;
    if (filter->only_untranslated && memcmp(reply_source.data, destination.data, width) != 0)
        return false;
    if (filter->mark_mask) {
        piece mark = find(entry, CTA_MARK);
        uint32_t value = mark.length == 4 ? big32(mark.data) : 0;
        if ((value & filter->mark_mask) != filter->mark)
            return false;
    }
    return true;
}

/* Asks for the entries that match in one pass through the table; older kernels ignore the filter and send all. */
static int ask_entries(int fd, const torii_flow_filter *filter)
{
    request r;
    uint8_t family = filter->family == 4 ? AF_INET : AF_INET6;
    size_t width = filter->family == 4 ? 4 : 16;
    begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, 0);
    uint32_t flags = (filter->has_source ? FILTER_SOURCE : 0) | (filter->has_destination ? FILTER_DESTINATION : 0);
    if (flags) {
        uint32_t none = 0;
        size_t tuple = nest(&r, CTA_TUPLE_ORIG);
        size_t ip = nest(&r, CTA_TUPLE_IP);
        if (filter->has_source)
            put(&r, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, filter->source, width);
        if (filter->has_destination)
            put(&r, family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST, filter->destination, width);
        end_nest(&r, ip);
        end_nest(&r, tuple);
        size_t wanted = nest(&r, FILTER_ATTRIBUTE);
        put(&r, FILTER_ORIGINAL, &flags, sizeof flags);
        put(&r, FILTER_REPLY, &none, sizeof none);
        end_nest(&r, wanted);
    }
    return transmit(fd, &r);
}

/* The entries found are deleted after the dump: the kernel does not like both at once on one socket. */
typedef struct {
    uint8_t tuple[128];
    size_t length;
} doomed;

static int delete_entry(int fd, uint8_t family, const doomed *entry)
{
    request r;
    begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, family, 0);
    put(&r, CTA_TUPLE_ORIG | NLA_F_NESTED, entry->tuple, entry->length);
    return transact(fd, &r);
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
                piece entry = {buffer + at + fixed, header.nlmsg_len - fixed};
                piece tuple = find(entry, CTA_TUPLE_ORIG);
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
    request r;
    bool is_four = family == 4;
    size_t width = is_four ? 4 : 16;
    uint16_t from = htons(source_port), to = htons(destination_port);
    begin(&r, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, is_four ? AF_INET : AF_INET6, 0);
    size_t tuple = nest(&r, CTA_TUPLE_ORIG);
    size_t ip = nest(&r, CTA_TUPLE_IP);
    put(&r, is_four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source, width);
    put(&r, is_four ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination, width);
    end_nest(&r, ip);
    size_t layer = nest(&r, CTA_TUPLE_PROTO);
    put(&r, CTA_PROTO_NUM, &protocol, sizeof protocol);
    put(&r, CTA_PROTO_SRC_PORT, &from, sizeof from);
    put(&r, CTA_PROTO_DST_PORT, &to, sizeof to);
    end_nest(&r, layer);
    end_nest(&r, tuple);
    return transact(fd, &r);
}

/* Interfaces */

uint32_t torii_interface_index(const char *name)
{
    return if_nametoindex(name);
}

static uint8_t bits(const uint8_t *mask, size_t width)
{
    uint8_t count = 0;
    for (size_t i = 0; i < width; i++)
        count = (uint8_t)(count + __builtin_popcount(mask[i]));
    return count;
}

int torii_interface_addresses(const char *name, torii_interface_address *out, int capacity)
{
    struct ifaddrs *list = NULL;
    int count = 0;
    if (getifaddrs(&list) < 0)
        return -errno;
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || !i->ifa_netmask || strcmp(i->ifa_name, name) != 0)
            continue;
        torii_interface_address entry = {0};
        if (i->ifa_addr->sa_family == AF_INET) {
            entry.family = 4;
            memcpy(entry.octets, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
            entry.prefix_length = bits((uint8_t *)&((struct sockaddr_in *)(void *)i->ifa_netmask)->sin_addr, 4);
            entry.is_global = entry.octets[0] != 127 && !(entry.octets[0] == 169 && entry.octets[1] == 254);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            entry.family = 6;
            memcpy(entry.octets, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, 16);
            entry.prefix_length = bits((uint8_t *)&((struct sockaddr_in6 *)(void *)i->ifa_netmask)->sin6_addr, 16);
            entry.is_global = !(entry.octets[0] == 0xfe && (entry.octets[1] & 0xc0) == 0x80);
        } else {
            continue;
        }
        if (count < capacity)
            out[count] = entry;
        count++;
    }
    freeifaddrs(list);
    return count;
}

int torii_interface_watch(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl local = {
        .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

void torii_interface_drain(int fd)
{
    uint8_t buffer[4096];
    while (recv(fd, buffer, sizeof buffer, 0) > 0 || errno == EINTR || errno == ENOBUFS)
        errno = 0;
}

int torii_icmp_open(void)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
    return fd < 0 ? -errno : fd;
}

int torii_rights_keep(void)
{
    return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int torii_rights_reduce(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    data[0].permitted = data[0].effective = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
