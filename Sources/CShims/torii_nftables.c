#include "torii_netfilter.h"
#include "torii_netlink.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* One transaction: NFNL_MSG_BATCH_BEGIN, a message for each change, NFNL_MSG_BATCH_END. The sequence number of a message
   is its place, so that the kernel's report of an error tells which change it does not want. */
struct torii_nft_batch {
    char table[NFT_TABLE_MAXNAMELEN];
    uint8_t *octets;
    size_t length;
    size_t room;
    uint32_t first; /* sequence number of the begin message */
    uint32_t count; /* changes so far */
    size_t last;    /* where the last of them begins */
    bool is_broken; /* out of memory: the commit fails */
};

enum { NAME_ROOM = 64, VALUE_ROOM = 64, CHANGE_ROOM = 512, LARGEST = 16 << 20 };

torii_nft_batch *torii_nft_batch_new(const char *table)
{
    torii_nft_batch *b = calloc(1, sizeof *b);
    if (!b || strlen(table) >= sizeof b->table) {
        free(b);
        return NULL;
    }
    strcpy(b->table, table);
    return b;
}

void torii_nft_batch_free(torii_nft_batch *b)
{
    if (b)
        free(b->octets);
    free(b);
}

static bool make_room(torii_nft_batch *b, size_t more)
{
    if (b->length + more <= b->room)
        return true;
    size_t room = b->room ? b->room * 2 : 65536;
    uint8_t *moved = room <= LARGEST ? realloc(b->octets, room) : NULL;
    if (!moved) {
        b->is_broken = true;
        return false;
    }
    b->octets = moved;
    b->room = room;
    return true;
}

static size_t open_message(torii_nft_batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    size_t at = b->length;
    struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                              .nlmsg_seq = b->first + b->count};
    struct nfgenmsg generic = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
    memcpy(b->octets + at, &header, sizeof header);
    memcpy(b->octets + at + NLMSG_HDRLEN, &generic, sizeof generic);
    b->length += NLMSG_HDRLEN + NLMSG_ALIGN(sizeof generic);
    return at;
}

static void close_message(torii_nft_batch *b, size_t at)
{
    uint32_t length = (uint32_t)(b->length - at);
    memcpy(b->octets + at, &length, sizeof length); /* nlmsg_len is the first field */
}

static void put(torii_nft_batch *b, uint16_t type, const void *data, size_t length)
{
    struct nlattr attribute = {.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + length)};
    uint8_t *to = b->octets + b->length;
    memset(to, 0, NLA_ALIGN(NLA_HDRLEN + length));
    memcpy(to, &attribute, sizeof attribute);
    if (length)
        memcpy(to + NLA_HDRLEN, data, length);
    b->length += NLA_ALIGN(NLA_HDRLEN + length);
}

