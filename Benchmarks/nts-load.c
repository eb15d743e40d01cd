/* nts-load ROUTER HOST [COUNT [WINDOW [FIRST]]]: v1 negotiations per second through one router.
 *
 * Run on a host that the router lists as server. Keeps WINDOW notifications in flight, each for another GN, from
 * 11.0.0.0 + FIRST on, and prints the rate and the response times.
 *
 *     cc -O2 -o nts-load nts-load.c
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return fprintf(stderr, "usage: nts-load ROUTER HOST [COUNT [WINDOW [FIRST]]]\n"), 2;
    uint32_t count = argc > 3 ? strtoul(argv[3], 0, 0) : 20000, window = argc > 4 ? strtoul(argv[4], 0, 0) : 64;
    uint32_t first = argc > 5 ? strtoul(argv[5], 0, 0) : 1;
    size_t length = strlen(argv[2]);
    struct sockaddr_in router = {.sin_family = AF_INET, .sin_port = htons(20053)};
    if (length > 32 || inet_pton(AF_INET, argv[1], &router.sin_addr) != 1)
        return fprintf(stderr, "nts-load: bad address or name\n"), 2;
    int s = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (connect(s, (struct sockaddr *)&router, sizeof router) < 0)
        return perror("nts-load"), 1;
    double *sent_at = calloc(count, sizeof *sent_at), *times = calloc(count, sizeof *times), begin = now();
    uint32_t sent = 0, done = 0, granted = 0, refused = 0, lost = 0;
    while (done < count) {
        while (sent < count && sent - done < window) {
            uint8_t m[40] = {(uint8_t)sent, 1, 0, (uint8_t)length};
            uint32_t gn = htonl(0x0b000000u + first + sent);
            memcpy(m + 4, &gn, 4);
            memcpy(m + 8, argv[2], length);
            sent_at[sent] = now();
            if (send(s, m, sizeof m, 0) < 0)
                break;
            sent++;
        }
        uint8_t m[64];
        ssize_t n = recv(s, m, sizeof m, MSG_DONTWAIT);
        if (n < 0) {
            struct pollfd p = {.fd = s, .events = POLLIN};
            if (poll(&p, 1, 1000) == 0) {
                lost += sent - done;
                done = sent;
            }
            continue;
        }
        if (n != 40 || m[1] == 4)
            continue;
        uint32_t gn;
        memcpy(&gn, m + 4, 4);
        uint32_t which = ntohl(gn) - 0x0b000000u - first;
        if (which >= sent || sent_at[which] == 0)
            continue;
        times[granted + refused] = now() - sent_at[which];
        sent_at[which] = 0;
        if (m[1] == 2)
            granted++;
        else
            refused++;
        done++;
    }
    double took = now() - begin;
    uint32_t total = granted + refused;
    qsort(times, total, sizeof *times, order);
    printf("in flight %4u: %u granted, %u refused, %u lost: %.0f/s; p50 %.0f us, p99 %.0f us\n", window, granted, refused,
           lost, total / took, total ? times[total / 2] * 1e6 : 0, total ? times[total * 99 / 100] * 1e6 : 0);
    return lost != 0;
}
