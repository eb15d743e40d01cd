#include "torii_tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct torii_tls_context {
    SSL_CTX *ssl;
    uint8_t *protocols;
    unsigned length;
    bool strict;
};

struct torii_tls {
    SSL *ssl;
    BIO *in;
    BIO *out;
    bool failed;
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
                           unsigned offered_length, void *argument)
{
    (void)ssl;
    const torii_tls_context *context = argument;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_length, context->protocols, context->length, offered, offered_length)
        == OPENSSL_NPN_NEGOTIATED) {
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
    }
    return context->strict ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

torii_tls_context *torii_tls_context_create(const char *certificate_file, const char *key_file,
                                            const uint8_t *protocols, size_t length, bool strict, int *problem)
{
    *problem = TORII_TLS_NO_MEMORY;
    ERR_clear_error();
    torii_tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->strict = strict;
    context->length = (unsigned)length;
    context->protocols = malloc(length ? length : 1);
    context->ssl = SSL_CTX_new(TLS_server_method());
    if (!context->protocols || !context->ssl)
        goto refused;
    memcpy(context->protocols, protocols, length);
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_num_tickets(context->ssl, 1);
    /* Sessions live in the clients' tickets, not here. */
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    static const unsigned char session_name[] = "torii";
    SSL_CTX_set_session_id_context(context->ssl, session_name, sizeof session_name - 1);
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, context);
    *problem = TORII_TLS_BAD_CERTIFICATE;
    if (SSL_CTX_use_certificate_chain_file(context->ssl, certificate_file) != 1)
        goto refused;
    *problem = TORII_TLS_BAD_KEY;
    if (SSL_CTX_use_PrivateKey_file(context->ssl, key_file, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_check_private_key(context->ssl) != 1)
        goto refused;
    *problem = 0;
    return context;
refused:
    torii_tls_context_free(context);
    ERR_clear_error();
    return NULL;
}

torii_tls_context *torii_tls_client_context_create(const char *ca_file, bool verify, const uint8_t *protocols,
                                                   size_t length, int *problem)
{
    *problem = TORII_TLS_NO_MEMORY;
    ERR_clear_error();
    torii_tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->ssl = SSL_CTX_new(TLS_client_method());
    if (!context->ssl)
        goto refused;
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_alpn_protos(context->ssl, protocols, (unsigned)length) != 0)
        goto refused;
    if (verify) {
        SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
        *problem = TORII_TLS_BAD_CERTIFICATE;
        if (ca_file ? SSL_CTX_load_verify_locations(context->ssl, ca_file, NULL) != 1
                    : SSL_CTX_set_default_verify_paths(context->ssl) != 1)
            goto refused;
    }
    *problem = 0;
    return context;
refused:
    torii_tls_context_free(context);
    ERR_clear_error();
    return NULL;
}

void torii_tls_context_free(torii_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context->protocols);
    free(context);
}

static torii_tls *create(torii_tls_context *context)
{
    torii_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    tls->ssl = SSL_new(context->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out) {
        SSL_free(tls->ssl);
        BIO_free(tls->in);
        BIO_free(tls->out);
        free(tls);
        return NULL;
    }
    /* Empty means "not yet", not "no more". */
    BIO_set_mem_eof_return(tls->in, -1);
    BIO_set_mem_eof_return(tls->out, -1);
    SSL_set_bio(tls->ssl, tls->in, tls->out); /* owned by the session from here */
    return tls;
}

torii_tls *torii_tls_create(torii_tls_context *context)
{
    torii_tls *tls = create(context);
    if (tls)
        SSL_set_accept_state(tls->ssl);
    return tls;
}

torii_tls *torii_tls_create_client(torii_tls_context *context, const char *name, const uint8_t *address, size_t octets)
{
    torii_tls *tls = create(context);
    if (!tls)
        return NULL;
    SSL_set_connect_state(tls->ssl);
    X509_VERIFY_PARAM *wanted = SSL_get0_param(tls->ssl);
    int good = name ? SSL_set_tlsext_host_name(tls->ssl, name) == 1 && X509_VERIFY_PARAM_set1_host(wanted, name, 0) == 1
                    : X509_VERIFY_PARAM_set1_ip(wanted, address, octets) == 1;
    if (good)
        return tls;
    torii_tls_free(tls);
    ERR_clear_error();
    return NULL;
}

void torii_tls_free(torii_tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

bool torii_tls_feed(torii_tls *tls, const void *octets, size_t length)
{
    if (length > INT_MAX)
        return false;
    return length == 0 || BIO_write(tls->in, octets, (int)length) == (int)length;
}

/* What a result of 0 or less means. */
static long outcome(torii_tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return TORII_TLS_CLOSED;
    default:
        tls->failed = true;
        ERR_clear_error();
        return TORII_TLS_FAILED;
    }
}

long torii_tls_read(torii_tls *tls, void *into, size_t capacity)
{
    if (tls->failed)
        return TORII_TLS_FAILED;
    ERR_clear_error();
    int count = SSL_read(tls->ssl, into, capacity > INT_MAX ? INT_MAX : (int)capacity);
    return count > 0 ? count : outcome(tls, count);
}

bool torii_tls_write(torii_tls *tls, const void *octets, size_t length)
{
    if (tls->failed || length > INT_MAX || !SSL_is_init_finished(tls->ssl))
        return false;
    if (length == 0)
        return true;
    ERR_clear_error();
    int count = SSL_write(tls->ssl, octets, (int)length);
    if (count == (int)length)
        return true;
    tls->failed = true;
    ERR_clear_error();
    return false;
}

void torii_tls_finish(torii_tls *tls)
{
    if (tls->failed || !SSL_is_init_finished(tls->ssl))
        return;
    ERR_clear_error();
    if (SSL_shutdown(tls->ssl) < 0)
        ERR_clear_error();
}

size_t torii_tls_pending(const torii_tls *tls) { return BIO_ctrl_pending(tls->out); }

size_t torii_tls_take(torii_tls *tls, void *into, size_t capacity)
{
    int count = BIO_read(tls->out, into, capacity > INT_MAX ? INT_MAX : (int)capacity);
    return count > 0 ? (size_t)count : 0;
}

bool torii_tls_is_established(const torii_tls *tls) { return SSL_is_init_finished(tls->ssl); }

size_t torii_tls_protocol(const torii_tls *tls, char *out, size_t capacity)
{
    const unsigned char *name = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(tls->ssl, &name, &length);
    if (length > capacity)
        return 0;
    if (length)
        memcpy(out, name, length);
    return length;
}
