/* datagrams: in batches on listening sockets, one at a time elsewhere */
#define _GNU_SOURCE
#include "torii_address.h"

#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdlib.h>

typedef union {
    char octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr align;
} packet_info;

typedef struct {
    socket_address name;
    packet_info control;
    struct iovec part;
} slot;

struct torii_inbox {
    uint32_t slots;
    uint32_t used; /* headers to restore before the next call */
    bool packet_info;
    torii_address bound;
    size_t capacity;
    size_t stride;
    struct mmsghdr *headers;
    slot *places;
    torii_datagram *datagrams;
    uint8_t *octets;
};

static void prepare(torii_inbox *inbox, uint32_t index)
{
    slot *place = &inbox->places[index];
    struct msghdr *header = &inbox->headers[index].msg_hdr;
    header->msg_namelen = sizeof place->name;
    header->msg_controllen = inbox->packet_info ? sizeof place->control : 0;
    header->msg_flags = 0;
}

torii_inbox *torii_inbox_create(uint32_t slots, uint32_t capacity, bool packet_info, const torii_address *bound)
{
    torii_inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return NULL;
    inbox->slots = slots;
    inbox->packet_info = packet_info;
    inbox->bound = *bound;
    inbox->capacity = capacity;
    /* Off a power of two, or all buffers would compete for the same cache sets. */
    inbox->stride = (capacity + 63) / 64 * 64 + 192;
    inbox->headers = calloc(slots, sizeof *inbox->headers);
    inbox->places = calloc(slots, sizeof *inbox->places);
    inbox->datagrams = calloc(slots, sizeof *inbox->datagrams);
    inbox->octets = calloc(slots, inbox->stride);
    if (!inbox->headers || !inbox->places || !inbox->datagrams || !inbox->octets) {
        torii_inbox_free(inbox);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        slot *place = &inbox->places[i];
        place->part = (struct iovec){inbox->octets + i * inbox->stride, capacity};
        struct msghdr *header = &inbox->headers[i].msg_hdr;
        header->msg_name = &place->name;
        header->msg_iov = &place->part;
        header->msg_iovlen = 1;
        header->msg_control = packet_info ? &place->control : NULL;
        inbox->datagrams[i].octets = place->part.iov_base;
        prepare(inbox, i);
    }
    return inbox;
}

void torii_inbox_free(torii_inbox *inbox)
{
    if (!inbox)
        return;
    free(inbox->headers);
    free(inbox->places);
    free(inbox->datagrams);
    free(inbox->octets);
    free(inbox);
}

static void read_packet_info(struct msghdr *header, torii_address *local, uint32_t *interface)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->high = 0;
            local->low = ntohl(info.ipi_spec_dst.s_addr);
            local->family = 4;
            *interface = (uint32_t)info.ipi_ifindex;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            local->high = load64(info.ipi6_addr.s6_addr);
            local->low = load64(info.ipi6_addr.s6_addr + 8);
            local->family = 6;
            local->scope = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
            *interface = info.ipi6_ifindex;
        }
    }
}

int torii_inbox_receive(torii_inbox *inbox, int fd, torii_datagram **first)
{
    for (uint32_t i = 0; i < inbox->used; i++)
        prepare(inbox, i);
    inbox->used = 0;
    int count = recvmmsg(fd, inbox->headers, inbox->slots, MSG_DONTWAIT, NULL);
    if (count < 0)
        return -errno;
    inbox->used = (uint32_t)count;
    for (int i = 0; i < count; i++) {
        torii_datagram *datagram = &inbox->datagrams[i];
        struct mmsghdr *header = &inbox->headers[i];
        datagram->length = header->msg_len;
        datagram->interface = 0;
        datagram->flags = header->msg_hdr.msg_flags & MSG_TRUNC ? TORII_DATAGRAM_TRUNCATED : 0;
        from_socket(&datagram->remote, &inbox->places[i].name);
        datagram->local = inbox->bound;
        if (inbox->packet_info)
            read_packet_info(&header->msg_hdr, &datagram->local, &datagram->interface);
    }
    *first = inbox->datagrams;
    return count;
}

