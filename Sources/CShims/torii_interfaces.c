#define _GNU_SOURCE
#include "torii_netfilter.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

uint32_t torii_interface_index(const char *name)
{
    return if_nametoindex(name);
}

/* What one RTM_NEWADDR message says; false when it is about another interface or no address. */
static bool read_address(const struct nlmsghdr *header, uint32_t index, torii_interface_address *entry)
{
    const struct ifaddrmsg *message = NLMSG_DATA(header);
    if (header->nlmsg_type != RTM_NEWADDR || header->nlmsg_len < NLMSG_LENGTH(sizeof *message) ||
        message->ifa_index != index || (message->ifa_family != AF_INET && message->ifa_family != AF_INET6))
        return false;
    size_t width = message->ifa_family == AF_INET ? 4 : 16;
    uint32_t flags = message->ifa_flags;
    const uint8_t *address = NULL, *local = NULL;
    memset(entry, 0, sizeof *entry);
    int left = (int)IFA_PAYLOAD(header);
    for (const struct rtattr *a = IFA_RTA(message); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        size_t size = RTA_PAYLOAD(a);
        if (a->rta_type == IFA_ADDRESS && size == width)
            address = RTA_DATA(a);
        else if (a->rta_type == IFA_LOCAL && size == width)
            local = RTA_DATA(a); /* on a point-to-point link IFA_ADDRESS is the other end */
        else if (a->rta_type == IFA_FLAGS && size == sizeof flags)
            memcpy(&flags, RTA_DATA(a), sizeof flags);
        else if (a->rta_type == IFA_CACHEINFO && size >= sizeof(struct ifa_cacheinfo))
            entry->created = ((const struct ifa_cacheinfo *)RTA_DATA(a))->cstamp;
    }
    const uint8_t *own = local ? local : address;
    if (!own)
        return false;
    memcpy(entry->octets, own, width);
    entry->family = width == 4 ? 4 : 6;
    entry->prefix_length = message->ifa_prefixlen;
    entry->is_deprecated = flags & IFA_F_DEPRECATED;
    entry->is_global = width == 4 ? own[0] != 127 && !(own[0] == 169 && own[1] == 254)
                                  : !(own[0] == 0xfe && (own[1] & 0xc0) == 0x80) && !(flags & IFA_F_DADFAILED);
    return true;
}

int torii_interface_addresses(const char *name, torii_interface_address *out, int capacity)
{
    struct {
        struct nlmsghdr header;
        struct ifaddrmsg message;
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    _Alignas(struct nlmsghdr) uint8_t buffer[32768];
    uint32_t index = if_nametoindex(name);
    int count = 0, result = 0;
    bool is_done = index == 0;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    if (send(fd, &request, sizeof request, 0) < 0)
        result = -errno;
    while (!is_done && !result) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            result = -errno;
            break;
        }
        unsigned left = (unsigned)n;
        for (const struct nlmsghdr *h = (const void *)buffer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            torii_interface_address entry;
            if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
                is_done = true;
            else if (read_address(h, index, &entry)) {
                if (count < capacity)
                    out[count] = entry;
                count++;
            }
        }
    }
    close(fd);
    return result ? result : count;
}

uint32_t torii_route_interface(uint8_t family, const uint8_t *address)
{
    uint8_t width = family == 4 ? 4 : 16;
    struct {
        struct nlmsghdr header;
        struct rtmsg message;
        struct rtattr attribute;
        uint8_t address[16];
    } request = {
        .header = {.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(struct rtmsg)) + RTA_LENGTH(width)),
                   .nlmsg_type = RTM_GETROUTE,
                   .nlmsg_flags = NLM_F_REQUEST},
        .message = {.rtm_family = family == 4 ? AF_INET : AF_INET6, .rtm_dst_len = (uint8_t)(width * 8)},
        .attribute = {.rta_len = RTA_LENGTH(width), .rta_type = RTA_DST},
    };
    _Alignas(struct nlmsghdr) uint8_t buffer[4096];
    uint32_t result = 0;
    memcpy(request.address, address, width);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return 0;
    struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t n = send(fd, &request, request.header.nlmsg_len, 0) < 0 ? -1 : recv(fd, buffer, sizeof buffer, 0);
    const struct nlmsghdr *header = (const void *)buffer;
    if (n > 0 && NLMSG_OK(header, (unsigned)n) && header->nlmsg_type == RTM_NEWROUTE) {
        const struct rtmsg *route = NLMSG_DATA(header);
        int left = (int)RTM_PAYLOAD(header);
        if (route->rtm_type == RTN_UNICAST || route->rtm_type == RTN_LOCAL)
            for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left))
                if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof result)
                    memcpy(&result, RTA_DATA(a), sizeof result);
    }
    close(fd);
    return result;
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

static int reduce_rights(uint32_t wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct held[2] = {{0}};
    struct __user_cap_data_struct kept[2] = {{0}};
    if (syscall(SYS_capget, &header, held) < 0)
        return -errno;
    kept[0].permitted = kept[0].effective = held[0].permitted & wanted;
    if (syscall(SYS_capset, &header, kept) < 0)
        return -errno;
    return kept[0].permitted == wanted ? 0 : -EPERM;
}

int torii_rights_reduce(void)
{
    return reduce_rights(1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW);
}

int torii_rights_reduce_to_ports(void)
{
    return reduce_rights(1u << CAP_NET_BIND_SERVICE);
}
