/*
 * RSA moduli that anybody can factor, found by arithmetic on the public number alone. No library does this for us: OpenSSL's
 * check of a public key (EVP_PKEY_public_check) knows small factors and powers only, and spends a modular exponentiation on
 * them. Called by csr_key.c for keys whose subject is known. Pure; every rule is deterministic.
 */
#ifndef REQUEST_RSA_MODULUS_H
#define REQUEST_RSA_MODULUS_H

#include <stddef.h>
#include <stdint.h>

#define RSA_MODULUS_MOST_BYTES 512 /* longer ones are not to be asked about */
#define RSA_MODULUS_ROUNDS     110 /* of Fermat's factorisation, as Boulder has it; the CA/B Forum asks for 100 */

enum rsa_fault {
    RSA_SOUND = 0,
    RSA_SMALL_FACTOR, /* even, or divisible by a prime up to 751 (SP 800-89 5.3.3; CA/B BR 6.1.6) */
    RSA_PATTERN,      /* its bytes show that its primes were not random (rsa_pattern.h) */
    RSA_ROCA,         /* has the form of Infineon's RSALib (CVE-2017-15361) */
    RSA_POWER,        /* a square, or a higher power of one number (CA/B BR 6.1.6) */
    RSA_CLOSE_PRIMES, /* factored by RSA_MODULUS_ROUNDS of Fermat's method (CVE-2022-26320) */
    RSA_NO_MEMORY
};

/* `modulus`: big-endian, no zero in front, 256 to RSA_MODULUS_MOST_BYTES bytes. The cheapest rules first. */
enum rsa_fault rsa_modulus_check(const uint8_t *modulus, size_t len);

#endif