/* Several datagrams of one length to one place leave as one train that the kernel (or the card) cuts apart again. */
typedef union {
    char octets[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
} send_control;

typedef struct {
    socket_address name;
    send_control control;
} train;

struct torii_outbox {
    uint32_t slots;
    bool trains_refused; /* by this socket's kernel or card: every datagram alone from now on */
    struct mmsghdr *headers;
    train *trains;
    struct iovec *parts;
    bool *taken;
};

/* Longest datagram in a train: with its headers it fits every path, so that the kernel has no reason to refuse. */
enum { train_datagram = 1232, train_length = 32, train_octets = 32000, train_misses = 4 };

torii_outbox *torii_outbox_create(uint32_t slots)
{
    torii_outbox *outbox = calloc(1, sizeof *outbox);
    if (!outbox)
        return NULL;
    outbox->slots = slots;
    outbox->headers = calloc(slots, sizeof *outbox->headers);
    outbox->trains = calloc(slots, sizeof *outbox->trains);
    outbox->parts = calloc(slots, sizeof *outbox->parts);
    outbox->taken = calloc(slots, sizeof *outbox->taken);
    if (!outbox->headers || !outbox->trains || !outbox->parts || !outbox->taken) {
        torii_outbox_free(outbox);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++)
        outbox->headers[i].msg_hdr.msg_name = &outbox->trains[i].name;
    return outbox;
}

void torii_outbox_free(torii_outbox *outbox)
{
    if (!outbox)
        return;
    free(outbox->headers);
    free(outbox->trains);
    free(outbox->parts);
    free(outbox->taken);
    free(outbox);
}

/* A source address in the control data; addresses that cannot be a source are left to the kernel. */
static void write_packet_info(struct msghdr *header, void *control, const torii_address *local)
{
    header->msg_control = NULL;
    header->msg_controllen = 0;
    if (local->family == 4 && (uint32_t)local->low != 0) {
        header->msg_control = control;
        header->msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
        struct cmsghdr *c = CMSG_FIRSTHDR(header);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)local->low)};
        memcpy(CMSG_DATA(c), &info, sizeof info);
    } else if (local->family == 6 && (local->high | local->low) != 0 && local->high >> 56 != 0xff) {
        header->msg_control = control;
        header->msg_controllen = CMSG_SPACE(sizeof(struct in6_pktinfo));
        struct cmsghdr *c = CMSG_FIRSTHDR(header);
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(struct in6_pktinfo));
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        store64(info.ipi6_addr.s6_addr, local->high);
        store64(info.ipi6_addr.s6_addr + 8, local->low);
        memcpy(CMSG_DATA(c), &info, sizeof info);
    }
}

static bool same_way(const torii_datagram *one, const torii_datagram *other)
{
    return one->remote.port == other->remote.port && one->remote.low == other->remote.low &&
           one->remote.high == other->remote.high && one->remote.family == other->remote.family &&
           one->remote.scope == other->remote.scope && one->local.family == other->local.family &&
           one->local.low == other->local.low && one->local.high == other->local.high;
}

/* Adds to the train of datagram `first` those behind it that go the same way and have its length; returns its parts.
   Clients that have nothing to do with each other cost `train_misses` comparisons. */
static uint32_t gather(torii_outbox *outbox, const torii_datagram *datagrams, uint32_t first, uint32_t count,
                       struct iovec *parts)
{
    const torii_datagram *head = &datagrams[first];
    parts[0] = (struct iovec){head->octets, head->length};
    if (outbox->trains_refused || head->length > train_datagram || head->length == 0)
        return 1;
    uint32_t used = 1;
    uint32_t misses = 0;
    for (uint32_t i = first + 1; i < count && used < train_length && misses < train_misses; i++) {
        if (outbox->taken[i])
            continue;
        if (!same_way(head, &datagrams[i])) {
            misses++;
            continue;
        }
        if (datagrams[i].length != head->length || (used + 1) * head->length > train_octets)
            continue;
        parts[used++] = (struct iovec){datagrams[i].octets, head->length};
        outbox->taken[i] = true;
    }
    return used;
}

