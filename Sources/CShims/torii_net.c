#define _GNU_SOURCE
#include "torii_address.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

/* addresses */

int torii_address_parse(const char *text, torii_address *out)
{
    struct in_addr v4;
    struct in6_addr v6;
    uint16_t port = out->port;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *out = (torii_address){.low = ntohl(v4.s_addr), .port = port, .family = 4};
        return 0;
    }
    char copy[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
    if (strlen(text) >= sizeof copy)
        return -EINVAL;
    strcpy(copy, text);
    uint32_t scope = 0;
    char *percent = strchr(copy, '%');
    if (percent) {
        *percent = 0;
        char *end;
        unsigned long number = strtoul(percent + 1, &end, 10);
        scope = *end == 0 && end != percent + 1 ? (uint32_t)number : if_nametoindex(percent + 1);
        if (scope == 0)
            return -EINVAL;
    }
    if (inet_pton(AF_INET6, copy, &v6) != 1)
        return -EINVAL;
    *out = (torii_address){.high = load64(v6.s6_addr), .low = load64(v6.s6_addr + 8), .scope = scope, .port = port, .family = 6};
    return 0;
}

int torii_address_format(const torii_address *address, char *out, size_t capacity)
{
    socket_address raw;
    if (capacity == 0)
        return 0;
    out[0] = 0;
    if (address->family != 4 && address->family != 6)
        return 0;
    to_socket(&raw, address);
    const void *octets = address->family == 4 ? (const void *)&raw.v4.sin_addr : (const void *)&raw.v6.sin6_addr;
    if (!inet_ntop(address->family == 4 ? AF_INET : AF_INET6, octets, out, (socklen_t)capacity))
        return 0;
    size_t length = strlen(out);
    if (address->family == 6 && address->scope) {
        int more = snprintf(out + length, capacity - length, "%%%u", address->scope);
        if (more > 0 && length + (size_t)more < capacity)
            length += (size_t)more;
    }
    return (int)length;
}

/* sockets */

static int set_option(int fd, int level, int name, int value)
{
    return (int)RESULT(setsockopt(fd, level, name, &value, sizeof value));
}

int torii_socket(uint8_t family, bool stream)
{
    int domain = family == 4 ? AF_INET : AF_INET6;
    return (int)RESULT(socket(domain, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int torii_bind(int fd, const torii_address *address)
{
    socket_address raw;
    socklen_t length = to_socket(&raw, address);
    return (int)RESULT(bind(fd, &raw.any, length));
}

int torii_connect(int fd, const torii_address *address)
{
    socket_address raw;
    socklen_t length = to_socket(&raw, address);
    return (int)RESULT(connect(fd, &raw.any, length));
}

int torii_disconnect(int fd)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    if (connect(fd, &none, sizeof none) < 0)
        return -errno;
    char octet;
    for (int i = 0; i < 256; i++) {
        /* Errors that were waiting go the same way as datagrams. */
        if (recv(fd, &octet, sizeof octet, MSG_TRUNC) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
    }
    return -EBUSY;
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fgets(line, size, file) != NULL;
    fclose(file);
    return read;
}

bool torii_local_port_range(torii_port_range *range)
{
    char line[64];
    unsigned low = 0;
    unsigned high = 0;
    if (read_line("/proc/sys/net/ipv4/ip_local_reserved_ports", line, sizeof line) && line[0] != '\n')
        return false;
    if (!read_line("/proc/sys/net/ipv4/ip_local_port_range", line, sizeof line)
        || sscanf(line, "%u %u", &low, &high) != 2 || low > 65535 || high > 65535)
        return false;
    *range = (torii_port_range){(uint16_t)low, (uint16_t)high};
    return true;
}

int torii_listen(int fd, int backlog) { return (int)RESULT(listen(fd, backlog)); }

int torii_accept(int fd, torii_address *remote)
{
    socket_address raw = {0};
    socklen_t length = sizeof raw;
    int accepted = accept4(fd, &raw.any, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0)
        return -errno;
    from_socket(remote, &raw);
    return accepted;
}

int torii_local_address(int fd, torii_address *out)
{
    socket_address raw = {0};
    socklen_t length = sizeof raw;
    if (getsockname(fd, &raw.any, &length) < 0)
        return -errno;
    from_socket(out, &raw);
    return 0;
}

int torii_set_reuse_port(int fd) { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); }
int torii_set_reuse_address(int fd) { return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); }
int torii_set_v6_only(int fd) { return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); }
int torii_set_no_delay(int fd) { return set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

int torii_set_packet_info(int fd, uint8_t family)
{
    return family == 4 ? set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) : set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

int torii_set_mtu_omit(int fd, uint8_t family)
{
    return family == 4 ? set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
                       : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
}

int torii_set_receive_errors(int fd, uint8_t family)
{
    return family == 4 ? set_option(fd, IPPROTO_IP, IP_RECVERR, 1) : set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

static int set_buffer(int fd, int forced, int plain, int octets)
{
    int size = octets;
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0)
        (void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
    socklen_t length = sizeof size;
    if (getsockopt(fd, SOL_SOCKET, plain, &size, &length) < 0)
        return -errno;
    return size;
}

int torii_set_receive_buffer(int fd, int octets) { return set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, octets); }
int torii_set_send_buffer(int fd, int octets) { return set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, octets); }

int torii_socket_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return errno;
    return error;
}

int torii_spare_descriptor(void) { return (int)RESULT(open("/dev/null", O_RDONLY | O_CLOEXEC)); }
int torii_duplicate(int fd) { return (int)RESULT(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
int torii_close(int fd) { return (int)RESULT(close(fd)); }

long torii_read(int fd, void *into, size_t capacity)
{
    long count;
    do
        count = RESULT(recv(fd, into, capacity, 0));
    while (count == -EINTR);
    return count;
}

long torii_read_two(int fd, void *first, size_t first_capacity, void *second, size_t second_capacity)
{
    struct iovec parts[2] = {{first, first_capacity}, {second, second_capacity}};
    long count;
    do
        count = RESULT(readv(fd, parts, 2));
    while (count == -EINTR);
    return count;
}

long torii_write(int fd, const void *octets, size_t length)
{
    long count;
    do
        count = RESULT(send(fd, octets, length, MSG_NOSIGNAL));
    while (count == -EINTR);
    return count;
}
