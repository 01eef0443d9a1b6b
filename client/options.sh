#!/bin/sh
# Gets a certificate from a Countersign server and renews it when it is time, with nothing but openssl and curl: for machines
# without `countersign sign`, which does the same with the same options, files and exit codes. docs/renew.md tells the rest.
# To be copied along with the software that needs the certificate: meson makes one file of options.sh, files.sh, due.sh,
# server.sh and run.sh and installs it as share/countersign/countersign-renew.sh.
# shellcheck disable=SC2012,SC2015,SC2016,SC2018,SC2019,SC2046,SC2086,SC2094,SC2317,SC3013 # all as meant
set -uf # no file names out of *.example.com
LC_ALL=C
export LC_ALL
umask_before=$(umask)
umask 077

OK=0 FAILED=1 USAGE=2 REFUSED=3 LATER=4 MISFIT=5 NOTHING_DUE=6 DEPLOY_FAILED=7
CONNECT_S=20 LONGEST_PAUSE_S=30 MAX_REPLY=1048576 MAX_STUMBLES=5
me=countersign-renew.sh
cr=$(printf '\r')
mark=$(printf '\001') # in no text that we got
newline='
'

help() {
    cat <<'END'
usage: countersign-renew.sh --server URL --name HOST [OPTION …]

Gets a certificate from a Countersign server: makes a key and a CSR, posts the CSR, waits, checks that the chain fits the key,
and writes it. The key never leaves this host. Needs openssl and curl.

  --server URL         the server, such as https://countersign.example.com:8443
  --name HOST          the host name; the subject is then CN=HOST
  --subject SUBJECT    or the whole subject, /C=IT/O=Example/CN=HOST
  --san HOST           one more host name; may be repeated
  --key FILE           the private key, used if it is there, otherwise made with mode 0600; default key.pem
  --key-type TYPE      of a key that is made: p256 (default), p384, rsa2048, rsa3072 or rsa4096
  --out FILE           where the chain goes, leaf first; replaced as a whole; default chain.pem
  --csr FILE           keep the CSR here, too
  --label NAME=VALUE   a label for the server's statistics; may be repeated
  --ca-file FILE       trust anchors for the server's https, in PEM; default: the system's
  --token-file FILE    a token that says who asks, on one line; sent over https, or to this host
  --client-cert FILE   a certificate that says who asks, in PEM, its chain behind it
  --client-key FILE    its private key; default: the same file
  --insecure-http      allow http:// to another host
  --timeout SECONDS    give up after this long; default 300
  --json               one line of JSON on standard output, everything else on standard error
  -q, --quiet          tell nothing but errors
  -h, --help           this text

To renew, run the same command again and again, with one of the first two:
  --renew-within third do nothing until a third of the certificate's life is left,
  --renew-within TIME  or until it ends within that time: 30d, 12h
  --new-key            renew with a new key, put in place together with its chain
  --deploy PROGRAM     run `PROGRAM CHAIN KEY` once the chain is in place; if it fails, the old files are put back
  --deploy-timeout S   end it after so many seconds, which is a failure; default 120
  --splay TIME         before asking, wait at random up to that long; not on a terminal, nor where none works

Exit codes, with the word that --json has for them:
  0  renewed        the chain is in place, and the deploy program has run
  1  failed         it failed here: a file, the key, the server's TLS certificate
  2  usage          the command line is wrong
  3  refused        the server refused, or the CA did: the same command will be refused again
  4  later          try again later (busy, limits, no answer): the same command goes on where this one stopped
  5  misfit         the answer is not a chain for this key and these names; nothing was written
  6  nothing-due    there is time: nobody was asked
  7  deploy-failed  the deploy program failed, and the old files are in place
END
}

# ---- The end ------------------------------------------------------------------------------------------------------------

say() { [ "$quiet" ] || printf '%s\n' "$1" >&2; }

# Words of others, without a byte that a terminal could take for a command.
clean() { tr '\n\r\t' '   ' | tr -c '\040-\176' '?' | cut -c 1-600; }

quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

text_member() { [ -z "$2" ] || printf ', "%s": %s' "$1" "$(quoted "$2")"; }

time_member() { [ -z "$2" ] || printf ', "%s": "%s"' "$1" "$(time_text "$2")"; }

number_member() { [ -z "$2" ] || printf ', "%s": %d' "$1" "$2"; }

