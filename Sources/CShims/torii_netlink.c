#include "torii_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void torii_request_begin(torii_request *r, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
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
}

/* Appends an attribute; false when the request is full. */
bool torii_request_put(torii_request *r, uint16_t type, const void *data, size_t length)
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

size_t torii_request_nest(torii_request *r, uint16_t type)
{
    size_t at = r->length;
    return torii_request_put(r, (uint16_t)(type | NLA_F_NESTED), NULL, 0) ? at : 0;
}

void torii_request_end_nest(torii_request *r, size_t at)
{
    struct nlattr *attribute = (struct nlattr *)(void *)(r->octets + at);
    if (at)
        attribute->nla_len = (uint16_t)(r->length - at);
}

int torii_request_send(int fd, torii_request *r)
{
    struct nlmsghdr *header = (struct nlmsghdr *)(void *)r->octets;
    header->nlmsg_len = (uint32_t)r->length;
    return send(fd, r->octets, r->length, 0) < 0 ? -errno : 0;
}

/* Sends and waits for the acknowledgement. */
int torii_request_transact(int fd, torii_request *r)
{
    uint8_t answer[1024];
    ((struct nlmsghdr *)(void *)r->octets)->nlmsg_flags |= NLM_F_ACK;
    int sent = torii_request_send(fd, r);
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

int torii_netfilter_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
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

/* The attribute of `type` among those in `in`. */
torii_piece torii_piece_find(torii_piece in, uint16_t type)
{
    size_t at = 0;
    while (at + NLA_HDRLEN <= in.length) {
        struct nlattr attribute;
        memcpy(&attribute, in.data + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > in.length)
            break;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type)
            return (torii_piece){in.data + at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN};
        at += NLA_ALIGN(attribute.nla_len);
    }
    return (torii_piece){NULL, 0};
}
