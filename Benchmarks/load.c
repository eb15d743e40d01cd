/* A load generator for one server: a bounded number of DNS queries, a bounded number of them outstanding.
 *
 *   load udp|tcp|udp-do ADDRESS PORT FILE COUNT OUTSTANDING [SEED]
 *
 * FILE holds lines "NAME TYPENUMBER RCODE"; lines are drawn at random, or in order with SEED 0; `udp-do` sets DO. Every response is checked: ID, QR, the question,
 * the RCODE, no TC. Prints "answered wrong lost seconds p50us p99us". A query without response after two seconds is lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LINES = 200000, MAX_OUTSTANDING = 1024, BATCH = 32, SIZE = 4096 };

struct query { uint8_t bytes[300]; uint16_t length; uint8_t rcode; };
static struct query *queries;
static int query_count;

struct slot { int query; uint64_t sent; };
static struct slot slots[65536];
static uint32_t latencies[1 << 20];
static int latency_count;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_queries(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) fail(path);
    queries = calloc(MAX_LINES, sizeof *queries);
    char name[256];
    unsigned type, rcode;
    while (query_count < MAX_LINES && fscanf(file, "%255s %u %u", name, &type, &rcode) == 3) {
        struct query *q = &queries[query_count++];
        uint8_t *p = q->bytes;
        memcpy(p, "\0\0\0\0\0\1\0\0\0\0\0\1", 12);
        p[2] = 1; /* RD */
        p += 12;
        for (char *label = strtok(name, "."); label; label = strtok(NULL, ".")) {
            size_t length = strlen(label);
            *p++ = (uint8_t)length;
            memcpy(p, label, length);
            p += length;
        }
        *p++ = 0;
        *p++ = (uint8_t)(type >> 8);
        *p++ = (uint8_t)type;
        *p++ = 0;
        *p++ = 1;
        memcpy(p, "\0\0\51\4\320\0\0\0\0\0\0", 11); /* OPT, 1232 octets */
        p += 11;
        q->length = (uint16_t)(p - q->bytes);
        q->rcode = (uint8_t)rcode;
    }
    fclose(file);
    if (query_count == 0) { fprintf(stderr, "no queries in %s\n", path); exit(1); }
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Whether a response answers what was asked; notes the time it took. */
static int check(const uint8_t *bytes, int length, int *outstanding) {
    if (length < 12) return 0;
    uint16_t id = (uint16_t)(bytes[0] << 8 | bytes[1]);
    struct slot *slot = &slots[id];
    if (slot->query < 0) return 0;
    struct query *q = &queries[slot->query];
    uint32_t took = (uint32_t)((now() - slot->sent) / 1000);
    slot->query = -1;
    (*outstanding)--;
    if (latency_count < (int)(sizeof latencies / sizeof *latencies)) latencies[latency_count++] = took;
    int question = q->length - 12 - 11;
    return (bytes[2] & 0x80) && !(bytes[2] & 2) && (bytes[3] & 15) == q->rcode && length >= 12 + question
        && memcmp(bytes + 12, q->bytes + 12, (size_t)question) == 0;
}

static int in_order, wants_dnssec;

static int fill(uint8_t *out) {
    static uint16_t next;
    static int line;
    while (slots[++next].query >= 0) {}
    int index = in_order ? line++ % query_count : (int)(draw() % (uint64_t)query_count);
    slots[next] = (struct slot){index, now()};
    memcpy(out, queries[index].bytes, queries[index].length);
    out[0] = (uint8_t)(next >> 8);
    out[1] = (uint8_t)next;
    if (wants_dnssec) out[queries[index].length - 4] = 0x80;
    return queries[index].length;
}

