#include "torii_netfilter.h"
#include "torii_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int configure(int fd, uint16_t group, uint16_t type, const void *data, size_t length)
{
    torii_request r;
    torii_request_begin(&r, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0, AF_UNSPEC, group);
    torii_request_put(&r, type, data, length);
    return torii_request_transact(fd, &r);
}

int torii_nflog_open(const uint16_t *groups, int count, int receive_buffer)
{
    int fd = torii_netfilter_socket();
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
                    out->mark = torii_big32(data);
                break;
            case NFULA_HWADDR: {
                /* struct nfulnl_msg_packet_hw: length, padding, octets */
                size_t width = size >= 12 ? (size_t)(data[0] << 8 | data[1]) : 0;
                if (width == 6) {
                    for (size_t i = 0; i < width; i++)
                        out->link = out->link << 8 | data[4 + i];
                    out->has_link = true;
                }
                break;
            }
            case NFULA_PREFIX:
                if (size >= 1)
                    out->tag = (char)data[0];
                break;
            case NFULA_IFINDEX_INDEV:
                if (size >= 4)
                    out->in_interface = torii_big32(data);
                break;
            case NFULA_IFINDEX_OUTDEV:
                if (size >= 4)
                    out->out_interface = torii_big32(data);
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
