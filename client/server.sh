# countersign-renew.sh, continued: key, CSR, and the talk with the server (docs/api.md).

# ---- The key and the CSR ------------------------------------------------------------------------------------------------

make_key() {
    openssl genpkey $make 2>/dev/null | write_part "$key_part" "$1" 600 && [ -s "$key_part" ] ||
        fail $FAILED "$key_typed: no key could be made or written"
}

is_of_type() { # KEY
    openssl pkey -in "$1" -passin pass: -noout -text 2>/dev/null | tr -d '\n' | case $key_type in
    p*) grep -q "P-${key_type#p}" ;;
    *) grep -q "^.*(${key_type#rsa} bit.*modulus" ;;
    esac
}

take_key() {
    used=$key
    if [ "$new_key" ] && [ -e "$key" ]; then
        used=$key_new new_key_used=true
        key_of "$key_new" >/dev/null && is_of_type "$key_new" || { make_key "$key" && move "$key_part" "$key_new"; } ||
            fail $FAILED "$error"
        say "using a new key ($key_type) for $key_typed"
    elif [ -e "$key" ]; then
        [ -z "$key_type_given" ] || is_of_type "$key" ||
            fail $FAILED "$key_typed: has a key of another type already: leave --key-type out, or name another file"
        say "using the key $key_typed"
    else
        make_key "$key"
        ln "$key_part" "$key" 2>/dev/null || { [ ! -e "$key" ] && move "$key_part" "$key"; } ||
            fail $FAILED "$key_typed: cannot be written"
        rm -f "$key_part"
        say "made the key $key_typed ($key_type)"
    fi
    public=$(key_of "$used") && [ "$public" ] ||
        fail $FAILED "$key_typed: is no private key in PEM that can be read, or has a passphrase, which is not supported"
    make_csr "$used" >"$work/csr.pem" && [ -s "$work/csr.pem" ] || fail $FAILED "no CSR can be made with the key in $key_typed"
}

make_csr() { # KEY
    printf '%s\n' '[req]' distinguished_name=dn req_extensions=ext prompt=no string_mask=utf8only utf8=yes '[dn]' '[ext]' \
        "subjectAltName=$(printf ',DNS:%s' $names | cut -c 2-)" |
        openssl req -new -config /dev/stdin -utf8 -sha256 -key "$1" -subj "$subject" 2>/dev/null
}

# ---- The server ---------------------------------------------------------------------------------------------------------

colons() { printf '%s' "$1" | sed 's/[\\:]/\\&/g'; } # behind one, curl looks for a pass phrase