int main(int argc, char **argv) {
    if (argc < 7) { fprintf(stderr, "usage: load udp|tcp|udp-do ADDRESS PORT FILE COUNT OUTSTANDING [SEED]\n"); return 2; }
    int is_tcp = strcmp(argv[1], "tcp") == 0;
    wants_dnssec = strcmp(argv[1], "udp-do") == 0;
    in_order = argc > 7 && strcmp(argv[7], "0") == 0;
    read_queries(argv[4]);
    long count = atol(argv[5]), sent = 0, answered = 0, wrong = 0, lost = 0;
    int limit = atoi(argv[6]), outstanding = 0;
    if (limit < 1 || limit > MAX_OUTSTANDING) limit = MAX_OUTSTANDING;
    if (argc > 7) seed ^= strtoull(argv[7], NULL, 10) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 65536; i++) slots[i].query = -1;

    int s = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    inet_pton(AF_INET, argv[2], &to.sin_addr);
    if (connect(s, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
    int one = 1, room = 4 << 20;
    if (is_tcp) setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);

    static uint8_t buffers[BATCH][SIZE], stream[1 << 20];
    int stream_length = 0;
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    uint64_t begun = now();
    while (answered + wrong + lost < count) {
        while (sent < count && outstanding < limit) {
            int batch = limit - outstanding < BATCH ? limit - outstanding : BATCH;
            if (batch > count - sent) batch = (int)(count - sent);
            if (is_tcp) {
                uint8_t out[BATCH * 302];
                int length = 0;
                for (int i = 0; i < batch; i++) {
                    int size = fill(out + length + 2);
                    out[length] = (uint8_t)(size >> 8);
                    out[length + 1] = (uint8_t)size;
                    length += 2 + size;
                }
                if (send(s, out, (size_t)length, 0) != length) fail("send");
            } else {
                memset(messages, 0, sizeof messages);
                for (int i = 0; i < batch; i++) {
                    parts[i] = (struct iovec){buffers[i], (size_t)fill(buffers[i])};
                    messages[i].msg_hdr.msg_iov = &parts[i];
                    messages[i].msg_hdr.msg_iovlen = 1;
                }
                if (sendmmsg(s, messages, (unsigned)batch, 0) != batch) fail("sendmmsg");
            }
            sent += batch;
            outstanding += batch;
        }
        struct pollfd waiting = {s, POLLIN, 0};
        if (poll(&waiting, 1, 2000) == 0) {
            lost += outstanding;
            outstanding = 0;
            for (int i = 0; i < 65536; i++) slots[i].query = -1;
            continue;
        }
        if (is_tcp) {
            ssize_t got = recv(s, stream + stream_length, sizeof stream - (size_t)stream_length, 0);
            if (got <= 0) fail("recv");
            stream_length += (int)got;
            int at = 0;
            while (stream_length - at >= 2) {
                int size = stream[at] << 8 | stream[at + 1];
                if (stream_length - at < 2 + size) break;
                if (check(stream + at + 2, size, &outstanding)) answered++; else wrong++;
                at += 2 + size;
            }
            memmove(stream, stream + at, (size_t)(stream_length - at));
            stream_length -= at;
        } else {
            memset(messages, 0, sizeof messages);
            for (int i = 0; i < BATCH; i++) {
                parts[i] = (struct iovec){buffers[i], SIZE};
                messages[i].msg_hdr.msg_iov = &parts[i];
                messages[i].msg_hdr.msg_iovlen = 1;
            }
            int got = recvmmsg(s, messages, BATCH, MSG_DONTWAIT, NULL);
            if (got < 0 && errno != EAGAIN) fail("recvmmsg");
            for (int i = 0; i < got; i++) {
                if (check(buffers[i], (int)messages[i].msg_len, &outstanding)) answered++; else wrong++;
            }
        }
    }
    double seconds = (double)(now() - begun) / 1e9;
    qsort(latencies, (size_t)latency_count, sizeof *latencies, compare);
    uint32_t p50 = latency_count ? latencies[latency_count / 2] : 0;
    uint32_t p99 = latency_count ? latencies[(int)(latency_count * 0.99)] : 0;
    printf("%ld %ld %ld %.3f %u %u\n", answered, wrong, lost, seconds, p50, p99);
    return wrong || lost ? 1 : 0;
}
