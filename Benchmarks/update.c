/* DNS UPDATE messages (RFC 2136) from a number of clients, each with one of its own outstanding.
 *
 *   update ADDRESS PORT ZONE PREFIX COUNT CLIENTS
 *
 * Message N adds PREFIX-N.ZONE 60 A 10.x.y.z and must be answered NOERROR. An answer that takes two seconds is lost.
 * Prints "acknowledged refused lost seconds p50us p99us".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 1024, SIZE = 512 };

static struct client { long number; uint64_t sent; } clients[MAX_CLIENTS];
static struct pollfd sockets[MAX_CLIENTS];

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint8_t *put_name(uint8_t *p, const char *text) {
    while (*text) {
        size_t length = strcspn(text, ".");
        if (length) {
            *p++ = (uint8_t)length;
            memcpy(p, text, length);
            p += length;
        }
        text += length + (text[length] == '.');
    }
    *p++ = 0;
    return p;
}

static void submit(int index, long number, const char *zone, const char *prefix) {
    uint8_t message[SIZE], *p = message;
    char owner[256];
    snprintf(owner, sizeof owner, "%s-%ld.%s", prefix, number, zone);
    memcpy(p, "\0\0\50\0\0\1\0\0\0\1\0\0", 12);
    p[0] = (uint8_t)(number >> 8);
    p[1] = (uint8_t)number;
    p = put_name(p + 12, zone);
    memcpy(p, "\0\6\0\1", 4);
    p = put_name(p + 4, owner);
    memcpy(p, "\0\1\0\1\0\0\0\74\0\4\12", 11);
    p[11] = (uint8_t)(number >> 16);
    p[12] = (uint8_t)(number >> 8);
    p[13] = (uint8_t)number;
    p += 14;
    clients[index] = (struct client){number, now()};
    send(sockets[index].fd, message, (size_t)(p - message), 0);
}

int main(int argc, char **argv) {
    if (argc < 7) { fprintf(stderr, "usage: update ADDRESS PORT ZONE PREFIX COUNT CLIENTS\n"); return 2; }
    long count = atol(argv[5]), next = 0, good = 0, refused = 0, lost = 0;
    int width = atoi(argv[6]);
    if (width < 1 || width > MAX_CLIENTS) width = MAX_CLIENTS;
    if (width > count) width = (int)count;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    uint32_t *took = calloc((size_t)count, sizeof *took);
    for (int i = 0; i < width; i++) {
        sockets[i] = (struct pollfd){socket(AF_INET, SOCK_DGRAM, 0), POLLIN, 0};
        if (connect(sockets[i].fd, (struct sockaddr *)&to, sizeof to) != 0) { perror("connect"); return 1; }
    }
    uint64_t begun = now();
    for (int i = 0; i < width; i++) submit(i, next++, argv[3], argv[4]);
    while (good + refused + lost < count) {
        int ready = poll(sockets, (nfds_t)width, 2000);
        for (int i = 0; i < width; i++) {
            if (clients[i].number < 0) continue;
            uint8_t answer[SIZE];
            ssize_t size = ready > 0 && sockets[i].revents ? recv(sockets[i].fd, answer, sizeof answer, MSG_DONTWAIT) : -1;
            int isOurs = size >= 12 && (answer[0] << 8 | answer[1]) == (clients[i].number & 0xffff) && answer[2] & 0x80;
            if (!isOurs && now() - clients[i].sent < 2000000000u) continue;
            if (!isOurs) lost++;
            else if (answer[3] & 15) refused++;
            else took[good++] = (uint32_t)((now() - clients[i].sent) / 1000);
            clients[i].number = -1;
            if (next < count) submit(i, next++, argv[3], argv[4]);
        }
    }
    double seconds = (double)(now() - begun) / 1e9;
    qsort(took, (size_t)good, sizeof *took, compare);
    printf("%ld %ld %ld %.3f %u %u\n", good, refused, lost, seconds, good ? took[good / 2] : 0,
           good ? took[(long)((double)good * 0.99)] : 0);
    return refused || lost ? 1 : 0;
}