static size_t open_nest(torii_nft_batch *b, uint16_t type)
{
    size_t at = b->length;
    put(b, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
    return at;
}

static void close_nest(torii_nft_batch *b, size_t at)
{
    uint16_t length = (uint16_t)(b->length - at);
    memcpy(b->octets + at, &length, sizeof length); /* nla_len is the first field */
}

static void put_value(torii_nft_batch *b, uint16_t type, const uint8_t *value, size_t length)
{
    size_t nest = open_nest(b, type);
    put(b, NFTA_DATA_VALUE, value, length);
    close_nest(b, nest);
}

void torii_nft_batch_begin(torii_nft_batch *b)
{
    b->length = 0;
    b->first += b->count + 2;
    b->count = 0;
    b->is_broken = false;
    if (make_room(b, CHANGE_ROOM))
        close_message(b, open_message(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

static size_t open_change(torii_nft_batch *b, uint16_t message, uint16_t flags, const char *set)
{
    b->count++;
    size_t at = open_message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_INET, 0);
    b->last = at;
    put(b, NFTA_SET_ELEM_LIST_TABLE, b->table, strlen(b->table) + 1);
    put(b, NFTA_SET_ELEM_LIST_SET, set, strlen(set) + 1);
    return at;
}

void torii_nft_batch_element(torii_nft_batch *b, bool is_deletion, const char *set, const torii_nft_element *e)
{
    if (strlen(set) >= NAME_ROOM || e->key_length > VALUE_ROOM || e->value_length > VALUE_ROOM || !make_room(b, CHANGE_ROOM)) {
        b->is_broken = true;
        return;
    }
    uint16_t message = is_deletion ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM;
    size_t at = open_change(b, message, is_deletion ? 0 : NLM_F_CREATE, set);
    size_t list = open_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
    size_t element = open_nest(b, NFTA_LIST_ELEM);
    put_value(b, NFTA_SET_ELEM_KEY, e->key, e->key_length);
    if (e->key_end)
        put_value(b, NFTA_SET_ELEM_KEY_END, e->key_end, e->key_length);
    if (e->value_length && !is_deletion)
        put_value(b, NFTA_SET_ELEM_DATA, e->value, e->value_length);
    if (e->timeout && !is_deletion) {
        uint64_t timeout = htobe64(e->timeout);
        put(b, NFTA_SET_ELEM_TIMEOUT, &timeout, sizeof timeout);
    }
    close_nest(b, element);
    close_nest(b, list);
    close_message(b, at);
}

void torii_nft_batch_flush(torii_nft_batch *b, const char *set)
{
    if (strlen(set) >= NAME_ROOM || !make_room(b, CHANGE_ROOM)) {
        b->is_broken = true;
        return;
    }
    close_message(b, open_change(b, NFT_MSG_DELSETELEM, 0, set));
}

uint32_t torii_nft_batch_count(const torii_nft_batch *b)
{
    return b->count;
}

/* Has the last change acknowledged: a transaction without an answer would look like one that was made. */
static void ask_acknowledgement(torii_nft_batch *b)
{
    struct nlmsghdr header;
    memcpy(&header, b->octets + b->last, sizeof header);
    header.nlmsg_flags |= NLM_F_ACK;
    memcpy(b->octets + b->last, &header, sizeof header);
}

/* The kernel has answered by the time that send returns: what is there is read, and nothing is waited for. */
static int read_verdict(torii_nft_batch *b, int fd, uint32_t *failed, int capacity, int *count)
{
    uint8_t buffer[8192];
    int result = 0;
    bool is_acknowledged = false;
    uint32_t last = b->first + b->count;
    for (;;) {
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            result = result ? result : -errno;
            if (errno == ENOBUFS) /* answers were lost; the rest may still be read */
                continue;
            break;
        }
        for (size_t at = 0; at + NLMSG_HDRLEN <= (size_t)n;) {
            struct nlmsghdr header;
            struct nlmsgerr report = {0};
            memcpy(&header, buffer + at, sizeof header);
            if (header.nlmsg_len < NLMSG_HDRLEN || at + header.nlmsg_len > (size_t)n)
                break;
            if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_len >= NLMSG_HDRLEN + sizeof report) {
                memcpy(&report, buffer + at + NLMSG_HDRLEN, sizeof report);
                if (report.error) {
                    result = result ? result : report.error;
                    if (header.nlmsg_seq > b->first && header.nlmsg_seq <= last && *count < capacity)
                        failed[(*count)++] = header.nlmsg_seq - b->first - 1;
                } else if (header.nlmsg_seq == last) {
                    is_acknowledged = true;
                }
            }
            at += NLMSG_ALIGN(header.nlmsg_len);
        }
        if (is_acknowledged && !result)
            return 0;
    }
    return result ? result : is_acknowledged ? 0 : -EPROTO;
}

int torii_nft_batch_commit(torii_nft_batch *b, int fd, uint32_t *failed, int capacity, int *count)
{
    *count = 0;
    if (b->is_broken || !make_room(b, CHANGE_ROOM))
        return -ENOMEM;
    if (b->count == 0)
        return 0;
    ask_acknowledgement(b);
    b->count++;
    close_message(b, open_message(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    b->count--;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do
        sent = sendto(fd, b->octets, b->length, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return read_verdict(b, fd, failed, capacity, count);
}

int torii_netfilter_sockets(int *into, int capacity)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return -errno;
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name), domain = 0, protocol = 0;
        socklen_t size = sizeof domain;
        if (entry->d_name[0] == '.' || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
            continue;
        size = sizeof protocol;
        if (domain != AF_NETLINK || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
            continue;
        if (protocol == NETLINK_NETFILTER && count < capacity)
            into[count++] = fd;
    }
    closedir(directory);
    return count;
}

int torii_netfilter_buffers(int fd, int octets)
{
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) < 0)
        return -errno;
    return 0;
}
