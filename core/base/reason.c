/*
 * The reasons of problems; see reason.h. A new one gets its row here, and in docs/api.md.
 */
#include "base/reason.h"

#include <string.h>

#include "base/error.h"

/* Reasons whose code alone would say too little. */
static const struct {
    const char *slug, *title;
} reasons[] = {
    { "no-csr",                 "The body holds no CSR"                             },
    { "several-csrs",           "The body holds several CSRs"                       },
    { "bad-pem",                "The CSR's PEM is broken"                           },
    { "bad-der",                "The CSR's DER is broken"                           },
    { "csr-too-large",          "The CSR is too large"                              },
    { "csr-version",            "The CSR's version is unknown"                      },
    { "bad-attribute",          "The CSR has an attribute it cannot have"           },
    { "bad-signature",          "The CSR is not signed by its own key"              },
    { "signature-algorithm",    "The CSR is signed with an algorithm not accepted"  },
    { "key-type",               "Keys of this type are not accepted"                },
    { "weak-key",               "The key is too weak"                               },
    { "rsa-exponent",           "The RSA key's exponent is not 65537"               },
    { "rsa-small-factor",       "The RSA key's modulus has a small factor"          },
    { "rsa-pattern",            "The RSA key's modulus follows a pattern"           },
    { "rsa-roca",               "The RSA key was made by a broken chip (ROCA)"      },
    { "rsa-power",              "The RSA key's modulus is a power"                  },
    { "rsa-close-primes",       "The RSA key's primes lie close together"           },
    { "rsa-shared-prime",       "The RSA key shares a prime with another key"       },
    { "ec-point",               "The EC key's point is not on its curve"            },
    { "compromised-key",        "The key is known to others"                        },
    { "revoked-key",            "A certificate with this key was revoked"           },
    { "own-key",                "The key is the server's own"                       },
    { "bad-subject",            "The subject cannot be read"                        },
    { "unknown-subject",        "Invalid subject"                                   },
    { "token-needed",           "A token is needed"                                 },
    { "bad-authorization",      "The Authorization field cannot be read"            },
    { "bad-scheme",             "Only the scheme Bearer is understood"              },
    { "bad-token",              "The token is not known"                            },
    { "token-expired",          "The token has expired"                             },
    { "token-disabled",         "The token's client is disabled"                    },
    { "certificate-needed",     "A client certificate is needed"                    },
    { "bad-certificate",        "The client certificate cannot be verified"         },
    { "unknown-certificate",    "The client certificate is not known"               },
    { "certificate-expired",    "The client certificate has expired"                },
    { "certificate-disabled",   "The certificate's client is disabled"              },
    { "bad-client-cert",        "The proxy's Client-Cert field cannot be read"      },
    { "wrong-subject",          "This client may not ask for this subject"          },
    { "bad-name",               "A name in the CSR is not a host name"              },
    { "no-names",               "The CSR asks for no name"                          },
    { "too-many-names",         "The CSR asks for too many names"                   },
    { "cn-only",                "The CSR needs a subjectAltName"                    },
    { "san-type",               "The CSR asks for something else than DNS names"    },
    { "extension",              "The CSR asks for an extension it cannot have"      },
    { "name-not-allowed",       "This subject may not ask for this name"            },
    { "name-not-of-key",        "The name is not that of the key"                   },
    { "foreign-name",           "A name lies outside the subject's zone"            },
    { "key-bound",              "The key has a certificate for other names"         },
    { "not-granted",            "This subject may not ask now"                      },
    { "bad-label",              "A label is malformed"                              },
    { "bad-json",               "The body is not the JSON that is needed"           },
    { "too-many-posts",         "This source posts too often"                       },
    { "too-many-failed-posts",  "Too many posts of this source were refused"        },
    { "too-many-polls",         "This source asks too often"                        },
    { "too-many-waiting",       "Too many posts of this source wait for an answer"  },
    { "too-many-open-orders",   "Too many orders of this source are open"           },
    { "too-many-orders-subject", "This subject has had its orders for now"          },
    { "too-many-orders-client", "This client has had its orders for now"            },
    { "too-many-orders-zone",   "This zone has had its orders for now"              },
    { "no-such-request",        "There is no such request"                          },
    { "no-visits",              "The server records no visits"                      },
    { "certificate-revoked",    "The certificate was revoked"                       },
    { "bad-revocation",         "The revocation cannot be read"                     },
    { "bad-reason",             "A certificate cannot be revoked for this reason"   },
    { "revocation-stale",       "The revocation was signed too long ago"            },
    { "revocation-proof",       "The revocation is not signed by the certificate's key" },
    { "not-issued-here",        "This server did not issue the certificate"         },
    { "certificate-ended",      "The certificate has ended"                         },
    { "revocation-pending",     "The CA has not confirmed the revocation yet"       },
    { "still-running",          "The certificate is not ready yet"                  },
    { "storage-unavailable",    "The server cannot write orders down"               },
    { "storage-damaged",        "The server's database is damaged"                  },
    { "zone-queue-full",        "The zone's queue is full"                          },
    { "queue-timed-out",        "The zone's queue is too long"                      },
    { "no-dns-instance",        "The zone's DNS instance is missing"                },
    { "not-visible",            "The challenge did not become visible in time"      },
    { "challenge-failed",       "The CA could not verify the challenge"             },
    { "cname-missing",          "The challenge's CNAME record is missing"           },
    { "cname-target",           "The challenge's CNAME leads where it must not"     },
    { "cname-chain",            "The challenge's CNAME records lead nowhere"        },
    { "dns-no-zone",            "The DNS server has no zone for the challenge"      },
    { "dns-secondary",          "The DNS server is not the primary of the zone"     },
    { "dns-key",                "The DNS server does not know the key"              },
    { "dns-forbidden",          "Access to the DNS server is forbidden"             },
    { "dns-not-found",          "The DNS server's API is not at its address"        },
    { "dns-redirect",           "The DNS server's API has moved"                    },
    { "dns-refused",            "The DNS server refused the change"                 },
    { "dns-unavailable",        "The DNS server failed"                             },
    { "dns-bad-reply",          "The DNS server's answer makes no sense"            },
    { "dns-rate-limited",       "The DNS server wants fewer requests"               },
    { "dns-contested",          "Somebody else keeps changing the TXT records"      },
    { "foreign-challenge",      "The CA asks for a challenge outside the zone"      },
    { "bad-chain",              "The CA's certificate is not what was asked for"    },
    { "order-lost",             "The order was lost"                                },
    { "ca-out",                 "The CA is out"                                     },
    { "ca-unavailable",         "The CA cannot be reached, or failed"               },
    { "ca-unfinished",          "The CA wants to be asked again later"              },
    { "ca-rate-limited",        "The CA's limit is reached"                         },
    { "ca-refused",             "The CA refused"                                    },
    { "ca-caa",                 "A CAA record forbids this CA"                      },
    { "ca-rejected-identifier", "The CA does not issue for this name"               },
    { "ca-unauthorized",        "The CA says the account may not do this"           },
    { "ca-bad-csr",             "The CA does not accept the CSR"                    },
    { "ca-bad-public-key",      "The CA does not accept the key"                    },
    { "ca-bad-profile",         "The CA does not have this profile"                 },
    { "ca-no-dns01",            "The CA does not offer dns-01 for this name"        },
    { "ca-bad-reply",           "The CA's answer makes no sense"                    },
    { "ca-bad-url",             "The CA names a URL that must not be followed"      },
    { "ca-bad-token",           "The CA sent a token that must not be used"         },
    { "ca-bad-nonce",           "The CA refused every nonce"                        },
    { "ca-in-circles",          "The CA's order never ends"                         },
    { "ca-order-gone",          "The CA has forgotten the order"                    },
    { "ca-order-not-ready",     "The CA's order does not become ready"              },
    { "ca-authorization-ended", "The CA's authorization ended early"                },
    { "ca-already-replaced",    "The certificate has been replaced already"         },
    { "ca-already-revoked",     "The certificate has been revoked already"          },
    { "ca-bad-reason",          "The CA does not know the reason of the revocation" },
    { "ca-no-revocation",       "The CA cannot revoke certificates"                 },
    { "ca-account-lost",        "The CA has lost the account"                       },
    { "ca-account-closed",      "The CA has closed the account"                     },
    { "ca-bad-contact",         "The CA does not accept the account's address"      },
    { "ca-bad-key-type",        "The CA does not accept the account's key"          },
    { "ca-eab-required",        "The CA wants the account bound to another one"     },
    { "ca-terms",               "The CA's terms have not been agreed to"            },
    { "ca-user-action",         "The CA wants its operator to do something first"   },
};

bool reason_at(size_t index, const char **slug, const char **title)
{
    if (index >= sizeof reasons / sizeof *reasons)
        return false;
    *slug = reasons[index].slug;
    *title = reasons[index].title;
    return true;
}

static size_t place_of(const char *slug)
{
    size_t i = 0;

    while (i < sizeof reasons / sizeof *reasons && strcmp(reasons[i].slug, slug) != 0)
        i++;
    return i;
}

const char *reason_title(const char *slug)
{
    const size_t i = place_of(slug);

    return i < sizeof reasons / sizeof *reasons ? reasons[i].title : NULL;
}

const char *reason_word(const struct cs_error *err)
{
    size_t i;

    if (!err->reason[0])
        return error_kind(err->code)->slug;
    i = place_of(err->reason);
    return i < sizeof reasons / sizeof *reasons ? reasons[i].slug : "other";
}
