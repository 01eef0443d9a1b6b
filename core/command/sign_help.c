/*
 * `countersign sign --help`; see sign.h. docs/renew.md says more about renewing.
 */
#include <stdio.h>

#include "command/sign.h"

static const char help[] =
    "usage: countersign sign --server URL --name HOST [OPTION …]\n"
    "\n"
    "Gets a certificate from a Countersign server: makes a key and a CSR, posts the CSR, waits, checks that the chain fits the "
    "key,\n"
    "and writes it. The key never leaves this host.\n"
    "\n"
    "  --server URL         the server, such as https://countersign.example.com:8443\n"
    "  --name HOST          the host name; the subject is then CN=HOST\n"
    "  --subject SUBJECT    or the whole subject, CN=HOST,O=Example,C=IT or /C=IT/O=Example/CN=HOST\n"
    "  --san HOST           one more host name; may be repeated\n"
    "  --key FILE           the private key, used if it is there, otherwise made with mode 0600; default key.pem\n"
    "  --key-type TYPE      p256 (default), p384, rsa2048, rsa3072 or rsa4096\n"
    "  --out FILE           where the chain goes, leaf first; replaced as a whole; default chain.pem\n"
    "  --csr FILE           keep the CSR here, too\n"
    "  --label NAME=VALUE   a label for the server's statistics; may be repeated\n"
    "  --ca-file FILE       trust anchors for the server's https, in PEM; default: the system's\n"
    "  --insecure-http      allow http:// to another host\n"
    "  --timeout SECONDS    give up after this long; default 300\n"
    "  --json               one line of JSON on standard output, everything else on standard error\n"
    "  --print              only show the openssl and curl lines that do the same by hand\n"
    "  -q, --quiet          tell nothing but errors\n"
    "  -h, --help           this text\n"
    "\n"
    "To renew, run the same command again and again, with one of the first two:\n"
    "  --renew-within third do nothing until a third of the certificate's life is left,\n"
    "  --renew-within TIME  or until it ends within that time: 30d, 12h\n"
    "  --new-key            renew with a new key, put in place together with its chain\n"
    "  --deploy PROGRAM     run `PROGRAM CHAIN KEY` once the chain is in place; if it fails, the old files are put back\n"
    "  --deploy-timeout S   end it after so many seconds, which is a failure; default 120\n"
    "  --splay TIME         before asking, wait at random up to that long; not on a terminal, nor where none works\n"
    "\n"
    "Exit codes, with the word that --json has for them:\n"
    "  0  renewed        the chain is in place, and the deploy program has run\n"
    "  1  failed         it failed here: a file, the key, the server's TLS certificate\n"
    "  2  usage          the command line is wrong\n"
    "  3  refused        the server refused, or the CA did: the same command will be refused again\n"
    "  4  later          try again later (busy, limits, no answer): the same command goes on where this one stopped\n"
    "  5  misfit         the answer is not a chain for this key and these names; nothing was written\n"
    "  6  nothing-due    there is time: nobody was asked\n"
    "  7  deploy-failed  the deploy program failed, and the old files are in place\n";

void sign_help(FILE *to)
{
    fputs(help, to);
}
