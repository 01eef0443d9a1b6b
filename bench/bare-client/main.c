/*
 * What an ACME client costs that does nothing but ask: the yardstick of bench/latency and bench/throughput, which start it.
 *
 *     bare-client DIRECTORY CA_FILE DNS_PORT ZONE
 *
 * Registers an account, serves DNS on 127.0.0.1:DNS_PORT (the CA's resolver), says "ready", and then reads lines "CLIENTS
 * ORDERS": each is answered, when so many orders were served by so many clients at a time, with "SECONDS CPU_MS REQUESTS". Keys
 * and CSRs are made before the clock starts. And
 *
 *     bare-client calibrate
 *
 * prints how many P-256 signatures a second this machine makes one after another, and what one costs in us when 2 ms lie
 * between.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/ec.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "acme.h"
#include "base/base64url.h"
#include "csr.h"

#define MOST_CLIENTS      256
#define MOST_ORDERS       1000000
#define SIGNATURES        2000
#define RESTED_SIGNATURES 200
#define REST_MS           2

struct client {
    struct acme acme;
    pthread_t thread;
    size_t n;
    char (*names)[256];
    char **csrs;
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_ms(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static char *make_csr(EVP_PKEY *key, const char *name)
{
    size_t len;
    unsigned char *der = csr_make(key, name, NULL, &len);
    char *csr = malloc(BASE64_ENCODED_MAX(len));

    if (!der || !csr)
        acme_fail("csr", "OpenSSL made none");
    base64url_encode(csr, der, len);
    OPENSSL_free(der);
    return csr;
}

static void prepare(struct client *client, size_t n, EVP_PKEY *key, const char *zone)
{
    static unsigned long made; /* every name is fresh */

    client->n = n;
    client->names = calloc(n + 1, sizeof *client->names);
    client->csrs = calloc(n + 1, sizeof *client->csrs);
    if (!client->names || !client->csrs)
        acme_fail("orders", "no memory");
    for (size_t i = 0; i < n; i++) {
        snprintf(client->names[i], sizeof client->names[i], "b%lu.%s", made++, zone);
        client->csrs[i] = make_csr(key, client->names[i]);
    }
}

static void *order_all(void *arg)
{
    struct client *client = arg;

    for (size_t i = 0; i < client->n; i++)
        acme_order(&client->acme, client->names[i], client->csrs[i]);
    return NULL;
}

static void put_away(struct client *client)
{
    for (size_t i = 0; i < client->n; i++)
        free(client->csrs[i]);
    free(client->csrs);
    free(client->names);
}

static void serve(struct client *clients, size_t n_clients, size_t orders, EVP_PKEY *key, const char *zone)
{
    double began, began_ms, seconds;
    long requests = 0;

    for (size_t i = 0; i < n_clients; i++) {
        prepare(&clients[i], orders / n_clients + (i < orders % n_clients), key, zone);
        acme_warm_up(&clients[i].acme);
        requests -= clients[i].acme.requests;
    }
    began = seconds_of(CLOCK_MONOTONIC);
    began_ms = cpu_ms();
    for (size_t i = 0; i < n_clients; i++)
        if (pthread_create(&clients[i].thread, NULL, order_all, &clients[i]) != 0)
            acme_fail("thread", "cannot be made");
    for (size_t i = 0; i < n_clients; i++)
        pthread_join(clients[i].thread, NULL);
    seconds = seconds_of(CLOCK_MONOTONIC) - began;
    began_ms = cpu_ms() - began_ms;
    for (size_t i = 0; i < n_clients; i++) {
        requests += clients[i].acme.requests;
        put_away(&clients[i]);
    }
    printf("%.6f %.3f %ld\n", seconds, began_ms, requests);
    fflush(stdout);
}

static int serve_all(const char *directory, const char *ca_file, uint16_t port, const char *zone)
{
    static struct client clients[MOST_CLIENTS];
    struct acme_account account = { 0 };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct dns *dns = dns_open(port);
    size_t n_clients, orders;

    if (!dns || !key)
        acme_fail("DNS server", strerror(errno));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    acme_register(&account, directory, ca_file);
    for (unsigned i = 0; i < MOST_CLIENTS; i++) {
        clients[i].acme = (struct acme){ .dns = dns, .slot = i };
        acme_open(&clients[i].acme, &account, ca_file);
    }
    puts("ready");
    fflush(stdout);
    while (scanf("%zu %zu", &n_clients, &orders) == 2) {
        if (n_clients < 1 || n_clients > MOST_CLIENTS || orders < n_clients || orders > MOST_ORDERS)
            acme_fail("input", "not CLIENTS ORDERS");
        serve(clients, n_clients, orders, key, zone);
    }
    return 0;
}

/* ---- calibration ------------------------------------------------------------------------------------------------- */

/* Seconds of CPU for one signature. */
static double sign_s(EVP_PKEY *key, EVP_MD_CTX *ctx)
{
    static const unsigned char message[256];
    unsigned char signature[128];
    size_t len = sizeof signature;
    double began = seconds_of(CLOCK_THREAD_CPUTIME_ID);

    if (EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
        EVP_DigestSign(ctx, signature, &len, message, sizeof message) != 1)
        acme_fail("calibrate", "OpenSSL does not sign");
    return seconds_of(CLOCK_THREAD_CPUTIME_ID) - began;
}

static int calibrate(void)
{
    const struct timespec rest = { .tv_nsec = REST_MS * 1000000 };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    double busy_s = 0, rested_s = 0;

    if (!key || !ctx)
        acme_fail("calibrate", "no memory");
    for (int i = 0; i < SIGNATURES; i++)
        busy_s += sign_s(key, ctx);
    for (int i = 0; i < RESTED_SIGNATURES; i++) {
        nanosleep(&rest, NULL);
        rested_s += sign_s(key, ctx);
    }
    printf("%.0f %.1f\n", SIGNATURES / busy_s, rested_s / RESTED_SIGNATURES * 1e6);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return 0;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long port = argc == 5 ? strtoul(argv[3], &end, 10) : 0;

    if (argc == 2 && strcmp(argv[1], "calibrate") == 0)
        return calibrate();
    if (argc == 5 && end && !*end && port > 0 && port < 65536)
        return serve_all(argv[1], argv[2], (uint16_t)port, argv[4]);
    fputs("bare-client DIRECTORY CA_FILE DNS_PORT ZONE | bare-client calibrate\n", stderr);
    return 2;
}
