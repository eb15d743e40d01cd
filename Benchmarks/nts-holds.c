/* nts-holds ADDRESS COUNT CLIENTS RATE WAIT: makes a server hold COUNT answers at one time.
 *
 * Asks ADDRESS port 53 for name1.example.net, name2.example.net, ..., RATE a second, from CLIENTS addresses in turn
 * (10.128.0.1 on, which must be local), says "asked" when all are sent and takes answers for WAIT seconds. Prints how
 * many came, and when the first and the last did after the first question.
 *
 *     cc -O2 -o nts-holds nts-holds.c
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static struct pollfd *sockets;
static int clients, answered, failed;
static double begin, first, last;

static void drain(int timeout)
{
    if (poll(sockets, clients, timeout) <= 0)
        return;
    for (int i = 0; i < clients; i++) {
        uint8_t m[512];
        ssize_t n;
        while (sockets[i].revents && (n = recv(sockets[i].fd, m, sizeof m, MSG_DONTWAIT)) > 12) {
            last = now() - begin;
            if (answered++ == 0)
                first = last;
            if ((m[3] & 15) != 0 || m[7] == 0)
                failed++;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return fprintf(stderr, "usage: nts-holds ADDRESS COUNT CLIENTS RATE WAIT\n"), 2;
    int count = atoi(argv[2]), rate = atoi(argv[4]);
    clients = atoi(argv[3]);
    struct rlimit many = {clients + 64, clients + 64};
    setrlimit(RLIMIT_NOFILE, &many);
    sockets = calloc(clients, sizeof *sockets);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        return 2;
    for (int i = 0; i < clients; i++) {
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a800001u + i)};
        sockets[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN};
        if (bind(sockets[i].fd, (struct sockaddr *)&own, sizeof own) < 0 ||
            connect(sockets[i].fd, (struct sockaddr *)&server, sizeof server) < 0)
            return perror("nts-holds"), 1;
    }
    begin = now();
    for (int i = 0; i < count; i++) {
        uint8_t m[64] = {i >> 8, i, 1, 0, 0, 1}, *p = m + 12;
        int length = sprintf((char *)p + 1, "name%d", i + 1);
        *p = length;
        memcpy(p + 1 + length, "\7example\3net\0\0\1\0\1", 18);
        send(sockets[i % clients].fd, m, 12 + 1 + length + 17, 0);
        if (i % 100 == 99) {
            double ahead = begin + (double)i / rate - now();
            if (ahead > 0)
                usleep(ahead * 1e6);
        }
    }
    printf("asked in %.1f s\n", now() - begin);
    fflush(stdout);
    for (double end = now() + atof(argv[5]); answered < count && now() < end;)
        drain(100);
    printf("%d of %d answered (%d without address), from %.1f to %.1f s\n", answered, count, failed, first, last);
    return answered != count;
}