static void write_segment_size(struct msghdr *header, send_control *control, uint16_t size)
{
    size_t before = header->msg_controllen;
    header->msg_control = control;
    header->msg_controllen = before + CMSG_SPACE(sizeof size);
    struct cmsghdr *c = (struct cmsghdr *)(control->octets + before);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

static bool sent_or_full(int fd, struct msghdr *header, int *last_error)
{
    for (int tries = 0; tries < 8; tries++) {
        if (sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        *last_error = errno;
        if (errno != EINTR)
            break;
    }
    return false;
}

/* The parts of a train one by one; returns how many could not be sent. */
static uint32_t send_apart(int fd, const struct msghdr *header, int *last_error)
{
    uint32_t dropped = 0;
    for (size_t i = 0; i < header->msg_iovlen; i++) {
        struct msghdr alone = *header;
        alone.msg_iov = &header->msg_iov[i];
        alone.msg_iovlen = 1;
        alone.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
        if (alone.msg_controllen == 0)
            alone.msg_control = NULL;
        dropped += !sent_or_full(fd, &alone, last_error);
    }
    return dropped;
}

uint32_t torii_outbox_send(torii_outbox *outbox, int fd, const torii_datagram *datagrams, uint32_t count,
                           int *last_error)
{
    uint32_t dropped = 0;
    if (count > outbox->slots) {
        dropped = count - outbox->slots;
        count = outbox->slots;
    }
    memset(outbox->taken, 0, count * sizeof *outbox->taken);
    uint32_t filled = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (outbox->taken[i])
            continue;
        struct msghdr *header = &outbox->headers[filled].msg_hdr;
        train *place = &outbox->trains[filled];
        header->msg_namelen = to_socket(&place->name, &datagrams[i].remote);
        header->msg_iov = &outbox->parts[used];
        header->msg_iovlen = gather(outbox, datagrams, i, count, &outbox->parts[used]);
        write_packet_info(header, &place->control, &datagrams[i].local);
        if (header->msg_iovlen > 1)
            write_segment_size(header, &place->control, (uint16_t)datagrams[i].length);
        used += (uint32_t)header->msg_iovlen;
        filled++;
    }
    uint32_t done = 0;
    uint32_t interruptions = 0;
    while (done < filled) {
        int sent = sendmmsg(fd, outbox->headers + done, filled - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            done += (uint32_t)sent;
            continue;
        }
        int error = sent < 0 ? errno : EIO;
        if (error == EINTR && interruptions++ < 8)
            continue;
        *last_error = error;
        struct msghdr *refused = &outbox->headers[done].msg_hdr;
        if (error == EAGAIN || error == ENOBUFS) { /* full: what waits would be late anyway */
            for (; done < filled; done++)
                dropped += (uint32_t)outbox->headers[done].msg_hdr.msg_iovlen;
            return dropped;
        }
        if (refused->msg_iovlen > 1) {
            outbox->trains_refused = error == EIO || error == EINVAL || error == EMSGSIZE || error == EOPNOTSUPP;
            dropped += send_apart(fd, refused, last_error);
        } else {
            /* This one cannot be sent (no route, filtered, or an error that belongs to an earlier one). */
            dropped++;
        }
        done++;
    }
    return dropped;
}

long torii_send_to(int fd, const void *octets, size_t length, const torii_address *remote, const torii_address *local)
{
    socket_address name;
    packet_info control;
    struct iovec part = {(void *)octets, length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (remote && remote->family) {
        header.msg_name = &name;
        header.msg_namelen = to_socket(&name, remote);
    }
    if (local && local->family)
        write_packet_info(&header, &control, local);
    long count;
    do
        count = RESULT(sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL));
    while (count == -EINTR);
    return count;
}

long torii_receive_from(int fd, void *into, size_t capacity, torii_address *remote, torii_address *local,
                        uint32_t *interface, bool *truncated)
{
    socket_address name = {0};
    union {
        char octets[256];
        struct cmsghdr align;
    } control;
    struct iovec part = {into, capacity};
    struct msghdr header = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1,
                            .msg_control = &control, .msg_controllen = sizeof control};
    long count;
    do
        count = RESULT(recvmsg(fd, &header, MSG_DONTWAIT));
    while (count == -EINTR);
    if (count < 0)
        return count;
    from_socket(remote, &name);
    *local = (torii_address){0};
    *interface = 0;
    read_packet_info(&header, local, interface);
    *truncated = header.msg_flags & MSG_TRUNC;
    return count;
}

long torii_receive_plain(int fd, void *into, size_t capacity, torii_address *remote)
{
    socket_address name = {0};
    socklen_t length = sizeof name;
    long count;
    do
        count = RESULT(recvfrom(fd, into, capacity, MSG_DONTWAIT, &name.any, &length));
    while (count == -EINTR);
    from_socket(remote, &name);
    return count;
}

int torii_receive_error(int fd, void *payload, size_t capacity, torii_icmp_error *out)
{
    socket_address name = {0};
    union {
        char octets[512];
        struct cmsghdr align;
    } control;
    struct iovec part = {payload, capacity};
    struct msghdr header = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1,
                            .msg_control = &control, .msg_controllen = sizeof control};
    long count = RESULT(recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT));
    if (count == -EAGAIN)
        return 0;
    if (count < 0)
        return (int)count;
    *out = (torii_icmp_error){.length = (uint32_t)count};
    from_socket(&out->destination, &name);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
            || (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
        if (!is_error || c->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err)))
            continue;
        struct sock_extended_err extended;
        memcpy(&extended, CMSG_DATA(c), sizeof extended);
        out->error = (int32_t)extended.ee_errno;
        out->origin = extended.ee_origin;
        out->type = extended.ee_type;
        out->code = extended.ee_code;
        size_t room = c->cmsg_len - CMSG_LEN(sizeof extended);
        socket_address offender = {0};
        memcpy(&offender, CMSG_DATA(c) + sizeof extended, room < sizeof offender ? room : sizeof offender);
        from_socket(&out->offender, &offender);
        out->offender.port = 0;
    }
    return 1;
}