# One question: $status, $retry and $location, and the body in a file. Ends the run when there is no answer that could help.
ask() { # URL [OPTION of curl …]
    asked=$1
    shift
    left=$((until - $(now)))
    [ $left -gt 0 ] || left=1
    [ -z "$ca_file" ] || set -- --cacert "$ca_file" "$@"
    [ -z "$client_cert" ] || set -- --cert "$(colons "$client_cert")" --key "${client_key:-$client_cert}" "$@"
    status=$(curl -q -sS --proto '=http,https' --connect-timeout $CONNECT_S --max-time $left --max-filesize $MAX_REPLY \
        -A $me -H 'Accept: application/pem-certificate-chain, application/problem+json' -D "$work/head" -o "$work/body" \
        -w '%{http_code}' "$@" "$asked" 2>"$work/fault" 9>&-)
    fault=$? retry='' location=''
    [ $fault = 0 ] || return $fault
    while IFS= read -r line; do
        line=${line%"$cr"}
        value=${line#*:}
        value=${value#"${value%%[! ]*}"}
        case $line in
        HTTP/*) retry='' location='' ;;
        [Rr][Ee][Tt][Rr][Yy]-[Aa][Ff][Tt][Ee][Rr]:*) retry=$(duration "$value") || retry=60 ;; # a date, from a proxy
        [Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]:*) location=$value ;;
        esac
    done <"$work/head"
}

pause() {
    seconds=${retry:-1}
    [ "$seconds" -gt 0 ] || seconds=1
    [ "$seconds" -le $LONGEST_PAUSE_S ] || seconds=$LONGEST_PAUSE_S
    sleep "$seconds" 9>&-
}

no_answer() { # CODE of curl
    fault="$asked: $(clean <"$work/fault" | sed 's/^curl: //')"
    case $1 in
    60) fail $FAILED "$fault; --ca-file names the trust anchors of a private CA" ;;
    1 | 2 | 3 | 23 | 27 | 58 | 77 | 83) fail $FAILED "$fault" ;;
    63) fail $MISFIT "the server's answer is longer than a chain can be" ;;
    esac
    fail $LATER "$fault"
}

is_ours() { grep -q '"type" *: *"urn:countersign:error:' "$work/body"; }

json_text() { # MEMBER: good enough for people; nothing is decided by it
    tr '\n' ' ' <"$work/body" | sed "s/\\\\\"/$mark/g" | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/: \1/p' |
        sed "s/$mark/\"/g;s/\\\\n/ /g" | clean
}

take_problem() {
    again="try the same command again later"
    words="the server answered $status$(json_text title)$(json_text detail)"
    grep -q '^ *{' "$work/body" || words="$words: $(sed 1q "$work/body" | clean)"
    case $status in
    2*) fail $MISFIT "$words" ;;
    3*) fail $FAILED "the server sends us elsewhere, and redirects are not followed: name the right URL with --server" ;;
    esac
    case $status,${retry:-0} in
    408,* | 429,* | *,[!0]*) retry_told=$retry && fail $LATER "$words; $again${retry:+, in $retry s}" ;;
    5*) is_ours || fail $LATER "$words; $again" ;;
    esac
    fail $REFUSED "$words"
}

# The place to ask at; it must be on the same server.
take_location() {
    case $location in
    *[[:cntrl:][:space:]]*) return 1 ;;
    //*) return 1 ;;
    /*) place=$origin$location ;;
    "$origin"/*) place=$location ;;
    *) return 1 ;;
    esac
}

# In a file for curl: the words of a command may be read by everybody on the host.
write_token() {
    token=$(cat "$token_file" 2>/dev/null) || fail $FAILED "$token_file: cannot be read"
    token=${token%"$cr"}
    case $token in
    '') fail $FAILED "$token_file: is empty: it must hold a token" ;;
    *[!A-Za-z0-9._~+/=-]*) fail $FAILED "$token_file: must hold a token and nothing else, on one line" ;;
    esac
    printf 'Authorization: Bearer %s\n' "$token" >"$work/token" || fail $FAILED "$work: cannot be written"
    token=
}

post() { # [OPTION of curl …]
    [ -z "$token_file" ] || { write_token && set -- -H "@$work/token" "$@"; }
    set -- --data-binary "@$work/csr.pem" -H 'Content-Type: application/x-pem-file' -H Expect: \
        -H 'Prefer: respond-async, wait=1' "$@"
    rest=$labels
    while [ "$rest" ]; do
        set -- "$@" -H "X-Countersign-Label: ${rest%%"$newline"*}"
        rest=${rest#*"$newline"}
    done
    until=$(($(now) + timeout))
    say "posting the CSR to $url"
    ask "$url" "$@" || no_answer $?
}

# Ask until there is an end: $work/body is a chain then.
exchange() { # [OPTION of curl …]
    post "$@"
    [ "$status" != 200 ] || return 0
    case $status,$location,${retry:-0} in
    202,* | 503,?*,[!0]*) [ "$status" = 202 ] || is_ours || take_problem ;;
    *) take_problem ;;
    esac
    take_location || fail $MISFIT "the server took the CSR, but does not say where to ask for the chain"
    stumbles=0
    while :; do
        [ "$status" != 202 ] || stumbles=0
        pause
        [ "$(now)" -lt $until ] ||
            fail $LATER "the time is over (--timeout), but the server goes on: run the same command again for the chain"
        if ask "$place" -H 'Content-Type:'; then
            [ "$status" != 200 ] || return 0
            [ "$status" = 202 ] && continue
            [ "$status" = 503 ] || take_problem
        else
            fault=$?
            case $fault in 1 | 2 | 3 | 23 | 27 | 58 | 60 | 63 | 77 | 83) no_answer $fault ;; esac
        fi
        stumbles=$((stumbles + 1))
        [ $stumbles -le $MAX_STUMBLES ] || { [ "${fault:-0}" = 0 ] && take_problem; } || no_answer "$fault"
    done
}

# Is the body the chain for this key and these names, each certificate issued by the next? Then it is $work/chain.pem.
take_chain() {
    [ "$(wc -c <"$work/body")" -le $MAX_REPLY ] || fail $MISFIT "the server's answer is longer than a chain can be"
    n=0 inside=''
    while IFS= read -r line || [ "$line" ]; do
        line=${line%"$cr"}
        case $line in
        '-----BEGIN CERTIFICATE-----') n=$((n + 1)) inside=y && true >"$work/$n.pem" ;;
        '') continue ;;
        *) [ "$inside" ] || misfit "there is text outside of the certificates" ;;
        esac
        [ $n -le 10 ] || misfit "there are too many certificates"
        printf '%s\n' "$line" >>"$work/$n.pem" || fail $FAILED "$out: cannot be written"
        [ "$line" != '-----END CERTIFICATE-----' ] || inside=
    done <"$work/body"
    [ -z "$inside" ] || misfit "its last certificate is cut off"
    [ $n -gt 0 ] || misfit "there is no certificate in it"
    check_leaf "$work/1.pem" "$public" || misfit "${fault#*: }"
    cat "$work/1.pem" >"$work/chain.pem" || fail $FAILED "$out: cannot be written"
    i=1
    while [ $i -lt $n ]; do
        openssl verify -partial_chain -trusted "$work/$((i + 1)).pem" "$work/$i.pem" >/dev/null 2>&1 ||
            misfit "certificate $i was not issued by the one after it"
        i=$((i + 1))
        cat "$work/$i.pem" >>"$work/chain.pem" || fail $FAILED "$out: cannot be written"
    done
}

misfit() { fail $MISFIT "nothing was written, because the answer does not fit: $1"; }