print_json() {
    result=renewed
    for word in failed usage refused later misfit nothing-due deploy-failed; do
        [ "$code" -le 0 ] || result=$word
        code=$((code - 1))
    done
    printf '{"result": "%s", "exit": %d' "$result" "$1"
    text_member chain "$out_typed"
    text_member key "$key_typed"
    comma=
    printf ', "names": ['
    for word in $names; do
        printf '%s"%s"' "$comma" "$word"
        comma=', '
    done
    printf '], "new_key": %s' "$new_key_used"
    text_member reason "$reason"
    text_member serial "$serial"
    time_member not_before "$not_before"
    time_member not_after "$not_after"
    time_member renew_at "$renew_at"
    number_member deploy_exit "$deploy_exit"
    [ "$1" != "$LATER" ] || number_member retry_after "$retry_told"
    text_member error "$error"
    printf '}\n'
}

finish() {
    code=$1
    trap - EXIT
    clean_up
    [ -z "$json" ] || print_json "$1"
    exit "$1"
}

fail() { # CODE WORDS
    error=$2
    printf '%s: %s\n' "$me" "$2" >&2
    finish "$1"
}

mistake() { # OPTION FAULT
    printf '%s: %s: %s\n`%s --help` tells what can be said\n' "$me" "$1" "$2" "$me" >&2
    exit $USAGE
}

# ---- The command line ---------------------------------------------------------------------------------------------------

is_number() { case $1 in '' | *[!0-9]* | ??????????*) return 1 ;; esac; }

# 30d, 12h, 90m, 10s or a number of seconds, as seconds.
duration() {
    n=${1%[dhms]}
    is_number "$n" || return 1
    while [ "${n#0}" != "$n" ] && [ "$n" != 0 ]; do n=${n#0}; done # 08 is no number to a shell
    case $1 in
    *d) echo $((n * 86400)) ;;
    *h) echo $((n * 3600)) ;;
    *m) echo $((n * 60)) ;;
    *) echo "$n" ;;
    esac
}

seconds() { # OPTION WORD
    is_number "$2" && [ "$2" -ge 1 ] && [ "$2" -le 86400 ] || mistake "$1" "must be 1 to 86400 seconds"
}

add_name() { # OPTION WORD
    name=$(printf '%s' "$2" | tr A-Z a-z)
    case $name in
    '' | *[!a-z0-9.*-]* | .* | *. | *..* | -* | *-.* | *.-* | *- | ?*\**) mistake "$1" "is no host name" ;;
    *.*) ;;
    *) mistake "$1" "a host name has at least two labels" ;;
    esac
    case $name in \*[!.]*) mistake "$1" "is no host name" ;; esac
    case " $names " in *" $name "*) ;; *) names="$names${names:+ }$name" ;; esac
}

# The CN of /C=IT/O=Example/CN=HOST is a name as well.
add_subject() {
    case $1 in
    /*=*) ;;
    *) mistake --subject "must be written as openssl does: /C=IT/O=Example/CN=HOST" ;;
    esac
    case $1 in *[[:cntrl:]]*) mistake --subject "must not have control characters" ;; esac
    case $1 in
    */CN=*/CN=*) mistake --subject "has more than one CN" ;;
    */CN=*)
        cn=${1##*/CN=}
        add_name "--subject, its CN" "${cn%%/*}"
        ;;
    esac
}

