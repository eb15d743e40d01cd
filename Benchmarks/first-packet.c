/* first-packet ROUTER COUNT LABEL: what the first packet of a flow costs its sender.
 *
 * Sends COUNT UDP packets from 11.0.0.1, each from another port or to another port, so that each is the first of a flow.
 * Between virtual interfaces the sender's CPU carries a packet all the way to the receiver, the router's tables
 * included. Run where 11.0.0.1 may be used as source (the program adds it to the loopback interface).
 */
#include <arpa/inet.h>
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
    if (argc < 4)
        return 2;
    int count = atoi(argv[2]);
    if (system("ip addr add 11.0.0.1/32 dev lo 2>/dev/null") < 0)
        return 1;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    inet_pton(AF_INET, "11.0.0.1", &from.sin_addr);
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    if (bind(s, (struct sockaddr *)&from, sizeof from) < 0)
        return perror("bind"), 1;
    double *times = calloc(count, sizeof *times);
    for (int i = 0; i < count; i++) {
        to.sin_port = htons((uint16_t)(30000 + i % 30000));
        double begin = now();
        sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
        times[i] = now() - begin;
    }
    qsort(times, count, sizeof *times, order);
    printf("  %6s permissions: p50 %.1f us, p99 %.1f us\n", argv[3], times[count / 2] * 1e6, times[count * 99 / 100] * 1e6);
    return 0;
}
