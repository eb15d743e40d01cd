#ifndef TORII_TLS_H
#define TORII_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TLS over octets that somebody else carries: nothing here touches a socket. */

typedef struct torii_tls_context torii_tls_context;
typedef struct torii_tls torii_tls;

enum {
    TORII_TLS_BAD_CERTIFICATE = 1,
    TORII_TLS_BAD_KEY = 2,
    TORII_TLS_NO_MEMORY = 3,
};

enum {
    TORII_TLS_CLOSED = -1, /* the peer said that it has no more */
    TORII_TLS_FAILED = -2, /* not TLS, refused, or broken: send what is pending and close */
};

/* Reads a certificate chain and its key from PEM files. `protocols` is the ALPN list (each name with a length octet),
   best first; with `strict`, a client that offers only others is refused. TLS 1.2 and 1.3; no early data, no
   renegotiation. NULL, and *problem set, when it cannot be used. */
torii_tls_context *torii_tls_context_create(const char *certificate_file, const char *key_file,
                                            const uint8_t *protocols, size_t length, bool strict, int *problem);
/* The client's side. With `verify` the peer's certificate must be good by the authorities in the PEM file `ca_file`, or by
   the system's when it is NULL. NULL, and *problem set, when it cannot be used. */
torii_tls_context *torii_tls_client_context_create(const char *ca_file, bool verify, const uint8_t *protocols,
                                                   size_t length, int *problem);
void torii_tls_context_free(torii_tls_context *context);

/* One connection; the context must outlive it. NULL: no memory. */
torii_tls *torii_tls_create(torii_tls_context *context);
/* One connection to a server. Its certificate, if it is verified, must show the host `name`, or the address of `octets`
   octets when `name` is NULL. NULL: no memory. */
torii_tls *torii_tls_create_client(torii_tls_context *context, const char *name, const uint8_t *address, size_t octets);
void torii_tls_free(torii_tls *tls);

/* Octets from the network. False: no memory. Read everything afterwards. */
bool torii_tls_feed(torii_tls *tls, const void *octets, size_t length);
/* Octets for us: how many, 0 when there are none now, TORII_TLS_CLOSED or TORII_TLS_FAILED. Drives the handshake. */
long torii_tls_read(torii_tls *tls, void *into, size_t capacity);
/* Octets for the peer, all or nothing: false when the connection cannot take any. */
bool torii_tls_write(torii_tls *tls, const void *octets, size_t length);
/* Tells the peer that we have no more. */
void torii_tls_finish(torii_tls *tls);

/* Octets for the network: how many wait, and taking them. */
size_t torii_tls_pending(const torii_tls *tls);
size_t torii_tls_take(torii_tls *tls, void *into, size_t capacity);

bool torii_tls_is_established(const torii_tls *tls);
/* The protocol agreed on; returns its length, 0 = none. */
size_t torii_tls_protocol(const torii_tls *tls, char *out, size_t capacity);

#endif