plain() { # OPTION FILE: as a path that nothing takes for an option
    case $2 in
    '') mistake "$1" "must be a file" ;;
    *[[:cntrl:]]*) mistake "$1" "must not have control characters" ;;
    /*) printf '%s' "$2" ;;
    *) printf './%s' "$2" ;;
    esac
}

make_url() {
    url=$server
    while [ "${url%/}" != "$url" ]; do url=${url%/}; done
    case $url in */v1/sign) ;; *) url=$url/v1/sign ;; esac
    case $url in
    '' | *[[:cntrl:][:space:]?#@\"\\]*) mistake --server "must be a URL such as https://countersign.example.com:8443" ;;
    https://?*/*) ;;
    http://localhost[:/]* | http://127.*.*.*/* | http://\[::1\][:/]*) ;;
    http://?*/*) [ "$insecure_http" ] ||
        mistake --server "plain http is only for this host: use https, or --insecure-http if the way there is safe" ;;
    *) mistake --server "must be a URL such as https://countersign.example.com:8443" ;;
    esac
    origin=${url#*://}
    origin=${url%%://*}://${origin%%/*}
}

server='' one_name='' subject='' sans='' names='' labels='' key_typed=key.pem key_type=p256 key_type_given=''
out_typed=chain.pem csr_typed='' ca_file='' token_file='' client_cert='' client_key=''
insecure_http='' timeout=300 json='' quiet=''
within='' new_key='' deploy='' deploy_timeout=120 splay=''
reason='' serial='' not_before='' not_after='' renew_at='' deploy_exit='' retry_told='' error='' new_key_used=false
work='' locked='' looked='' child='' watch=''

read_options() {
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case $option in
        --*=*)
            set -- "${option#*=}" "$@"
            option=${option%%=*}
            ;;
        --insecure-http | --new-key | --json | --quiet | --help | -q | -h) ;;
        --?*) [ $# -gt 0 ] || mistake "$option" "needs a word behind it" ;;
        *) mistake "$option" "what is this for? Every word belongs to an option" ;;
        esac
        case $option in
        --server) server=$1 ;;
        --name) one_name=$1 ;;
        --subject) subject=$1 ;;
        --san) add_san "$1" ;;
        --key) key_typed=$1 ;;
        --key-type) key_type=$1 key_type_given=y ;;
        --out) out_typed=$1 ;;
        --csr) csr_typed=$1 ;;
        --label) add_label "$1" ;;
        --ca-file) ca_file=$(plain --ca-file "$1") || exit ;;
        --token-file) token_file=$(plain --token-file "$1") || exit ;;
        --client-cert) client_cert=$(plain --client-cert "$1") || exit ;;
        --client-key) client_key=$(plain --client-key "$1") || exit ;;
        --insecure-http) insecure_http=y ;;
        --timeout) seconds --timeout "$1" && timeout=$1 ;;
        --renew-within) within=$1 && [ "$1" = third ] || within=$(duration "$1") && [ "$within" != 0 ] ||
            mistake --renew-within "must be \`third\`, of the certificate's life, or a time before its end such as 30d" ;;
        --new-key) new_key=y ;;
        --deploy) deploy=$1 && [ "$1" ] || mistake --deploy "must be a program" ;;
        --deploy-timeout) seconds --deploy-timeout "$1" && deploy_timeout=$1 ;;
        --splay) splay=$(duration "$1") && [ "$splay" -le 604800 ] ||
            mistake --splay "must be a time such as 30m or 6h, 7d at most" ;;
        --json) json=y ;;
        --quiet | -q) quiet=y ;;
        --help | -h) help && exit ;;
        *) mistake "$option" "there is no such option" ;;
        esac
        case $option in --insecure-http | --new-key | --json | --quiet | -q) ;; *) shift ;; esac
    done
}

add_san() { sans="$sans$1$newline"; }

add_label() {
    case $1 in *[[:cntrl:]]*) mistake --label "must not have control characters" ;; esac
    case $1 in ?*=?*) labels="$labels$1$newline" ;; *) mistake --label "must be NAME=VALUE" ;; esac
}

check_options() {
    [ "$server" ] || mistake --server "is needed: the URL of a Countersign server"
    make_url
    [ -z "$one_name" ] || [ -z "$subject" ] || mistake --name "cannot stand beside --subject"
    [ "$one_name" ] || [ "$subject" ] || mistake --name "or --subject is needed"
    [ -z "$one_name" ] || { add_name --name "$one_name" && subject=/CN=$one_name; }
    [ "$one_name" ] || add_subject "$subject"
    while [ "$sans" ]; do
        add_name --san "${sans%%"$newline"*}"
        sans=${sans#*"$newline"}
    done
    [ "$names" ] || mistake --subject "has no CN: name the hosts with --san"
    case $key_type in
    p256 | p384) make="-algorithm EC -pkeyopt ec_paramgen_curve:P-${key_type#p} -pkeyopt ec_param_enc:named_curve" ;;
    rsa2048 | rsa3072 | rsa4096) make="-algorithm RSA -pkeyopt rsa_keygen_bits:${key_type#rsa}" ;;
    *) mistake --key-type "must be p256, p384, rsa2048, rsa3072 or rsa4096" ;;
    esac
    [ -z "$client_key" ] || [ "$client_cert" ] || mistake --client-key "goes with --client-cert"
    [ -z "$splay" ] || [ "$within" ] || mistake --splay "goes with --renew-within"
    key=$(plain --key "$key_typed") && out=$(plain --out "$out_typed") || exit
    csr=
    [ -z "$csr_typed" ] || csr=$(plain --csr "$csr_typed") || exit
    [ "$key" != "$out" ] && [ "$key" != "$csr" ] && [ "$out" != "$csr" ] ||
        mistake "--key, --out, --csr" "must be different files"
    key_new=$key.countersign-new key_old=$key.countersign-old key_part=$key.countersign-part
    out_new=$out.countersign-new out_old=$out.countersign-old out_part=$out.countersign-part
    undeployed=$out.countersign-undeployed lock=$out.countersign-lock csr_new=${csr:+"$csr.countersign-new"}
}
